/**
 * Headers of tar archives: POSIX ustar, with pax records for texts that its fields can't hold. A
 * library for them takes longer to load than the engine takes to make a container. Pure.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13
 */
import type { Ids } from "../owner.ts";

const BLOCK = 512;

/** The last bytes of every archive: two empty blocks. */
export const END_OF_TAR = Buffer.alloc(2 * BLOCK);

const TYPES = { file: "0", link: "1", symlink: "2", folder: "5", pax: "x" } as const;

/** One entry; the bytes of a file follow its header, up to {@link paddedSize}. */
export interface TarEntry {
  readonly type: keyof typeof TYPES;
  readonly path: string;
  readonly mode: number;
  readonly ids: Ids;
  /** Of a link, hard or symbolic. */
  readonly target?: string | undefined;
  /** Of a file, in bytes. */
  readonly size?: number | undefined;
}

/** Length of the fields for a path and for its target, in bytes. */
const PATH = 100;
/** In place of a text that a record holds. */
const OVERRIDDEN = "pax";
/** With the version of the format. */
const MAGIC = "ustar\u000000";
/** Largest id of seven octal digits. */
const MAX_ID = 0o7777777;

/** Bytes that a content takes in an archive. */
export function paddedSize(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** Time of last change is the beginning of 1970, so that two archives of the same files are equal. */
export function tarHeader(entry: TarEntry): Buffer {
  const records = Buffer.concat(recordsFor(entry));
  if (records.length === 0) return block(entry);
  const pax: TarEntry = { type: "pax", path: "pax", mode: 0o644, ids: { uid: 0, gid: 0 } };
  const padding = Buffer.alloc(paddedSize(records.length) - records.length);
  return Buffer.concat([block({ ...pax, size: records.length }), records, padding, block(entry)]);
}

/** What readers take in place of the fields. */
function recordsFor({ path, target = "" }: TarEntry): Buffer[] {
  return [
    ...(fits(path) ? [] : [record("path", path)]),
    ...(fits(target) ? [] : [record("linkpath", target)]),
  ];
}

/** The charset of the fields is nowhere said; that of records is UTF-8. */
function fits(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- ASCII is what is looked for
  return text.length <= PATH && /^[\x00-\x7f]*$/.test(text);
}

/** `LENGTH KEY=VALUE\n`, the length being that of all of it. */
function record(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length;
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length;
  }
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function block({ type, path, mode, ids, target = "", size = 0 }: TarEntry): Buffer {
  const before = [
    field(fits(path) ? path : OVERRIDDEN, PATH),
    octal(mode, 8),
    ids.uid <= MAX_ID ? octal(ids.uid, 8) : binary(ids.uid, 8),
    ids.gid <= MAX_ID ? octal(ids.gid, 8) : binary(ids.gid, 8),
    octal(size, 12),
    octal(0, 12),
  ].join("");
  const after = [TYPES[type], field(fits(target) ? target : OVERRIDDEN, PATH), MAGIC].join("");
  const whole = Buffer.alloc(BLOCK);
  // the sum is made as if its own field held spaces
  whole.write(`${before}${" ".repeat(8)}${after}`, "latin1");
  whole.write(octal(sumOf(whole), 7), before.length, "latin1");
  return whole;
}

function field(text: string, length: number): string {
  return text.padEnd(length, "\u0000");
}

/** Ends with a zero byte. */
function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, "0")}\u0000`;
}

/** As GNU tar has it, and every reader since: the first bit is set. */
function binary(value: number, length: number): string {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(value, length - 4);
  bytes[0] = 0x80;
  return bytes.toString("latin1");
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 1) sum += bytes[at] ?? 0;
  return sum;
}
