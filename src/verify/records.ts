import type { NeedleTable } from "../needles/table.ts";
import type { Blob } from "./blob.ts";
import type { JsonBudget } from "./content.ts";
import { FirstOnes } from "./first-ones.ts";
import { HitLog } from "./hit-log.ts";
import { metadataHits } from "./metadata.ts";
import type { MemberCounts, Unseen } from "./model.ts";
import type { UnreadMember } from "./members/unread.ts";
import { PathIndex } from "./path-index.ts";

/** How the names of blobs begin that are of no image: what an engine keeps of its builds. */
export const BUILD_RECORDS = "build-record/";

/** Longest record that is taken apart, in bytes; a longer one is searched as it is. */
const JSON_LIMIT = 16 * 1024 * 1024;

/** Of each secret, in all records together: a build argument is in every record of its builds. */
const PLACES_PER_SECRET = 1000;

/** Members of records that were not read: so many are named. */
const MEMBERS_NAMED = 20;

/**
 * What was found in an engine's records of its builds. There may be any number of them, so of each
 * the findings and counts are kept, nothing else: memory does not grow with them.
 */
export class RecordTally {
  readonly #table: NeedleTable;
  readonly #log = new HitLog(PLACES_PER_SECRET);
  readonly #unread: UnreadMember[] = [];
  readonly #unseen = new FirstOnes<Unseen>();
  #counts = { bytes: 0, files: 0 };
  #members: MemberCounts = { count: 0, bytes: 0, unseen: 0 };
  #isEmpty = true;
  /** Some were too long to be taken apart. */
  hasLong = false;

  constructor(table: NeedleTable) {
    this.#table = table;
  }

  /** What one record may take, whatever others took. */
  static budget(): JsonBudget {
    return { left: JSON_LIMIT, isOptional: true };
  }

  /** Takes what a record had; whatever else there is of it may be forgotten. */
  add(blob: Blob, { left }: JsonBudget): void {
    this.#isEmpty = false;
    this.hasLong ||= left < 0;
    const search = { table: this.#table, unproved: [] };
    for (const { secret, encoding, path, offset } of metadataHits(blob, "build-record", search)) {
      this.#log.add({ needle: { secret, encoding }, path, part: "content", offset });
    }
    this.#log.omitted += blob.log.omitted;
    this.#count(blob);
    if (blob.trouble !== undefined) this.fail(blob.name, blob.trouble);
  }

  /** Says that something was not read. */
  fail(what: string, reason: string): void {
    this.#unseen.add(what, { what, reason });
  }

  /** What was not read: without it, "nothing found" proves nothing. */
  get unseen(): readonly Unseen[] {
    const reason = "they could not be read to their end";
    return this.#unseen.all((count) => ({ what: `${count} more build records`, reason }));
  }

  /** All records as one file of the image, for its report; undefined when none was read. */
  get blob(): Blob | undefined {
    if (this.#isEmpty) return undefined;
    return {
      ...this.#counts,
      name: "build-record",
      kind: "other",
      log: this.#log,
      paths: new PathIndex(),
      jsonDocument: undefined,
      trouble: undefined,
      members: this.#members,
      unreadMembers: this.#unread,
    };
  }

  #count({ name, bytes, files, members, unreadMembers }: Blob): void {
    this.#counts = { bytes: this.#counts.bytes + bytes, files: this.#counts.files + files };
    this.#members = {
      count: this.#members.count + members.count,
      bytes: this.#members.bytes + members.bytes,
      unseen: this.#members.unseen + members.unseen,
    };
    const room = MEMBERS_NAMED - this.#unread.length;
    for (const one of unreadMembers.slice(0, room)) {
      this.#unread.push({ ...one, path: `${name.slice(BUILD_RECORDS.length)}:${one.path}` });
    }
  }
}
