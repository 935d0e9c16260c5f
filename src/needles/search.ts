import { GRAM_LENGTH } from "./grams.ts";
import type { Needle } from "./needle.ts";
import { Candidate } from "./occurrence.ts";
import { BLOCK } from "./scanner.ts";
import type { Scanner } from "./scanner.ts";
import { NeedleTable } from "./table.ts";
import type { Start } from "./table.ts";

/** One occurrence of a needle. */
export interface Hit {
  readonly needle: Needle;
  /** Offset of its first byte in the whole stream. */
  readonly offset: number;
  /** Bytes of text that it spans: more than the needle has where lines break. */
  readonly length: number;
}

/**
 * Exact search for many needles in a stream that comes in chunks of any size. Every occurrence is
 * reported once, also overlapping ones and needles within needles, in the `write` that brings its
 * last byte; within one write in no particular order.
 *
 * A needle that wraps is found with separators (separators.ts) anywhere between its bytes, at most
 * 64 bytes in one place, as long as lines have 32 bytes or more of it. Shorter lines may be missed;
 * so may a needle of fewer than 16 bytes, when a line ends in the middle of it.
 *
 * Memory: 300 KiB and up to 1 KiB per needle for all searches of a table, and a few KiB for each
 * search, whatever the stream and the needles' lengths.
 */
export class NeedleSearch {
  readonly #table: NeedleTable;
  /** The end of the stream so far, as far as later hits may begin in it. */
  readonly #tail: Buffer;
  #tailLength = 0;
  /** Bytes of the stream so far. */
  #position = 0;
  /** Stream offset of the next probe: a multiple of the stride. */
  #next = 0;
  /** Occurrences whose first bytes stand at the end of what has come so far. */
  #pending: Candidate[] = [];
  /** Bytes of the scanner's text that this search has written. */
  #used = 0;

  /** @param needles - or a table made of them, to share it between searches */
  constructor(needles: readonly Needle[] | NeedleTable) {
    this.#table = needles instanceof NeedleTable ? needles : new NeedleTable(needles);
    this.#tail = Buffer.alloc(this.#table.reach + this.#table.stride + GRAM_LENGTH);
  }

  /** Searches the next chunk of the stream. The chunk may be reused afterwards. */
  write(chunk: Buffer, onHit: (hit: Hit) => void): void {
    for (let from = 0; from < chunk.length; from += BLOCK) {
      // hits last: a search with the same table, made by their taker, uses the same memory
      for (const hit of this.#search(chunk.subarray(from, from + BLOCK))) onHit(hit);
    }
  }

  /** Ends the stream: forgets its bytes, and may begin another one at offset 0. */
  end(): void {
    this.#tail.fill(0);
    if (this.#used > 0) this.#table.scanner().text.fill(0, 0, this.#used);
    this.#used = 0;
    this.#tailLength = 0;
    this.#position = 0;
    this.#next = 0;
    this.#pending = [];
  }

  #search(piece: Buffer): Hit[] {
    const { text: memory, next } = this.#table.scanner();
    const base = this.#position - this.#tailLength;
    const hits = this.#resume(piece);
    this.#tail.copy(memory, 0, 0, this.#tailLength);
    piece.copy(memory, this.#tailLength);
    const text = memory.subarray(0, this.#tailLength + piece.length);
    this.#used = Math.max(this.#used, text.length);
    const probed = probe(this.#table, text, {
      from: this.#next - base,
      next,
      onStart: ({ needle, wraps, start }) => {
        const candidate = new Candidate(needle, base + start, wraps);
        if (candidate.read(text.subarray(start))) this.#sort(candidate, hits);
      },
    });
    this.#next = base + probed;
    this.#position += piece.length;
    this.#tailLength = text.copy(this.#tail, 0, Math.max(0, probed - this.#table.reach));
    return hits;
  }

  #resume(piece: Buffer): Hit[] {
    const hits: Hit[] = [];
    if (this.#pending.length === 0) return hits;
    const pending = this.#pending;
    this.#pending = [];
    for (const candidate of pending) if (candidate.read(piece)) this.#sort(candidate, hits);
    return hits;
  }

  #sort(candidate: Candidate, hits: Hit[]): void {
    if (candidate.isComplete) hits.push(hitOf(candidate));
    else this.#pending.push(candidate);
  }
}

/** Below this, bytes are searched where they are: it costs less than to make a scanner. */
const SMALL = 32 * 1024;

/** The same where there is a scanner: less than to copy them. */
const TINY = 1024;

/** Every occurrence in one piece of bytes, in no particular order. */
export function findAll(table: NeedleTable, bytes: Buffer): Hit[] {
  const hits: Hit[] = [];
  const isSmall = bytes.length <= (table.hasScanner ? TINY : SMALL);
  if (!isSmall && bytes.length > BLOCK) {
    const search = new NeedleSearch(table);
    search.write(bytes, (hit) => hits.push(hit));
    search.end();
    return hits;
  }
  const onStart = ({ needle, wraps, start }: Start): void => {
    const candidate = new Candidate(needle, start, wraps);
    if (candidate.read(bytes.subarray(start)) && candidate.isComplete) hits.push(hitOf(candidate));
  };
  if (isSmall) {
    const next: Scanner["next"] = (from, end) => table.next(bytes, from, end);
    probe(table, bytes, { from: 0, next, onStart });
    return hits;
  }
  const { text, next } = table.scanner();
  bytes.copy(text);
  probe(table, bytes, { from: 0, next, onStart });
  text.fill(0, 0, bytes.length);
  return hits;
}

/** Visits every place where a needle may begin; returns where the next probe falls. */
function probe(
  table: NeedleTable,
  text: Buffer,
  o: {
    readonly from: number;
    readonly next: Scanner["next"];
    readonly onStart: (start: Start) => void;
  },
): number {
  const end = text.length - GRAM_LENGTH + 1;
  let at = o.next(o.from, end);
  while (at < end) {
    table.visit(text, at, o.onStart);
    at = o.next(at + table.stride, end);
  }
  return at;
}

function hitOf({ needle, offset, length }: Candidate): Hit {
  return { needle, offset, length };
}
