/** One DiffCopy call: lists a folder, and sends what of it the engine asks for, both at once. */
import type { ServerHttp2Stream } from "node:http2";
import { setImmediate as turn } from "node:timers/promises";

import { SealmountError } from "../../errors.ts";
import { FrameReader } from "../frames.ts";
import { PACKET } from "../fsutil.ts";
import { encodeMessage, GRPC_STATUS, GrpcError } from "../grpc.ts";
import { OpenFile, type Announced } from "./content.ts";
import { outOfOrder } from "./faults.ts";
import type { FileInspection } from "./inspect.ts";
import { Offered } from "./offered.ts";
import { BATCH_BYTES, CallEnded, Outgoing, type WritePacket } from "./outgoing.ts";
import {
  DATA_OVERHEAD,
  packetOf,
  readPacket,
  statRoom,
  writeDataHead,
  writeStat,
  writeStatEnd,
  type Packet,
} from "./packet.ts";
import type { SyncedStat } from "./stat.ts";
import type { Walker } from "./walk.ts";

/** What is sent. */
export interface Source {
  /** Absolute. */
  readonly root: string;
  /** Called for each file on disk that is sent, with its path: see {@link ContentInspector}. */
  readonly inspect?: ((path: string) => FileInspection) | undefined;
}

/** Most of a file in one packet; two fill a batch. Engines before 26 take 4 MiB at most. */
const CHUNK_BYTES = BATCH_BYTES / 2 - DATA_OVERHEAD;
/** Of the engine: requests have a few bytes, and an error's text is a sentence. */
const MAX_PACKET_BYTES = 1024 * 1024;
/** How long one task may go on before the others, health checks among them, get their turn. */
const SLICE_MS = 5;

/** A running call. */
export class Transfer {
  readonly #stream: ServerHttp2Stream;
  readonly #source: Source;
  readonly #out: Outgoing;
  readonly #offered = new Offered();
  /** Ids that were asked for, in order; {@link #next} is the first that is not served yet. */
  #asked: number[] = [];
  #next = 0;
  #wake: () => void = () => undefined;
  #over = false;

  constructor(stream: ServerHttp2Stream, source: Source) {
    this.#stream = stream;
    this.#source = source;
    this.#out = new Outgoing(stream);
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
    }
  }

  /** Settles when the engine has all it wants. */
  async #received(): Promise<void> {
    const frames = new FrameReader(MAX_PACKET_BYTES);
    await new Promise<void>((resolve, reject) => {
      const ended = (): void => reject(new CallEnded("the call ended early"));
      this.#stream.on("data", (chunk: Buffer) => {
        try {
          for (const message of frames.push(chunk)) if (this.#take(readPacket(message))) resolve();
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
    let stat: SyncedStat;
    // one function for all entries, which is called before the next one, or waited for
    const write: WritePacket = (buffer, at) => writeStat(buffer, at, stat);
    for (let entry = walker.next(); entry !== null; entry = walker.next()) {
      ({ stat } = entry);
      this.#offered.add(entry);
      const put = this.#put(statRoom(stat), write);
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
    const offered = this.#offered.take(id);
    if (offered === null) throw outOfOrder(`asked for file ${id}, which it has or which is none`);
    if (Buffer.isBuffer(offered)) await this.#sendBytes(id, offered);
    else await this.#sendFile(id, offered);
    const end = { id, length: 0 };
    await this.#put(DATA_OVERHEAD, (buffer, at) => writeDataHead(buffer, at, end));
  }

  async #sendFile(id: number, file: Announced): Promise<void> {
    const { root, inspect } = this.#source;
    using open = new OpenFile(root, file);
    const inspection = inspect?.(file.path);
    // what is thrown in here leaves the packet unwritten
    await this.#sendChunks(id, file.size, (buffer, at, { start, length }) => {
      open.read(buffer, at, length);
      if (start === 0 || start + length === file.size) open.check();
      inspection?.write(buffer.subarray(at, at + length));
    });
    if (file.size === 0) open.check();
    inspection?.end();
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
    }
  }

  #put(bytes: number, write: WritePacket): Promise<void> | undefined {
    if (this.#over) throw new CallEnded("the call is over");
    return this.#out.put(bytes, write);
  }

  /** Lets the engine have what there is, unless it is busy with more, and the other tasks run. */
  async #pause(): Promise<void> {
    if (this.#out.quiet) this.#out.flush();
    await turn();
    if (this.#over || this.#stream.destroyed) throw new CallEnded("the call is over");
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
