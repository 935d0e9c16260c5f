/** Cuts a gRPC byte stream into its messages: each has a flag byte and a 32-bit length before it. */
import { GRPC_STATUS, GrpcError } from "./grpc-status.ts";

/** Flag byte and length. */
export const PREFIX_BYTES = 5;

/** Puts messages together from pieces of any size, without joining a long one again and again. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #isLending: boolean;
  /** Where messages are put together, when they are lent. */
  #memory = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #size = 0;
  /** What has to be there before there is anything to read. */
  #wanted = PREFIX_BYTES;

  /**
   * @param maxBytes - of one message; what is longer is refused before memory is taken for it
   * @param isLending - messages last until the next `push`, and are all put together in the same memory:
   *   with new memory for each, hundreds of megabytes keep the collector busy
   */
  constructor(maxBytes: number, { isLending = false } = {}) {
    this.#maxBytes = maxBytes;
    this.#isLending = isLending;
  }

  /** True in the middle of a message. */
  get isHalfway(): boolean {
    return this.#size > 0;
  }

  /**
   * @returns the messages that are whole now: views of the pieces
   * @throws {@link GrpcError} unimplemented for a compressed, resourceExhausted for an over-long one
   */
  push(piece: Buffer): readonly Buffer[] {
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#size < this.#wanted) return [];
    const bytes = this.#pieces.length === 1 ? piece : this.#joined();
    const messages: Buffer[] = [];
    let at = 0;
    this.#wanted = PREFIX_BYTES;
    while (bytes.length - at >= PREFIX_BYTES) {
      const end = at + PREFIX_BYTES + this.#lengthAt(bytes, at);
      if (end > bytes.length) {
        this.#wanted = end - at;
        break;
      }
      messages.push(bytes.subarray(at + PREFIX_BYTES, end));
      at = end;
    }
    this.#size = bytes.length - at;
    this.#pieces = this.#size === 0 ? [] : [bytes.subarray(at)];
    return messages;
  }

  #joined(): Buffer {
    if (!this.#isLending) return Buffer.concat(this.#pieces);
    if (this.#memory.length < this.#size) {
      this.#memory = Buffer.concat(this.#pieces);
      return this.#memory;
    }
    let end = 0;
    // the first piece may be in there too: the rest of what was joined before
    for (const piece of this.#pieces) end += piece.copy(this.#memory, end);
    return this.#memory.subarray(0, end);
  }

  #lengthAt(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) {
      throw new GrpcError(GRPC_STATUS.unimplemented, "compressed messages are not supported");
    }
    const length = bytes.readUInt32BE(at + 1);
    if (length <= this.#maxBytes) return length;
    throw new GrpcError(
      GRPC_STATUS.resourceExhausted,
      `a message of ${length} bytes is too long, the limit is ${this.#maxBytes}`,
    );
  }
}
