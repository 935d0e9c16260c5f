import type { Matcher } from "./matcher.ts";

const STARS = Buffer.from("***");
const NOTHING = Buffer.alloc(0);

/**
 * The state of one masked stream. Keeps a tail that could begin a needle, some of which may be
 * written already: the rest of a secret is hidden also when its beginning had to be shown.
 */
export class MaskedText {
  readonly #matcher: Matcher;
  #held: Buffer = NOTHING;
  /** Leading bytes of #held that are written already, as they are or as stars. */
  #done = 0;
  /** The last of those bytes was written as stars: a longer match goes on with no new stars. */
  #starred = false;

  constructor(matcher: Matcher) {
    this.#matcher = matcher;
  }

  /** True when text waits for what comes next. */
  get isHolding(): boolean {
    return this.#held.length > this.#done;
  }

  /** Takes the next bytes; returns what can be shown. */
  push(chunk: Buffer): Buffer {
    const text = this.#append(chunk);
    return this.#write(text, this.#matcher.tail(text));
  }

  /** Shows what waits, but remembers it: the next bytes may complete a needle. */
  flush(): Buffer {
    const text = this.#held;
    const shown = this.#write(text, text.length);
    // written to the end, so the whole tail is done; it stays as context
    this.#held = text;
    this.#done = text.length;
    return shown;
  }

  /** Takes the last bytes; returns all the rest. */
  end(chunk: Buffer = NOTHING): Buffer {
    const text = this.#append(chunk);
    return this.#write(text, text.length);
  }

  #append(chunk: Buffer): Buffer {
    const text = Buffer.alloc(this.#held.length + chunk.length);
    this.#held.copy(text);
    chunk.copy(text, this.#held.length);
    this.#held.fill(0);
    return text;
  }

  /** Shows the text up to `cut`, and keeps what is behind it. */
  #write(text: Buffer, cut: number): Buffer {
    if (text.length === 0) return NOTHING;
    const parts: Buffer[] = [];
    let at = this.#done;
    for (const { start, end } of this.#matcher.ranges(text)) {
      if (start >= cut) break;
      if (end <= this.#done) continue;
      if (start > at) parts.push(text.subarray(at, start));
      if (start >= this.#done || !this.#starred) parts.push(STARS);
      at = end;
      this.#starred = true;
    }
    if (at < cut) {
      parts.push(text.subarray(at, cut));
      this.#starred = false;
      at = cut;
    }
    const shown = Buffer.concat(parts);
    this.#held = text.subarray(cut);
    this.#done = at - cut;
    return shown;
  }
}
