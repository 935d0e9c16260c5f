import { BLOCK, parseHeader } from "../tar-header.ts";

/** What is unpacked. `script` is a program that may have a zip behind it (zipapp, Spring Boot). */
export type Kind = "gzip" | "zlib" | "zstd" | "xz" | "bzip2" | "zip" | "tar" | "deb" | "script";

/** What the first bytes of a file say; `unreadable` names a compression that is not read. */
export type Sniffed = { readonly kind: Kind } | { readonly unreadable: string } | null;

/** Bytes that are needed to tell a kind; fewer when the file is shorter. */
export const SNIFF_LENGTH = BLOCK;

/** Shorter than this, nothing that is compressed can hold a value. */
const SHORTEST = 8;

const MAGICS: readonly (readonly [hex: string, sniffed: Exclude<Sniffed, null>])[] = [
  ["1f8b08", { kind: "gzip" }],
  ["28b52ffd", { kind: "zstd" }],
  ["fd377a585a00", { kind: "xz" }],
  ["504b0304", { kind: "zip" }],
  ["504b0506", { kind: "zip" }],
  ["504b0708504b0304", { kind: "zip" }],
  [Buffer.from("!<arch>\ndebian-binary").toString("hex"), { kind: "deb" }],
  ["2321", { kind: "script" }],
  ["377abcaf271c", { unreadable: "7z" }],
  ["526172211a07", { unreadable: "rar" }],
  ["04224d18", { unreadable: "lz4" }],
  ["02214c18", { unreadable: "lz4" }],
  ["4c5a495001", { unreadable: "lzip" }],
  ["894c5a4f000d0a1a0a", { unreadable: "lzo" }],
  ["1f9d90", { unreadable: "compress" }],
  ["edabeedb", { unreadable: "rpm" }],
  ["68737173", { unreadable: "squashfs" }],
  ["4d53434600000000", { unreadable: "cab" }],
];

const BY_FIRST_BYTE = new Map<number, { magic: Buffer; sniffed: Exclude<Sniffed, null> }[]>();
for (const [hex, sniffed] of MAGICS) {
  const magic = Buffer.from(hex, "hex");
  const first = magic[0] ?? 0;
  BY_FIRST_BYTE.set(first, [...(BY_FIRST_BYTE.get(first) ?? []), { magic, sniffed }]);
}

/**
 * Tells by its first bytes what a file is: names lie, and caches have none.
 *
 * @param head - {@link SNIFF_LENGTH} bytes, or the whole file when it is shorter
 */
export function sniff(head: Buffer): Sniffed {
  if (head.length < SHORTEST) return null;
  for (const { magic, sniffed } of BY_FIRST_BYTE.get(head[0] ?? 0) ?? []) {
    if (head.subarray(0, magic.length).equals(magic)) return sniffed;
  }
  return SHAPES.find(({ is }) => is(head))?.sniffed ?? null;
}

/** What takes more than to compare the first bytes; the dearest last. */
const SHAPES: readonly { readonly is: (head: Buffer) => boolean; readonly sniffed: Sniffed }[] = [
  { is: isZlib, sniffed: { kind: "zlib" } },
  { is: isSkippableZstd, sniffed: { kind: "zstd" } },
  { is: isBzip2, sniffed: { kind: "bzip2" } },
  { is: isLzma, sniffed: { unreadable: "lzma" } },
  { is: isTar, sniffed: { kind: "tar" } },
];

/** Everything that is told apart, with the bytes that tell it where they are fixed. */
export const KINDS: readonly (readonly [how: string, sniffed: Sniffed])[] = [
  ...MAGICS,
  ...SHAPES.map(({ is, sniffed }) => [is.name, sniffed] as const),
];

/** Deflate with a window of 32 KiB, as everybody writes it, no dictionary, and the check bits. */
function isZlib(head: Buffer): boolean {
  // not taken apart by an iterator: every file of a layer comes here
  const second = head[1] ?? 0;
  return head[0] === 0x78 && (second & 0x20) === 0 && (0x7800 | second) % 31 === 0;
}

/** @see RFC 8878, 3.1.2 */
function isSkippableZstd(head: Buffer): boolean {
  return head.readUInt32LE(0) >>> 4 === 0x184d2a5;
}

/** Of the first block (π), and of the end of the stream (√π) when there is none. */
const BZIP2_BLOCKS = ["314159265359", "177245385090"];

function isBzip2(head: Buffer): boolean {
  if (head[0] !== 0x42 || !/^BZh[1-9]/u.test(head.toString("latin1", 0, 4))) return false;
  return BZIP2_BLOCKS.includes(head.toString("hex", 4, 10));
}

/** The file of `xz --format=lzma`: usual properties, a size that is unknown or below 1 TiB. */
function isLzma(head: Buffer): boolean {
  if (head[0] !== 0x5d || head[1] !== 0 || head[2] !== 0 || head.length < 13) return false;
  const size = head.subarray(5, 13);
  return size.every((byte) => byte === 0xff) || size.subarray(5).every((byte) => byte === 0);
}

/** A header with its checksum: with the magic of 1988 and later, or of the first tar of all. */
function isTar(head: Buffer): boolean {
  if (head.length < BLOCK || head[0] === 0) return false;
  // "usta", the last letter left to the checksum: a number is compared without a text of it
  if (head.readUInt32BE(257) !== 0x75737461 && !isOctal(head.subarray(148, 154))) return false;
  return parseHeader(head.subarray(0, BLOCK)) !== null;
}

function isOctal(field: Buffer): boolean {
  return field.every((byte) => byte === 0x20 || byte === 0 || (byte >= 0x30 && byte <= 0x37));
}
