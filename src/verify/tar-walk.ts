import { BLOCK, isHeaderOnly, isZeroBlock, parseHeader, parsePax, string } from "./tar-header.ts";
import type { TarHeader } from "./tar-header.ts";

/** One member of a tar, with its place in the stream. All offsets are of the tar's own bytes. */
export interface TarEntry extends TarHeader {
  /** First byte of its headers, extensions included. */
  readonly start: number;
  /** First byte of its content. */
  readonly data: number;
  /** First byte after its content and padding. */
  readonly end: number;
}

/** What a walk meets, in order: a member, pieces of its content, and the content's end. */
export type TarEvent =
  | { readonly kind: "entry"; readonly entry: TarEntry }
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "end" };

/** Longest extension (long name, PAX records) that is read; Linux paths end at 4 KiB. */
const EXTENSION_LIMIT = 1024 * 1024;

interface Extension {
  path?: string;
  link?: string;
  size?: number;
}

/**
 * Walks over the headers of a tar that comes in chunks. It keeps one block and the extension it is
 * reading, and skips content without a copy: measured several times as fast as a full tar reader,
 * which the search of every byte does not need.
 *
 * Blocks of zeros are skipped wherever they are, so members behind an early end are seen too.
 */
export class TarWalk {
  /** Bytes that came so far. */
  position = 0;
  /** Offset below which every member is known: headers begun but not complete are above it. */
  settled = 0;
  #trouble: string | undefined;
  readonly #block = Buffer.alloc(BLOCK);
  #filled = 0;
  #content = 0;
  #padding = 0;
  /** More header blocks of an old GNU sparse file follow. */
  #sparse = false;
  #reading: { type: string; parts: Buffer[] } | undefined;
  /** From extension headers, for the member that follows them. */
  #next: Extension | undefined;
  #global: Extension = {};

  /** Takes the next chunk. Data events are views into it. Run the generator to its end. */
  *write(chunk: Buffer): Generator<TarEvent> {
    const base = this.position;
    this.position += chunk.length;
    for (let at = 0; at < chunk.length && this.#trouble === undefined;) {
      if (this.#content > 0) at += yield* this.#takeContent(chunk, at);
      else if (this.#padding > 0) at += this.#skipPadding(chunk.length - at);
      else at += yield* this.#takeBlock(chunk, at, base);
      if (this.#isBetween) this.settled = base + at;
    }
  }

  /** Says what is wrong with the tar as a whole, after its last chunk; undefined when it is fine. */
  finish(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    const isCut = this.#content + this.#padding + this.#filled > 0 || !this.#isBetween;
    return isCut ? "the tar is cut off" : undefined;
  }

  /** Outside of headers: nothing about the bytes so far can change any more. */
  get #isBetween(): boolean {
    const hasExtension = this.#reading !== undefined || this.#next !== undefined;
    return this.#filled === 0 && !hasExtension && !this.#sparse;
  }

  *#takeContent(chunk: Buffer, at: number): Generator<TarEvent, number> {
    const bytes = chunk.subarray(at, at + this.#content);
    this.#content -= bytes.length;
    if (this.#reading === undefined) yield { kind: "data", bytes };
    // a copy: the chunk belongs to the caller
    else this.#reading.parts.push(Buffer.concat([bytes]));
    if (this.#content === 0) yield* this.#endContent();
    return bytes.length;
  }

  #skipPadding(available: number): number {
    const skipped = Math.min(available, this.#padding);
    this.#padding -= skipped;
    return skipped;
  }

  /** @param base - offset of the chunk in the tar */
  *#takeBlock(chunk: Buffer, at: number, base: number): Generator<TarEvent, number> {
    const copied = chunk.copy(this.#block, this.#filled, at, at + BLOCK - this.#filled);
    this.#filled += copied;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      yield* this.#readBlock(base + at + copied);
    }
    return copied;
  }

  /** @param end - offset of the byte after this block */
  *#readBlock(end: number): Generator<TarEvent> {
    if (this.#sparse) {
      this.#sparse = this.#block[504] === 1;
      return;
    }
    if (isZeroBlock(this.#block)) return;
    const header = parseHeader(this.#block);
    if (header === null) {
      this.#trouble = "a tar header is broken";
      return;
    }
    if ("LKxg".includes(header.type)) yield* this.#beginExtension(header);
    else yield* this.#beginEntry(header, end);
  }

  *#beginExtension({ type, size }: TarHeader): Generator<TarEvent> {
    if (size > EXTENSION_LIMIT) {
      this.#trouble = "a tar extension header is longer than 1 MiB";
      return;
    }
    this.#reading = { type, parts: [] };
    this.#content = size;
    this.#padding = paddingOf(size);
    if (size === 0) yield* this.#endContent();
  }

  *#beginEntry(header: TarHeader, data: number): Generator<TarEvent> {
    const extension = { ...this.#global, ...this.#next };
    const { path, link } = extension;
    const size = isHeaderOnly(header.type) ? 0 : (extension.size ?? header.size);
    this.#next = undefined;
    this.#content = size;
    this.#padding = paddingOf(size);
    this.#sparse = header.type === "S" && this.#block[482] === 1;
    const entry: TarEntry = {
      path: path ?? header.path,
      link: link ?? header.link,
      type: header.type,
      size,
      isSplit: header.isSplit && path === undefined,
      start: this.settled,
      data,
      end: data + size + this.#padding,
    };
    yield { kind: "entry", entry };
    if (size === 0) yield { kind: "end" };
  }

  *#endContent(): Generator<TarEvent> {
    const extension = this.#reading;
    if (extension === undefined) {
      yield { kind: "end" };
      return;
    }
    this.#reading = undefined;
    this.#apply(extension.type, Buffer.concat(extension.parts));
  }

  #apply(type: string, body: Buffer): void {
    this.#next ??= {};
    if (type === "L") this.#next.path = string(body);
    else if (type === "K") this.#next.link = string(body);
    else {
      const records = parsePax(body);
      if (records === null) this.#trouble = "a PAX header is broken";
      else Object.assign(type === "g" ? this.#global : this.#next, fromPax(records));
    }
  }
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** The records that say where and what a member is. */
function fromPax(records: ReadonlyMap<string, string>): Extension {
  const path = records.get("GNU.sparse.name") ?? records.get("path");
  const link = records.get("linkpath");
  const size = Number(records.get("size") ?? Number.NaN);
  return {
    ...(path === undefined ? {} : { path }),
    ...(link === undefined ? {} : { link }),
    ...(Number.isSafeInteger(size) && size >= 0 ? { size } : {}),
  };
}
