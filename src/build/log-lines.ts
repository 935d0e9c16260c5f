/**
 * Joins a step's output into whole lines before it is masked: BuildKit cuts it anywhere, also in the
 * middle of a secret or of a character.
 */

/** A line without end is passed on when it has grown to this many bytes. */
const MAX_HELD_BYTES = 64 * 1024;

/** The unfinished lines of all steps and streams. */
export class LogLines {
  readonly #held = new Map<string, Buffer>();

  /**
   * @param key - one for each step and stream
   * @returns the text up to the last line end, or "" while no line is complete
   */
  push(key: string, bytes: Buffer): string {
    const all = Buffer.concat([this.#held.get(key) ?? Buffer.alloc(0), bytes]);
    const end = all.length > MAX_HELD_BYTES ? all.length : all.lastIndexOf(0x0a) + 1;
    if (end === all.length) this.#held.delete(key);
    else this.#held.set(key, all.subarray(end));
    return all.toString("utf8", 0, end);
  }

  /** What is left of one key, or "". */
  flush(key: string): string {
    const rest = this.#held.get(key)?.toString("utf8") ?? "";
    this.#held.delete(key);
    return rest;
  }

  /** Keys that still hold an unfinished line. */
  get open(): readonly string[] {
    return [...this.#held.keys()];
  }
}
