/** `fsutil.types.Packet`, as the receiver of a folder needs it. */
import { GO_MODE, hasMode, PACKET } from "../fsutil.ts";
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

/** Every type that is neither a folder nor a link: what is no file. */
const OTHER_TYPES = [
  GO_MODE.device,
  GO_MODE.namedPipe,
  GO_MODE.socket,
  GO_MODE.characterDevice,
  GO_MODE.irregular,
] as const;

/** Reads a packet. @throws WireError */
export function readPacket(message: Buffer): Packet {
  const fields = new Map<number, number | Buffer>();
  for (const { number, value } of readFields(message)) fields.set(number, value);
  const stat = fields.get(2);
  switch (numberOf(fields.get(1) ?? PACKET.stat)) {
    case PACKET.stat:
      if (stat === undefined) return { type: "end-of-stats" };
      return { type: "stat", stat: readStat(bytesOf(stat)) };
    case PACKET.data:
      return {
        type: "data",
        id: numberOf(fields.get(3) ?? 0),
        data: bytesOf(fields.get(4) ?? 0),
      };
    case PACKET.end:
      return { type: "fin" };
    case PACKET.error:
      return { type: "error" };
    default:
      return { type: "unknown" };
  }
}

/** Asks for the bytes of an entry, by its place in the sequence of stats. */
export function writeRequest(id: number): Buffer {
  return writeFields([
    [1, PACKET.request],
    [3, id],
  ]);
}

/** Says that everything has come. */
export function writeFin(): Buffer {
  return writeFields([[1, PACKET.end]]);
}

/** Says that this side gives up. The text goes into the engine's log. */
export function writeError(text: string): Buffer {
  return writeFields([
    [1, PACKET.error],
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
  const special = [GO_MODE.setuid, GO_MODE.setgid, GO_MODE.sticky].map((bit) =>
    hasMode(mode, bit) ? 1 : 0,
  );
  const [setuid = 0, setgid = 0, sticky = 0] = special;
  return setuid * 0o4000 + setgid * 0o2000 + sticky * 0o1000 + (mode % 0o1000);
}

function kindOf(mode: number): Stat["kind"] {
  if (hasMode(mode, GO_MODE.folder)) return "dir";
  if (hasMode(mode, GO_MODE.link)) return "symlink";
  return OTHER_TYPES.some((bit) => hasMode(mode, bit)) ? "other" : "file";
}
