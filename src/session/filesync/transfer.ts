/** One DiffCopy call: lists a folder, and sends what of it the engine asks for, both at once. */
import type { ServerHttp2Stream } from "node:http2";
import { setImmediate as turn } from "node:timers/promises";

import { SealmountError } from "../../errors.ts";
import { encodeMessage, GRPC_STATUS, GrpcError } from "../grpc.ts";
import { OpenFile, type Announced } from "./content.ts";
import { outOfOrder } from "./faults.ts";
import { Incoming } from "./incoming.ts";
import { BATCH_BYTES, CallEnded, Outgoing, type WritePacket } from "./outgoing.ts";
import {
  DATA_OVERHEAD,
  PACKET,
  packetOf,
  statRoom,
  writeDataHead,
  writeStat,
  writeStatEnd,
  type Packet,
} from "./packet.ts";
import type { Entry, Walker } from "./walk.ts";

/** What a call has sent so far. */
export interface Sent {
  readonly bytes: number;
  readonly files: number;
  readonly done: boolean;
}

/** Most of a file in one packet; two fill a batch. Engines before 26 take 4 MiB at most. */
const CHUNK_BYTES = BATCH_BYTES / 2 - DATA_OVERHEAD;
/** How long one task may go on before the others, health checks among them, get their turn. */
const SLICE_MS = 5;

/** What can be asked for: a file, or bytes. Index by id. */
type Offered = Announced | Buffer | null;

/** A running call. */
export class Transfer {
  readonly #stream: ServerHttp2Stream;
  readonly #root: string;
  readonly #out: Outgoing;
  readonly #offered: Offered[] = [];
  /** Ids that were asked for, in order; {@link #next} is the first that is not served yet. */
  #asked: number[] = [];
  #next = 0;
  #wake: () => void = () => undefined;
  #bytes = 0;
  #files = 0;
  #over = false;
  readonly #onProgress: (sent: Sent) => void;

  constructor(stream: ServerHttp2Stream, root: string, onProgress: (sent: Sent) => void) {
    this.#stream = stream;
    this.#root = root;
    this.#out = new Outgoing(stream);
    this.#onProgress = onProgress;
  }

  /**
   * Runs the call to its end; the engine has its status then.
   *
   * @returns what went wrong on our side, null when nothing did or the engine ended the call
   */
  async run(walker: Walker): Promise<Error | null> {
    if (this.#stream.destroyed) return null;
    this.#stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
    try {
      await Promise.all([this.#received(), this.#list(walker), this.#serve()]);
      this.#finish(packetOf(PACKET.end), { "grpc-status": "0" });
      return null;
    } catch (error) {
      return this.#fail(error);
    } finally {
      this.#over = true;
      this.#wake();
      this.#report(true);
    }
  }

  /** Settles when the engine has all it wants. */
  async #received(): Promise<void> {
    const incoming = new Incoming();
    await new Promise<void>((resolve, reject) => {
      const ended = (): void => reject(new CallEnded("the call ended early"));
      this.#stream.on("data", (chunk: Buffer) => {
        try {
          for (const packet of incoming.push(chunk)) if (this.#take(packet)) resolve();
        } catch (error) {
          reject(error);
        }
        this.#wake();
      });
      this.#stream.once("end", ended).once("aborted", ended).once("close", ended);
    });
    this.#over = true;
    this.#wake();
  }

  /** @returns true for the last packet */
  #take(packet: Packet): boolean {
    if (packet.type === PACKET.error) throw new CallEnded("the engine gave up");
    if (packet.type === PACKET.request) this.#asked.push(packet.id);
    return packet.type === PACKET.end;
  }

  async #list(walker: Walker): Promise<void> {
    let until = performance.now() + SLICE_MS;
    for (let entry = walker.next(); entry !== null; entry = walker.next()) {
      const { stat } = entry;
      this.#offered.push(offer(entry));
      const put = this.#put(statRoom(stat), (buffer, at) => writeStat(buffer, at, stat));
      if (put !== undefined) await put;
      if (performance.now() > until) {
        await this.#pause();
        until = performance.now() + SLICE_MS;
      }
    }
    await this.#put(DATA_OVERHEAD, writeStatEnd);
    this.#out.flush();
  }

  async #serve(): Promise<void> {
    let until = performance.now() + SLICE_MS;
    while (!this.#over) {
      const id = this.#asked[this.#next];
      if (id === undefined) {
        this.#out.flush();
        this.#asked = [];
        this.#next = 0;
        await new Promise<void>((wake) => (this.#wake = wake));
        continue;
      }
      this.#next += 1;
      await this.#send(id);
      if (performance.now() > until) {
        await this.#pause();
        until = performance.now() + SLICE_MS;
      }
    }
  }

  async #send(id: number): Promise<void> {
    const offered = this.#offered[id];
    if (offered === undefined || offered === null) {
      throw outOfOrder(`asked for file ${id}, which it has or which is none`);
    }
    // an id may be asked for once; and the table need not grow old
    this.#offered[id] = null;
    if (Buffer.isBuffer(offered)) await this.#sendBytes(id, offered);
    else await this.#sendFile(id, offered);
    const end = { id, length: 0 };
    await this.#put(DATA_OVERHEAD, (buffer, at) => writeDataHead(buffer, at, end));
    this.#files += 1;
  }

  async #sendFile(id: number, file: Announced): Promise<void> {
    using open = new OpenFile(this.#root, file);
    await this.#sendChunks(id, file.size, (buffer, at, chunk) => {
      open.read(buffer, at, chunk.length);
    });
    open.check();
  }

  async #sendBytes(id: number, bytes: Buffer): Promise<void> {
    await this.#sendChunks(id, bytes.length, (buffer, at, { start, length }) => {
      bytes.copy(buffer, at, start, start + length);
    });
  }

  async #sendChunks(
    id: number,
    size: number,
    fill: (buffer: Buffer, at: number, chunk: { start: number; length: number }) => void,
  ): Promise<void> {
    for (let start = 0; start < size; start += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, size - start);
      const put = this.#put(length + DATA_OVERHEAD, (buffer, at) => {
        const data = writeDataHead(buffer, at, { id, length });
        fill(buffer, data, { start, length });
        return data + length;
      });
      if (put !== undefined) await put;
      this.#bytes += length;
    }
  }

  #put(bytes: number, write: WritePacket): Promise<void> | undefined {
    if (this.#over) throw new CallEnded("the call is over");
    const put = this.#out.put(bytes, write);
    if (put !== undefined) this.#report(false);
    return put;
  }

  /** Lets the engine have what there is, unless it is busy with more, and the other tasks run. */
  async #pause(): Promise<void> {
    if (this.#out.quiet) this.#out.flush();
    await turn();
    if (this.#over || this.#stream.destroyed) throw new CallEnded("the call is over");
  }

  #report(done: boolean): void {
    this.#onProgress({ bytes: this.#bytes, files: this.#files, done });
  }

  #fail(error: unknown): Error | null {
    if (error instanceof CallEnded) {
      this.#finish(null, { "grpc-status": String(GRPC_STATUS.unknown) });
      return null;
    }
    const known = error instanceof SealmountError || error instanceof GrpcError;
    // a foreign error's text would be kept in the engine's build log
    const text = known ? error.message : "the call failed";
    this.#finish(packetOf(PACKET.error, text), {
      "grpc-status": String(error instanceof GrpcError ? error.status : GRPC_STATUS.unknown),
      "grpc-message": encodeMessage(text),
    });
    return error instanceof Error ? error : new Error("the call failed");
  }

  /** Ends the call: a last packet, and the status. */
  #finish(packet: Buffer | null, trailers: Readonly<Record<string, string>>): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    stream.once("wantTrailers", () => stream.sendTrailers(trailers));
    // before the error, or the engine would miss the packets that lead to it
    this.#out.flush();
    if (packet === null) stream.end();
    else stream.end(packet);
    stream.resume();
  }
}

function offer({ stat, content }: Entry): Offered {
  if (content !== "file") return content;
  return { path: stat.path, size: stat.size, mtimeNs: stat.mtimeNs };
}
