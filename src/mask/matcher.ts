import { wipeNeedles } from "../needles/needle.ts";
import type { Needle } from "../needles/needle.ts";
import { ANY_TRACES, type Traces, tracesOf } from "../needles/traces.ts";
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
 * needles are made when there is text to look at, and those that it could hold: for a thousand secrets
 * all of them cost ten starts of Node (measured), and many a program prints a few words.
 */
export class Matcher {
  /** Copies: the text that needs them may come when the originals are wiped, as errors do. */
  readonly #secrets: readonly Secret[];
  #prepared: Prepared | undefined;
  #tails: TailIndex | undefined;
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
    this.#ready(text).index.visit(text, (start, end) => hits.push({ start, end }));
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
    const { needles } = this.#readyFor(ANY_TRACES);
    this.#tails ??= new TailIndex(needles);
    return this.#tails.start(text);
  }

  wipe(): void {
    this.#wiped = true;
    for (const secret of this.#secrets) secret.wipe();
    this.#tails?.wipe();
    if (this.#prepared !== undefined) wipe(this.#prepared);
  }

  #ready(text: Buffer): Prepared {
    const isWhole = this.#prepared?.traces === ANY_TRACES;
    return this.#readyFor(isWhole ? ANY_TRACES : tracesOf(text));
  }

  #readyFor(traces: Traces): Prepared {
    if (this.#wiped) throw new Error("the mask was wiped");
    const prepared = this.#prepared;
    if (prepared !== undefined && covers(prepared.traces, traces)) return prepared;
    const all = together(prepared?.traces ?? NO_TRACES, traces);
    if (prepared !== undefined) wipe(prepared);
    return (this.#prepared = prepare(this.#secrets, all));
  }
}

interface Prepared {
  /** The needles are those that a text with no other traces can hold. */
  readonly traces: Traces;
  readonly needles: Needle[];
  readonly index: NeedleIndex;
}

function prepare(secrets: readonly Secret[], traces: Traces): Prepared {
  const needles = secrets.flatMap((secret) => needlesOf(secret, "mask", traces));
  return { traces, needles, index: new NeedleIndex(needles) };
}

function wipe({ needles, index }: Prepared): void {
  wipeNeedles(needles);
  index.wipe();
}

const NO_TRACES: Traces = { run: 0, hasEscapes: false, hasZeros: false };

/** Runs as long as one of these, or longer ones than all: so many times needles are made anew. */
const RUNS = [16, 32];

function covers(prepared: Traces, { run, hasEscapes, hasZeros }: Traces): boolean {
  return (
    run <= prepared.run && (prepared.hasEscapes || !hasEscapes) && (prepared.hasZeros || !hasZeros)
  );
}

function together(one: Traces, other: Traces): Traces {
  const run = Math.max(one.run, other.run);
  const hasEscapes = one.hasEscapes || other.hasEscapes;
  const hasZeros = one.hasZeros || other.hasZeros;
  const rounded = RUNS.find((each) => run <= each) ?? Infinity;
  const isAny = rounded === Infinity && hasEscapes && hasZeros;
  return isAny ? ANY_TRACES : { run: rounded, hasEscapes, hasZeros };
}
