import type { Hit } from "../../needles/search.ts";
import type { HitLog } from "../hit-log.ts";
import type { MemberCounts } from "../model.ts";
import type { Kind, Sniffed } from "./kinds.ts";
import { BOUNDS, SpentBytes } from "./limits.ts";
import type { MemberQueue } from "./queue.ts";
import { UnreadList } from "./unread.ts";
import type { BatchResult } from "./work.ts";

/** Room for what most blobs are; a larger one gets all that any may have, taken where it is written. */
const SMALL = 128 * 1024;

/** A blob that is no tar but can be unpacked, such as the zip of an artifact: gathers it whole. */
export class BlobFile {
  readonly unread = new UnreadList();
  readonly #queue: MemberQueue;
  readonly #log: HitLog;
  #kind: Kind | undefined;
  #bytes = new ArrayBuffer(SMALL);
  #fill = 0;
  #hits: Hit[] = [];
  #count = 0;
  #unpacked = 0;

  /** @param sniffed - what its first bytes say */
  constructor(sniffed: Exclude<Sniffed, null>, queue: MemberQueue, log: HitLog) {
    this.#queue = queue;
    this.#log = log;
    if ("kind" in sniffed) this.#kind = sniffed.kind;
    else this.#giveUp(`${sniffed.unreadable} is not unpacked`);
  }

  get counts(): MemberCounts {
    return { count: this.#count, bytes: this.#unpacked, unseen: this.unread.count };
  }

  /** Takes a hit of the blob as it is: its members may explain it. */
  addHit(hit: Hit): void {
    if (this.#kind === undefined || this.#hits.length === BOUNDS.hits) this.#place(hit);
    else this.#hits.push(hit);
  }

  write(chunk: Buffer): void {
    if (this.#kind === undefined) return;
    const end = this.#fill + chunk.length;
    if (end > BOUNDS.file) {
      // a program is nobody's archive, and is searched as it is
      this.#giveUp(this.#kind === "script" ? undefined : `${this.#kind} of more than 64 MiB`);
      return;
    }
    if (end > this.#bytes.byteLength) this.#grow();
    chunk.copy(Buffer.from(this.#bytes), this.#fill);
    this.#fill = end;
  }

  /** Unpacks it. */
  async end(): Promise<void> {
    const kind = this.#kind;
    if (kind === undefined) return;
    const hits = this.#hits.map((hit) => this.#queue.packed(hit));
    const files = [{ kind, start: 0, length: this.#fill, hits }];
    try {
      const { shared: layer } = new SpentBytes();
      this.#take(await this.#queue.run({ layer, bytes: this.#bytes, files }));
    } catch {
      this.#giveUp("the search of its members broke off");
    }
  }

  #grow(): void {
    const larger = new ArrayBuffer(BOUNDS.file);
    Buffer.from(larger).set(Buffer.from(this.#bytes));
    this.#bytes = larger;
  }

  #take({ count, bytes, files }: BatchResult): void {
    this.#count = count;
    this.#unpacked = bytes;
    for (const { log, unread } of files) {
      this.#log.addAll("", log);
      this.unread.addAll("", unread);
    }
  }

  /** What was found in it as it is, is its own. */
  #giveUp(reason?: string): void {
    this.#kind = undefined;
    this.#bytes = new ArrayBuffer(0);
    for (const hit of this.#hits.splice(0)) this.#place(hit);
    if (reason !== undefined) this.unread.add({ path: "", member: "", reason });
  }

  #place({ needle, offset }: Hit): void {
    this.#log.add({ needle, path: "", part: "content", offset });
  }
}
