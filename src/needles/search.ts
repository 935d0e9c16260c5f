import type { Needle } from "./needle.ts";
import { GRAM_FACTOR, NeedleTable, SHORTEST_NEEDLE } from "./table.ts";

/** One occurrence of a needle. */
export interface Hit {
  readonly needle: Needle;
  /** Offset of its first byte in the whole stream. */
  readonly offset: number;
}

/** Bytes that are searched at once: measured best between 64 KiB and 1 MiB. */
const BLOCK = 256 * 1024;

/** An occurrence whose first bytes stand at the end of what has come so far. */
interface Pending {
  readonly needle: Needle;
  readonly offset: number;
  matched: number;
}

/**
 * Exact search for many needles in a stream that comes in chunks of any size. Every occurrence is
 * reported once, also overlapping ones and needles within needles, in the `write` that brings its
 * last byte; within one write in no particular order.
 *
 * Memory: 260 KiB and a few bytes per needle, whatever the stream and the needles' lengths.
 */
export class NeedleSearch {
  readonly #table: NeedleTable;
  readonly #work: Buffer;
  /** Bytes of #work in use, and the stream offset of the first one. */
  #fill = 0;
  #base = 0;
  /** Index in #work of the next probe: always a multiple of the stride away from the last. */
  #next = 0;
  #pending: Pending[] = [];

  /** @param needles - or a table made of them, to share it between searches */
  constructor(needles: readonly Needle[] | NeedleTable) {
    this.#table = needles instanceof NeedleTable ? needles : new NeedleTable(needles);
    this.#work = Buffer.alloc(BLOCK + this.#table.reach + this.#table.stride + SHORTEST_NEEDLE);
  }

  /** Searches the next chunk of the stream. The chunk may be reused afterwards. */
  write(chunk: Buffer, onHit: (hit: Hit) => void): void {
    for (let from = 0; from < chunk.length;) {
      this.#makeRoom();
      const piece = chunk.subarray(from, from + this.#work.length - this.#fill);
      this.#resume(piece, onHit);
      this.#fill += piece.copy(this.#work, this.#fill);
      this.#next = probe(this.#table, this.#work.subarray(0, this.#fill), {
        from: this.#next,
        visit: (needle, start) => this.#check(needle, start, onHit),
      });
      from += piece.length;
    }
  }

  /** Ends the stream: forgets its bytes, and may begin another one at offset 0. */
  end(): void {
    this.#work.fill(0);
    this.#fill = 0;
    this.#base = 0;
    this.#next = 0;
    this.#pending = [];
  }

  /** Drops what no later hit can need, as a multiple of the stride: probes keep their phase. */
  #makeRoom(): void {
    if (this.#fill < this.#work.length) return;
    const { stride, reach } = this.#table;
    const spare = Math.floor(Math.max(0, this.#next - reach) / stride) * stride;
    this.#work.copyWithin(0, spare, this.#fill);
    this.#fill -= spare;
    this.#base += spare;
    this.#next -= spare;
  }

  #check(needle: Needle, start: number, onHit: (hit: Hit) => void): void {
    const matched = matchedBytes(needle.bytes, 0, this.#work.subarray(start, this.#fill));
    if (matched < 0) return;
    const offset = this.#base + start;
    if (matched === needle.bytes.length) onHit({ needle, offset });
    else this.#pending.push({ needle, offset, matched });
  }

  #resume(piece: Buffer, onHit: (hit: Hit) => void): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    for (const candidate of pending) {
      const matched = matchedBytes(candidate.needle.bytes, candidate.matched, piece);
      if (matched < 0) continue;
      candidate.matched = matched;
      if (matched < candidate.needle.bytes.length) this.#pending.push(candidate);
      else onHit({ needle: candidate.needle, offset: candidate.offset });
    }
  }
}

/** Every occurrence in one piece of bytes, in no particular order. */
export function findAll(table: NeedleTable, bytes: Buffer): Hit[] {
  const hits: Hit[] = [];
  probe(table, bytes, {
    from: 0,
    visit: (needle, start) => {
      const text = bytes.subarray(start, start + needle.bytes.length);
      if (needle.bytes.equals(text)) hits.push({ needle, offset: start });
    },
  });
  return hits;
}

/** Visits every place where a needle may begin; returns where the next probe falls. */
function probe(
  table: NeedleTable,
  bytes: Buffer,
  o: { readonly from: number; readonly visit: (needle: Needle, start: number) => void },
): number {
  // locals and one load a probe: this loop is the cost of the whole search
  const { stride, filter, filterShift } = table;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = bytes.length - SHORTEST_NEEDLE;
  let at = o.from;
  for (; at <= end; at += stride) {
    const gram = view.getInt32(at, true);
    if (filter[Math.imul(gram, GRAM_FACTOR) >>> filterShift] === 0) continue;
    for (const { needle, offset } of table.entries(gram) ?? []) {
      if (at >= offset) o.visit(needle, at - offset);
    }
  }
  return at;
}

/**
 * Compares as far as both go.
 *
 * @returns how many bytes of the needle match by now; -1 when one does not
 */
function matchedBytes(needle: Buffer, from: number, text: Buffer): number {
  const length = Math.min(needle.length - from, text.length);
  const equal = needle.compare(text, 0, length, from, from + length) === 0;
  return equal ? from + length : -1;
}
