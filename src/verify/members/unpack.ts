import { NeedleSearch } from "../../needles/search.ts";
import type { NeedleTable } from "../../needles/table.ts";
import { HitLog } from "../hit-log.ts";
import { Turns } from "../turns.ts";
import type { MemberFile, UnpackContext } from "./context.ts";
import { SmallDecoder } from "./inflate.ts";
import { FileBudget, SpentBytes } from "./limits.ts";
import { openMember } from "./open.ts";
import { UnreadList } from "./unread.ts";

/** What the members of a file came to. */
export interface Unpacked {
  /** Places in the file and its members; `path` is empty. */
  readonly log: HitLog;
  readonly unread: UnreadList;
  /** Members that were searched. */
  readonly count: number;
  /** Bytes that they came to. */
  readonly bytes: number;
}

/** Unpacks files one after the other, in whatever thread it is made. */
export class Unpacker {
  readonly #table: NeedleTable;
  readonly #isStopped: () => boolean;
  readonly #searches: NeedleSearch[] = [];
  readonly #decoder = new SmallDecoder();
  readonly #turns = new Turns();

  /** @param isStopped - asked again and again: true ends the work at once */
  constructor(table: NeedleTable, isStopped: () => boolean) {
    this.#table = table;
    this.#isStopped = isStopped;
  }

  /** Searches all members of a file; what can't be read is told, never thrown. */
  async unpack(file: MemberFile, layer: SpentBytes): Promise<Unpacked> {
    const zip = file.part?.zip;
    const budget = new FileBudget(zip?.size ?? file.bytes.length, {
      layer,
      file: zip && new SpentBytes(zip.spent),
      isStopped: this.#isStopped,
    });
    const context: UnpackContext = {
      table: this.#table,
      budget,
      log: new HitLog(),
      unread: new UnreadList(),
      count: 0,
      decoder: this.#decoder,
      turns: this.#turns,
      acquire: () => this.#searches.pop() ?? new NeedleSearch(this.#table),
      release: (search) => {
        search.end();
        this.#searches.push(search);
      },
      open: openMember,
    };
    await openMember(file, { context, member: "", depth: 0, isContent: false });
    const { log, unread, count } = context;
    return { log, unread, count, bytes: budget.bytes };
  }
}
