import { GRAM_LENGTH } from "./grams.ts";
import type { Needle } from "./needle.ts";
import { Gap, LONGEST_GAP, separatorBefore } from "./separators.ts";

/** Compares a needle with text from its first byte on, as far as the text has come. */
export class Candidate {
  readonly needle: Needle;
  /** Of its first byte in the stream. */
  readonly offset: number;
  /** Bytes of text it spans, as far as it was read. */
  length = 0;
  #matched = 0;
  /** Only for a needle with line breaks in it. */
  readonly #gap: Gap | undefined;

  constructor(needle: Needle, offset: number, wraps: boolean) {
    this.needle = needle;
    this.offset = offset;
    this.#gap = wraps ? new Gap() : undefined;
  }

  /** True when the needle is complete. */
  get isComplete(): boolean {
    return this.#matched === this.needle.bytes.length;
  }

  /**
   * Goes on with the next bytes of the text.
   *
   * @returns false when they are not the needle's
   */
  read(text: Buffer): boolean {
    return this.#gap === undefined ? this.#readPlain(text) : this.#readWrapped(text, this.#gap);
  }

  #readPlain(text: Buffer): boolean {
    const { bytes } = this.needle;
    const end = Math.min(bytes.length, this.#matched + text.length);
    const size = end - this.#matched;
    if (bytes.compare(text, 0, size, this.#matched, end) !== 0) return false;
    this.#matched = end;
    this.length = end;
    return true;
  }

  #readWrapped(text: Buffer, gap: Gap): boolean {
    const { bytes } = this.needle;
    for (let at = 0; at < text.length && this.#matched < bytes.length; at++) {
      const byte = text[at] ?? 0;
      this.length++;
      if (!gap.isOpen && byte === bytes[this.#matched]) {
        this.#matched++;
        gap.close();
      } else if (this.#matched === 0 || !gap.take(byte)) {
        return false;
      }
    }
    return true;
  }
}

/** A 4-gram of a needle that stands in a text. */
export interface Anchor {
  readonly text: Buffer;
  /** Index of the gram in the text. */
  readonly at: number;
  readonly needle: Buffer;
  /** Index of the gram in the needle. */
  readonly offset: number;
  /** True when the gram with this index in the needle, at this one in the text, is probed for too. */
  readonly isAnchor: (offset: number, at: number) => boolean;
}

/**
 * Where an occurrence of a needle with line breaks may begin, seen from an anchor of it. Mostly one place or
 * none; more when the first byte is an `n` or an `r`, which may be the end of a separator too.
 *
 * @returns none that an earlier anchor sees: every occurrence is found once
 */
export function startsBefore({ text, at, needle, offset, isAnchor }: Anchor): number[] {
  if (offset === 0) return [at];
  let place = at;
  // needle bytes from `place` on that follow each other without a break
  let run = GRAM_LENGTH;
  for (let index = offset - 1; index > 0; index--) {
    const end = gapBefore(text, place);
    if (end === null || text[end - 1] !== needle[index]) return [];
    run = end === place ? run + 1 : 1;
    place = end - 1;
    if (run >= GRAM_LENGTH && isAnchor(index, place)) return [];
  }
  const hasGram = run >= GRAM_LENGTH - 1;
  return firstBytes(text, place, needle[0] ?? 0).filter(
    (start) => !(hasGram && start === place - 1 && isAnchor(0, start)),
  );
}

/** Where the separators before `end` begin; null when there are too many. */
function gapBefore(text: Buffer, end: number): number | null {
  for (let start = end; end - start <= LONGEST_GAP;) {
    const before = separatorBefore(text, start);
    if (before === start) return start;
    start = before;
  }
  return null;
}

function firstBytes(text: Buffer, end: number, byte: number): number[] {
  const found: number[] = [];
  for (let start = end; end - start <= LONGEST_GAP;) {
    if (text[start - 1] === byte) found.push(start - 1);
    const before = separatorBefore(text, start);
    if (before === start) break;
    start = before;
  }
  return found;
}
