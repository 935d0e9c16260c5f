/**
 * Joins a step's output into whole lines before it is masked: BuildKit cuts it anywhere, also in the
 * middle of a secret or of a character.
 */

/** A line without end is passed on in pieces when it has grown to this many bytes. */
const MAX_HELD_BYTES = 64 * 1024;
/** What is kept of it then: it may begin a secret that is not complete yet. */
const KEPT_BYTES = 8 * 1024;
/** Where a piece may end is tried at this many places, so far apart. */
const TRIES = 8;
const STEP_BYTES = 4 * 1024;

/** True when no secret lies across the place between two texts. */
export type IsSafeCut = (before: string, after: string) => boolean;

/** The unfinished lines of all steps and streams. */
export class LogLines {
  readonly #held = new Map<string, Buffer>();
  readonly #isSafe: IsSafeCut;

  constructor(isSafe: IsSafeCut = () => true) {
    this.#isSafe = isSafe;
  }

  /**
   * @param key - one for each step and stream
   * @returns the text up to the last line end, or "" while no line is complete
   */
  push(key: string, bytes: Buffer): string {
    const all = Buffer.concat([this.#held.get(key) ?? Buffer.alloc(0), bytes]);
    const lineEnd = all.lastIndexOf(0x0a) + 1;
    const rest = all.length - lineEnd;
    const end = rest > MAX_HELD_BYTES ? this.#cut(all, lineEnd) : lineEnd;
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

  /** Where to end a line that has no end; where its last piece began when it is nowhere safe yet. */
  #cut(all: Buffer, lineEnd: number): number {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const at = characterStart(all, all.length - KEPT_BYTES - tries * STEP_BYTES);
      const [before, after] = [all.toString("utf8", lineEnd, at), all.toString("utf8", at)];
      if (this.#isSafe(before, after)) return at;
    }
    return lineEnd;
  }
}

/** Steps back over the bytes 10xxxxxx, which continue a character of UTF-8 (at most three). */
function characterStart(bytes: Buffer, at: number): number {
  for (let back = 0; back < 3; back += 1) {
    if (((bytes[at - back] ?? 0) & 0xc0) !== 0x80) return at - back;
  }
  return at;
}
