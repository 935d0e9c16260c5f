/** `fsutil.types.Packet`, as the receiver of a folder needs it. */
import { bytesOf, numberOf, readFields, textOf, writeFields } from "../protobuf.ts";

/** An entry of the folder that is sent. */
export interface Stat {
  /** With `/`, relative; not checked yet. */
  readonly path: string;
  /** POSIX permission bits with setuid, setgid and sticky. */
  readonly permissions: number;
  readonly kind: "file" | "dir" | "symlink" | "other";
  /** Seconds since 1970; a JavaScript number keeps them to about a quarter of a microsecond. */
  readonly modified: number;
  /** Target of a symlink; of a file, the entry that it is another name of. */
  readonly link: string;
}

/** What the engine sends. */
export type Packet =
  | { readonly type: "stat"; readonly stat: Stat }
  | { readonly type: "end-of-stats" }
  | { readonly type: "data"; readonly id: number; readonly data: Buffer }
  | { readonly type: "fin" }
  /** The engine gives up; it says why in the build's own error. */
  | { readonly type: "error" }
  | { readonly type: "unknown" };

const STAT = 0;
const REQ = 1;
const DATA = 2;
const FIN = 3;
const ERR = 4;

/** Go's FileMode, which is not st_mode (golang, io/fs). */
const GO_DIR = 2 ** 31;
const GO_SYMLINK = 2 ** 27;
/** Directory, symlink, device, named pipe, socket, character device, irregular. */
const GO_TYPE = 0x8f28_0000;
const GO_SETUID = 2 ** 23;
const GO_SETGID = 2 ** 22;
const GO_STICKY = 2 ** 20;

/** Reads a packet. @throws WireError */
export function readPacket(message: Buffer): Packet {
  const fields = new Map<number, number | Buffer>();
  for (const { number, value } of readFields(message)) fields.set(number, value);
  const stat = fields.get(2);
  switch (numberOf(fields.get(1) ?? STAT)) {
    case STAT:
      if (stat === undefined) return { type: "end-of-stats" };
      return { type: "stat", stat: readStat(bytesOf(stat)) };
    case DATA:
      return {
        type: "data",
        id: numberOf(fields.get(3) ?? 0),
        data: bytesOf(fields.get(4) ?? 0),
      };
    case FIN:
      return { type: "fin" };
    case ERR:
      return { type: "error" };
    default:
      return { type: "unknown" };
  }
}

/** Asks for the bytes of an entry, by its place in the sequence of stats. */
export function writeRequest(id: number): Buffer {
  return writeFields([
    [1, REQ],
    [3, id],
  ]);
}

/** Says that everything has come. */
export function writeFin(): Buffer {
  return writeFields([[1, FIN]]);
}

/** Says that this side gives up. The text goes into the engine's log. */
export function writeError(text: string): Buffer {
  return writeFields([
    [1, ERR],
    [4, text],
  ]);
}

function readStat(bytes: Buffer): Stat {
  let path = "";
  let mode = 0;
  let modified = 0;
  let link = "";
  for (const { number, value } of readFields(bytes)) {
    if (number === 1) path = textOf(value);
    else if (number === 2) mode = numberOf(value);
    else if (number === 6) modified = numberOf(value) / 1e9;
    else if (number === 7) link = textOf(value);
  }
  return { path, permissions: permissionsOf(mode), kind: kindOf(mode), modified, link };
}

function permissionsOf(mode: number): number {
  const special = [GO_SETUID, GO_SETGID, GO_STICKY].map((bit) => (has(mode, bit) ? 1 : 0));
  const [setuid = 0, setgid = 0, sticky = 0] = special;
  return setuid * 0o4000 + setgid * 0o2000 + sticky * 0o1000 + (mode % 0o1000);
}

function kindOf(mode: number): Stat["kind"] {
  if (has(mode, GO_DIR)) return "dir";
  if (has(mode, GO_SYMLINK)) return "symlink";
  return (mode & GO_TYPE) === 0 ? "file" : "other";
}

/** By division: bit operators read 2^31 as a sign. */
function has(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1;
}
