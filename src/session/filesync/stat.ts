/** One entry of a folder as the protocol has it: a file's properties in the words of Go. */
import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";

import { GO_MODE } from "../fsutil.ts";

/** What travels in a STAT packet. Owner and group are always 0, as buildx makes them for contexts. */
export interface SyncedStat {
  /** Relative, with `/`, clean. */
  readonly path: string;
  /** Go's `fs.FileMode`, which is not `st_mode`; 32 bits, unsigned. */
  readonly mode: number;
  /** Bytes; 0 for folders. */
  readonly size: number;
  /** Nanoseconds since 1970. The engine takes same size and same time as "unchanged". */
  readonly mtimeNs: bigint;
  /** Target of a symbolic link as it is written, or the path that a hard link shares its file with. */
  readonly link: string;
  readonly devMajor: number;
  readonly devMinor: number;
}

const S_IFMT = 0o170000;

/** What an entry is: the type in `st_mode`. A tenth of the cost of asking a bigint stat each question. */
export const KIND = {
  characterDevice: 0o020000,
  folder: 0o040000,
  blockDevice: 0o060000,
  file: 0o100000,
  link: 0o120000,
  socket: 0o140000,
} as const;

/** @returns one of {@link KIND}, or what no name is needed for */
export function kindOf(stats: BigIntStats): number {
  return Number(stats.mode) & S_IFMT;
}

/** `st_mode` type → bits of Go's FileMode. A socket has none, so that it arrives as an empty file. */
const TYPES: Readonly<Record<number, number>> = {
  0o010000: GO_MODE.namedPipe,
  0o020000: GO_MODE.device + GO_MODE.characterDevice,
  0o040000: GO_MODE.folder,
  0o060000: GO_MODE.device,
  0o120000: GO_MODE.link,
};

/** `st_mode` flag → bit of Go's FileMode. */
const FLAGS: readonly (readonly [number, number])[] = [
  [0o4000, GO_MODE.setuid],
  [0o2000, GO_MODE.setgid],
  [0o1000, GO_MODE.sticky],
];

/** @see https://pkg.go.dev/io/fs#FileMode */
export function goMode(mode: number): number {
  // sums, because bit operators would make the folder bit a sign
  const type = TYPES[mode & S_IFMT] ?? 0;
  const plain = type + (mode & 0o777);
  if ((mode & 0o7000) === 0) return plain;
  return FLAGS.reduce((sum, [flag, bit]) => ((mode & flag) === 0 ? sum : sum + bit), plain);
}

/** @param link - see {@link SyncedStat.link} */
export function statOf(path: string, stats: BigIntStats, link: string): SyncedStat {
  const kind = kindOf(stats);
  const isDevice = kind === KIND.blockDevice || kind === KIND.characterDevice;
  const device = isDevice ? Number(stats.rdev) : 0;
  return {
    path,
    mode: goMode(Number(stats.mode)),
    size: kind === KIND.folder ? 0 : Number(stats.size),
    mtimeNs: stats.mtimeNs,
    link,
    // as fsutil, which knows the low 32 bits
    devMajor: (device >>> 8) & 0xfff,
    devMinor: (device & 0xff) | ((device >>> 12) & 0xfff00),
  };
}

/**
 * A file that exists in memory only. Its time is made from its content: the engine would otherwise
 * take another text of the same length for the one it has.
 */
export function virtualStat(path: string, content: Buffer): SyncedStat {
  const digest = createHash("sha256").update(content).digest();
  // 60 bits of nanoseconds: a date before 2007
  const mtimeNs = digest.readBigUInt64BE() >> 4n;
  return { ...virtualFolderStat(path), mode: 0o644, size: content.length, mtimeNs };
}

/** A folder that is there only because a file in memory is in it. */
export function virtualFolderStat(path: string): SyncedStat {
  const mode = GO_MODE.folder + 0o755;
  return { path, mode, size: 0, mtimeNs: 0n, link: "", devMajor: 0, devMinor: 0 };
}
