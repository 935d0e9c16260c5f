/** Receives a folder: `--output type=local`. The engine sends, as we do for a build context. */
import { readMessages, type Reply } from "../grpc-stream.ts";
import { GRPC_STATUS, GrpcError, type GrpcCall } from "../grpc.ts";
import { EntryError } from "./entry-order.ts";
import {
  readPacket,
  writeError,
  writeFin,
  writeRequest,
  type Packet,
  type Stat,
} from "./packet.ts";
import { close, complete, Tree, writeTo, type AwaitedFile } from "./tree.ts";

/** The engine cuts files into 32 KiB; this is the most that gRPC lets through on any engine. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Writes what comes on a call into a folder.
 *
 * @throws {@link EntryError} for what must not be written, {@link GrpcError} when the engine gives up
 *   or goes away; else what the file system throws
 */
export async function receiveFolder(call: GrpcCall, reply: Reply, dir: string): Promise<void> {
  const receiver = new Receiver(Tree.at(dir), reply);
  try {
    for await (const message of readMessages(call.stream, MAX_MESSAGE_BYTES)) {
      receiver.take(readPacket(message));
      // the engine does not wait for more of this call, and may cut it off from here on
      if (receiver.isEnded) return;
    }
    throw gaveUp("the output was cut off");
  } catch (error) {
    // the end of the call alone would leave the engine with an error of its transport
    reply.post(writeError("the output can't be written"));
    throw error;
  } finally {
    receiver.close();
  }
}

class Receiver {
  readonly #tree: Tree;
  readonly #reply: Reply;
  readonly #awaited = new Map<number, AwaitedFile>();
  #stats = 0;
  #isListed = false;
  #state: "receiving" | "complete" | "ended" = "receiving";

  constructor(tree: Tree, reply: Reply) {
    this.#tree = tree;
    this.#reply = reply;
  }

  take(packet: Packet): void {
    switch (packet.type) {
      case "stat":
        return this.#add(packet.stat);
      case "end-of-stats":
        this.#isListed = true;
        return this.#completeIfDone();
      case "data":
        return this.#write(packet.id, packet.data);
      case "fin":
        if (this.#state === "complete") this.#state = "ended";
        return undefined;
      case "error":
        throw gaveUp("the engine gave up");
      case "unknown":
        return undefined;
    }
  }

  /** True once the engine has agreed that all has come. */
  get isEnded(): boolean {
    return this.#state === "ended";
  }

  /** Closes what a failure left open. */
  close(): void {
    for (const file of this.#awaited.values()) close(file);
    this.#awaited.clear();
  }

  #add(stat: Stat): void {
    if (this.#isListed) throw new EntryError("an entry after the end of the list");
    const id = this.#stats;
    this.#stats += 1;
    const file = this.#tree.add(stat);
    if (file === null) return;
    this.#awaited.set(id, file);
    // never waits for room: the engine may itself wait until we read, and a request is a few bytes
    this.#reply.post(writeRequest(id));
  }

  #write(id: number, data: Buffer): void {
    const file = this.#awaited.get(id);
    if (file === undefined) throw new EntryError("bytes of a file that was not asked for");
    if (data.length > 0) return writeTo(file, data);
    complete(file);
    this.#awaited.delete(id);
    return this.#completeIfDone();
  }

  #completeIfDone(): void {
    if (!this.#isListed || this.#awaited.size > 0 || this.#state !== "receiving") return;
    this.#tree.finish();
    this.#state = "complete";
    this.#reply.post(writeFin());
  }
}

function gaveUp(message: string): GrpcError {
  return new GrpcError(GRPC_STATUS.internal, message);
}
