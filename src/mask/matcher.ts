import { wipeNeedles } from "../needles/needle.ts";
import type { Needle } from "../needles/needle.ts";
import { needlesOf } from "../needles/variants.ts";
import type { Secret } from "../secret/secret.ts";
import { NeedleIndex } from "./needle-index.ts";
import { TailIndex } from "./tail-index.ts";

/** A part of a text that belongs to one or more overlapping needles. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Says what to hide in a text, and how much of its end may still turn into something to hide. The
 * needles are made when there is text to look at: for a thousand secrets they cost ten starts of
 * Node (measured), and many a program prints nothing.
 */
export class Matcher {
  /** Copies: the text that needs them may come when the originals are wiped, as errors do. */
  readonly #secrets: readonly Secret[];
  #prepared: Prepared | undefined;
  #wiped = false;

  constructor(secrets: Iterable<Secret>) {
    this.#secrets = Array.from(secrets, (secret) => secret.copy());
  }

  /**
   * What to hide, in order. Overlapping needles are one range, so that the longest one wins and
   * nothing between two of them shows.
   *
   * @throws Error after {@link wipe}: text must not pass unmasked
   */
  ranges(text: Buffer): Range[] {
    const hits: Range[] = [];
    this.#ready().index.visit(text, (start, end) => hits.push({ start, end }));
    hits.sort((a, b) => a.start - b.start);
    const merged: { start: number; end: number }[] = [];
    for (const hit of hits) {
      const last = merged.at(-1);
      if (last === undefined || hit.start >= last.end) merged.push(hit);
      else last.end = Math.max(last.end, hit.end);
    }
    return merged;
  }

  /** Where the longest tail begins that could be the beginning of a needle; else the length. */
  tail(text: Buffer): number {
    return this.#ready().tails.start(text);
  }

  wipe(): void {
    this.#wiped = true;
    for (const secret of this.#secrets) secret.wipe();
    if (this.#prepared === undefined) return;
    wipeNeedles(this.#prepared.needles);
    this.#prepared.index.wipe();
    this.#prepared.tails.wipe();
  }

  #ready(): Prepared {
    if (this.#wiped) throw new Error("the mask was wiped");
    return (this.#prepared ??= prepare(this.#secrets));
  }
}

interface Prepared {
  readonly needles: Needle[];
  readonly index: NeedleIndex;
  readonly tails: TailIndex;
}

function prepare(secrets: readonly Secret[]): Prepared {
  const needles = secrets.flatMap((secret) => needlesOf(secret, "mask"));
  return { needles, index: new NeedleIndex(needles), tails: new TailIndex(needles) };
}
