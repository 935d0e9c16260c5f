/** Bytes that came in pieces, to be taken in other pieces: for reading length-prefixed messages. */
export class ByteQueue {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The first bytes, left in place; null while there are not as many. */
  peek(bytes: number): Buffer | null {
    if (this.#length < bytes) return null;
    const [first = Buffer.alloc(0)] = this.#chunks;
    if (first.length >= bytes) return first.subarray(0, bytes);
    const all = Buffer.concat(this.#chunks);
    this.#chunks.splice(0, this.#chunks.length, all);
    return all.subarray(0, bytes);
  }

  /** Removes the first bytes and returns them, as a view where they came in one piece. */
  take(bytes: number): Buffer {
    if (this.#length < bytes) throw new RangeError(`${bytes} bytes of ${this.#length}`);
    const parts: Buffer[] = [];
    for (let missing = bytes; missing > 0;) {
      const chunk = this.#chunks.shift() ?? Buffer.alloc(0);
      const part = chunk.subarray(0, missing);
      if (part.length < chunk.length) this.#chunks.unshift(chunk.subarray(part.length));
      parts.push(part);
      missing -= part.length;
    }
    this.#length -= bytes;
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  }
}
