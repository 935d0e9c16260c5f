/** Searches bytes for needles and for private keys, in a stream, and finds their lines afterwards. */
import { type Encoding } from "../needles/needle.ts";
import { findAll, type Hit, NeedleSearch } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";

/** One occurrence. */
export interface ScanHit {
  /** Name of the secret; null for a private key of sealmount, whose ever it is. */
  readonly secret: string | null;
  readonly encoding: Encoding;
  /** Of its first byte. */
  readonly offset: number;
}

/** What one file holds. */
export interface FileHits {
  readonly hits: readonly ScanHit[];
  /** True when it begins as a PEM file with a private key does. */
  readonly isPrivateKey: boolean;
}

/** Text of a private key: this, then 32 bytes in base64url. */
const KEY_LENGTH = "smk1_".length + 43;
const KEY = /^smk1_[A-Za-z0-9_-]{43}$/;
/** What is searched for: `s` is so common that text takes five times as long (measured). */
const KEY_MARK = Buffer.from("k1_");
const KEY_BEGIN = /s(?:m(?:k(?:1(?:_[A-Za-z0-9_-]{0,42})?)?)?)?$/;
const PEM_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/;

/** Where a PEM header and a NUL byte are looked for: text has none, and says early what it is. */
const HEAD_BYTES = 4_096;
/** Occurrences in one file that are kept; more make no difference to anybody. */
const MAX_HITS = 1_000;

/** Searches one text or file after the other. */
export class FileScan {
  readonly #table: NeedleTable;
  #search: NeedleSearch | undefined;

  /** @param table - stays the caller's to wipe */
  constructor(table: NeedleTable) {
    this.#table = table;
  }

  text(text: string): ScanHit[] {
    return hitsIn(this.#table, Buffer.from(text, "utf8"));
  }

  /**
   * Reads to the end. A file of one chunk is searched where it is, with nothing copied.
   *
   * @param chunks - each with memory of its own: the first waits for the second
   */
  async file(chunks: AsyncIterable<Buffer>): Promise<FileHits> {
    let first: Buffer | undefined;
    let stream: StreamScan | undefined;
    for await (const chunk of chunks) {
      stream?.write(chunk);
      if (first !== undefined) stream ??= this.#stream(first, chunk);
      first ??= chunk;
    }
    if (first === undefined) return { hits: [], isPrivateKey: false };
    const hits = stream?.hits ?? hitsIn(this.#table, first);
    return { hits: hits.slice(0, MAX_HITS), isPrivateKey: beginsAsPrivateKey(first) };
  }

  /** Forgets the bytes of the last file. The scan can go on to another one. */
  wipe(): void {
    this.#search?.end();
  }

  #stream(...chunks: readonly Buffer[]): StreamScan {
    this.wipe();
    const stream = new StreamScan((this.#search ??= new NeedleSearch(this.#table)));
    for (const chunk of chunks) stream.write(chunk);
    return stream;
  }
}

/** A file of several chunks. */
export class StreamScan {
  readonly hits: ScanHit[] = [];
  readonly #search: NeedleSearch;
  /** The end of the last chunk, where a key may have begun. */
  #tail = Buffer.alloc(0);
  #offset = 0;

  /** @param search - at its beginning; stays the caller's */
  constructor(search: NeedleSearch) {
    this.#search = search;
  }

  /** @param chunk - may be reused afterwards */
  write(chunk: Buffer): void {
    this.#search.write(chunk, (hit) => {
      if (this.hits.length < MAX_HITS) this.hits.push(scanHit(hit));
    });
    this.#keys(chunk);
  }

  #keys(chunk: Buffer): void {
    // the tail and the beginning are each one byte short of a key, so that none is found twice
    const seam = Buffer.concat([this.#tail, chunk.subarray(0, KEY_LENGTH - 1)]);
    const found = [
      ...keysIn(seam, this.#offset - this.#tail.length),
      ...keysIn(chunk, this.#offset),
    ];
    if (this.hits.length < MAX_HITS) this.hits.push(...found);
    const all = chunk.length >= KEY_LENGTH - 1 ? chunk : Buffer.concat([this.#tail, chunk]);
    this.#tail = Buffer.from(all.subarray(Math.max(0, all.length - KEY_LENGTH + 1)));
    this.#offset += chunk.length;
  }
}

/**
 * Lines, from 1, of these offsets; undefined for all of them when the file is binary: an offset is
 * nothing that a reader can go to.
 */
export async function linesAt(
  chunks: AsyncIterable<Buffer>,
  offsets: readonly number[],
): Promise<(number | undefined)[]> {
  const wanted = [...offsets.entries()].toSorted(([, a], [, b]) => a - b);
  const found: (number | undefined)[] = offsets.map(() => undefined);
  let [line, start, next] = [1, 0, 0];
  for await (const chunk of chunks) {
    if (start === 0 && chunk.subarray(0, HEAD_BYTES).includes(0)) return found;
    let from = 0;
    for (; next < wanted.length; next += 1) {
      const [index, offset] = wanted[next] ?? [0, 0];
      if (offset >= start + chunk.length) break;
      line += newlines(chunk, from, offset - start);
      from = offset - start;
      found[index] = line;
    }
    if (next === wanted.length) return found;
    line += newlines(chunk, from, chunk.length);
    start += chunk.length;
  }
  return found;
}

function newlines(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a, from); at >= 0 && at < to; at = bytes.indexOf(0x0a, at + 1)) {
    count += 1;
  }
  return count;
}

function scanHit({ needle, offset }: Hit): ScanHit {
  return { secret: needle.secret, encoding: needle.encoding, offset };
}

/** Every needle and key in bytes that are all there is. */
export function hitsIn(table: NeedleTable, bytes: Buffer): ScanHit[] {
  return [...findAll(table, bytes).map(scanHit), ...keysIn(bytes, 0)];
}

/** Where a key begins that may go on behind the end; the length when none does. */
export function keyTail(bytes: Buffer): number {
  const from = Math.max(0, bytes.length - KEY_LENGTH + 1);
  const begin = KEY_BEGIN.exec(bytes.toString("latin1", from))?.index;
  return begin === undefined ? bytes.length : from + begin;
}

/** True when bytes begin as a PEM file with a private key does. */
export function beginsAsPrivateKey(bytes: Buffer): boolean {
  return PEM_KEY.test(bytes.toString("latin1", 0, HEAD_BYTES));
}

/** Complete keys only: a text about keys has their beginning too. */
function keysIn(bytes: Buffer, base: number): ScanHit[] {
  const hits: ScanHit[] = [];
  for (let mark = bytes.indexOf(KEY_MARK); mark >= 0; mark = bytes.indexOf(KEY_MARK, mark + 1)) {
    const at = mark - 2;
    if (at >= 0 && KEY.test(bytes.toString("latin1", at, at + KEY_LENGTH))) {
      hits.push({ secret: null, encoding: "raw", offset: base + at });
    }
  }
  return hits;
}
