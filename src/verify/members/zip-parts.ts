import { BOUNDS, SpentBytes } from "./limits.ts";
import { headerStart, ListedZip } from "./zip.ts";
import type { ZipEntries, ZipEntry } from "./zip.ts";

const MIB = 1024 * 1024;

/** Bytes of a part, at least, but for the last one: see `BATCH` of layer.ts. */
const PART = MIB;

/** What an entry unpacks to, where two at a time would take too much memory. */
const HEAVY = 4 * MIB;

/**
 * Bytes of a directory, for some 50,000 entries: the list of a larger one takes more memory than one
 * thread more is worth.
 */
const LISTED = 4 * MIB;

/** A run of the entries of a zip, which can be searched without the rest of it. */
export interface ZipPart {
  /** Where its bytes are in the zip. */
  readonly start: number;
  readonly end: number;
  /** By offsets of the zip, one after the other: objects would keep the collector busy. */
  readonly entries: Float64Array;
  readonly isLast: boolean;
  /** An entry of it may be an archive that is gathered, as far as one may be as large. */
  readonly isHeavy: boolean;
  /** What is wrong with the zip as a whole; the last part tells it. */
  readonly trouble: string | undefined;
  readonly zip: {
    readonly size: number;
    /** Of the {@link SpentBytes} of all parts. */
    readonly spent: SharedArrayBuffer;
  };
}

/** What an entry is as numbers; what nothing says is not a number. */
const FIELDS = 8;

/**
 * Cuts a zip between its entries, part by part; null when it lists none or too many, or where a part,
 * which is a copy, would take more memory than the largest zip does.
 */
export function zipParts(bytes: Buffer): Generator<ZipPart> | null {
  const zip = ListedZip.of(bytes);
  if (zip === null || zip.directorySize > LISTED) return null;
  const isLarge = bytes.length + zip.widest() + PART > BOUNDS.file;
  return isLarge ? null : cut(zip.entries(), bytes.length);
}

function* cut(all: ZipEntries, size: number): Generator<ZipPart> {
  const zip = { size, spent: new SpentBytes().shared };
  let [start, end, largest] = [0, 0, 0];
  let fields: number[] = [];
  const part = (isLast: boolean, trouble?: string): ZipPart => {
    const isHeavy = largest > HEAVY;
    return { start, end, entries: Float64Array.from(fields), isLast, isHeavy, trouble, zip };
  };
  for (;;) {
    const { done, value } = all.next();
    if (done === true) {
      yield part(true, value);
      return;
    }
    const header = headerStart(value);
    // of an entry without a length, all that follows may be content
    if (end - start >= PART && header >= end) {
      yield part(false);
      [start, end, largest] = [header, header, 0];
      fields = [];
    }
    addFields(fields, value);
    largest = Math.max(largest, value.size ?? Infinity);
    end = Math.min(size, Math.max(end, value.end));
  }
}

function addFields(fields: number[], entry: ZipEntry): void {
  const { nameStart, nameEnd, method, isEncrypted, crc = NaN, size = NaN, start, end } = entry;
  fields.push(nameStart, nameEnd, start, end, method, Number(isEncrypted), crc, size);
}

/** Gives what {@link ListedZip} gives, by offsets of the part. */
export function* partEntries({ entries, start: base, trouble }: ZipPart): ZipEntries {
  for (let at = 0; at < entries.length; at += FIELDS) {
    const offset = (field: number): number => (entries[at + field] ?? 0) - base;
    yield {
      nameStart: offset(0),
      nameEnd: offset(1),
      start: offset(2),
      end: offset(3),
      method: entries[at + 4] ?? 0,
      isEncrypted: entries[at + 5] === 1,
      crc: known(entries[at + 6]),
      size: known(entries[at + 7]),
    };
  }
  return trouble;
}

function known(field = NaN): number | undefined {
  return Number.isNaN(field) ? undefined : field;
}
