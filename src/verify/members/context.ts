import type { Hit, NeedleSearch } from "../../needles/search.ts";
import type { NeedleTable } from "../../needles/table.ts";
import type { HitLog } from "../hit-log.ts";
import type { Turns } from "../turns.ts";
import type { SmallDecoder } from "./inflate.ts";
import type { Kind } from "./kinds.ts";
import { BOUNDS, Unreadable } from "./limits.ts";
import type { FileBudget } from "./limits.ts";
import type { UnreadList } from "./unread.ts";
import type { ZipPart } from "./zip-parts.ts";

/** A file that can be unpacked. */
export interface MemberFile {
  readonly kind: Kind;
  readonly bytes: Buffer;
  /** What was found in it as it is. */
  readonly hits: readonly Hit[];
  /** Of a zip, when the bytes are not all of it; the hits are by offsets of the zip. */
  readonly part?: ZipPart | undefined;
}

/** What the members of one file of a layer share. */
export interface UnpackContext {
  readonly table: NeedleTable;
  readonly budget: FileBudget;
  readonly log: HitLog;
  readonly unread: UnreadList;
  /** Members that were searched. */
  count: number;
  readonly decoder: SmallDecoder;
  readonly turns: Turns;
  /** A search for one stream; give it back with `release`. */
  acquire(): NeedleSearch;
  release(search: NeedleSearch): void;
  /** Opens what was found at a level; throws only what ends the work on the whole file. */
  open(file: MemberFile, level: Level): Promise<void>;
}

/** Where in a file of a layer something is. */
export interface Level {
  readonly context: UnpackContext;
  /** Path from the file on: empty for itself, then `!/a.zip`, `!/a.zip!/b`. */
  readonly member: string;
  /** Archives and compressions around it. */
  readonly depth: number;
  /** It is what a compressed file holds: a tar there is no further level. */
  readonly isContent: boolean;
}

/**
 * The level of what is inside of an archive or a compressed file.
 *
 * @throws {@link Unreadable} when it is nested too deep
 */
export function opened(level: Level, kind: Kind): Level {
  const isArchive = kind === "tar" || kind === "zip" || kind === "deb";
  const depth = level.isContent && kind === "tar" ? level.depth : level.depth + 1;
  if (depth > BOUNDS.depth) throw new Unreadable(`nested deeper than ${BOUNDS.depth} levels`);
  const member = level.isContent ? level.member : `${level.member}!`;
  return { ...level, member, depth, isContent: !isArchive };
}

/** The level of a member of an archive. */
export function entryLevel(archive: Level, name: string): Level {
  return { ...archive, member: `${archive.member}/${name}`, isContent: false };
}

/** Says where hits are that nothing further explains. */
export function logHits(hits: Iterable<Hit>, { context, member }: Level): void {
  for (const { needle, offset } of hits) {
    context.log.add({ needle, path: "", member, part: "content", offset });
  }
}
