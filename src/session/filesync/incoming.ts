/** Cuts the engine's byte stream into packets. */
import { GRPC_STATUS, GrpcError } from "../grpc.ts";
import { readPacket, type Packet } from "./packet.ts";

const PREFIX = 5;
/** Requests have a few bytes, and an error's text is a sentence. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Puts packets together from pieces of any size. */
export class Incoming {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * @returns the packets that are whole now
   * @throws {@link GrpcError} for a compressed or over-long message; {@link WireError}
   */
  push(chunk: Buffer): Packet[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const packets: Packet[] = [];
    let at = 0;
    while (bytes.length - at >= PREFIX) {
      const end = at + PREFIX + lengthOf(bytes, at);
      if (end > bytes.length) break;
      packets.push(readPacket(bytes.subarray(at + PREFIX, end)));
      at = end;
    }
    this.#rest = bytes.subarray(at);
    return packets;
  }
}

function lengthOf(bytes: Buffer, at: number): number {
  if (bytes[at] !== 0) {
    throw new GrpcError(GRPC_STATUS.unimplemented, "compressed messages are not supported");
  }
  const length = bytes.readUInt32BE(at + 1);
  if (length <= MAX_MESSAGE_BYTES) return length;
  throw new GrpcError(
    GRPC_STATUS.resourceExhausted,
    `a packet has ${length} bytes, the limit is ${MAX_MESSAGE_BYTES}`,
  );
}
