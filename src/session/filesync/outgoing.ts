/** Packs packets into large writes, with no more of them under way than the engine can take. */
import type { Writable } from "node:stream";

/**
 * One write. A gRPC message for each would triple the CPU time; much more would only cost memory,
 * and time before the engine sees the first packet.
 */
export const BATCH_BYTES = 256 * 1024;
/** Two on their way and one being filled. */
const BATCHES = 3;

/** The engine or we ended the call early; whoever ended it knows why. */
export class CallEnded extends Error {}

/** Writes a packet into a buffer. @returns where it ends; what it throws leaves no packet behind */
export type WritePacket = (buffer: Buffer, start: number) => number;

/** The outgoing half of a call, shared by several tasks. */
export class Outgoing {
  readonly #stream: Writable;
  readonly #idle: Buffer[] = [];
  #made = 1;
  #buffer: Buffer | null = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #used = 0;
  #waiting: (() => void)[] = [];

  constructor(stream: Writable) {
    this.#stream = stream;
    // a write to a stream that goes away may never be answered
    stream.once("close", () => this.#wake());
  }

  /** True when the engine has taken everything that was written. */
  get quiet(): boolean {
    return this.#idle.length + (this.#buffer === null ? 0 : 1) === this.#made;
  }

  /**
   * Adds a packet, at once where there is room: then nothing is to be awaited. The buffer is nobody's
   * across an await, since another task may send it off.
   *
   * @param bytes - that it has at most; no more than {@link BATCH_BYTES}
   * @throws {@link CallEnded} when the call is over
   */
  put(bytes: number, write: WritePacket): Promise<void> | undefined {
    const buffer = this.#withRoom(bytes);
    if (buffer === null) return this.#putLater(bytes, write);
    this.#used = write(buffer, this.#used);
    return undefined;
  }

  async #putLater(bytes: number, write: WritePacket): Promise<void> {
    let buffer = this.#withRoom(bytes);
    while (buffer === null) {
      if (this.#stream.destroyed || this.#stream.writableEnded)
        throw new CallEnded("the call is over");
      this.flush();
      if (this.#buffer === null) await new Promise<void>((wake) => this.#waiting.push(wake));
      buffer = this.#withRoom(bytes);
    }
    this.#used = write(buffer, this.#used);
  }

  #withRoom(bytes: number): Buffer | null {
    return this.#buffer !== null && this.#buffer.length - this.#used >= bytes ? this.#buffer : null;
  }

  /** Hands over what is there. */
  flush(): void {
    const buffer = this.#buffer;
    if (buffer === null || this.#used === 0) return;
    const full = buffer.subarray(0, this.#used);
    this.#used = 0;
    this.#buffer = this.#spare();
    this.#stream.write(full, () => this.#taken(buffer));
  }

  #spare(): Buffer | null {
    const idle = this.#idle.pop();
    if (idle !== undefined || this.#made === BATCHES) return idle ?? null;
    this.#made += 1;
    return Buffer.allocUnsafeSlow(BATCH_BYTES);
  }

  #taken(buffer: Buffer): void {
    if (this.#buffer === null) this.#buffer = buffer;
    else this.#idle.push(buffer);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
