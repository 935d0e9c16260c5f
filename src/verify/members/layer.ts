import type { AttributedHit } from "../attribution.ts";
import type { HitLog } from "../hit-log.ts";
import type { MemberCounts } from "../model.ts";
import { cleanPath } from "../path-index.ts";
import type { TarEntry } from "../tar-walk.ts";
import type { Collected, CollectorOwner } from "./collector.ts";
import { SpentBytes } from "./limits.ts";
import type { MemberQueue } from "./queue.ts";
import { UnreadList } from "./unread.ts";
import type { BatchResult, FileJob } from "./work.ts";

/** Small files are put together to batches of this size; larger ones are batches of their own. */
const BATCH = 1024 * 1024;
const SMALL = 128 * 1024;

interface OpenBatch {
  readonly bytes: ArrayBuffer;
  fill: number;
  /** Rooms that were given out and not filled yet. */
  open: number;
  isFull: boolean;
  readonly files: (FileJob & { readonly file: Collected })[];
}

/** The files of one layer that can be unpacked: gathers them to batches, and their results. */
export class LayerMembers implements CollectorOwner {
  readonly takesViews = false;
  readonly unread = new UnreadList();
  readonly #queue: MemberQueue;
  readonly #log: HitLog;
  readonly #budget = new SpentBytes();
  readonly #batches = new Map<ArrayBufferLike, OpenBatch>();
  readonly #running = new Set<Promise<void>>();
  #small: OpenBatch | undefined;
  #count = 0;
  #bytes = 0;

  constructor(queue: MemberQueue, log: HitLog) {
    this.#queue = queue;
    this.#log = log;
  }

  get counts(): MemberCounts {
    return { count: this.#count, bytes: this.#bytes, unseen: this.unread.count };
  }

  allocate(size: number): Buffer {
    const batch = this.#batchFor(size);
    batch.open++;
    batch.fill += size;
    return Buffer.from(batch.bytes, batch.fill - size, size);
  }

  discard(bytes: Buffer): void {
    const batch = this.#batches.get(bytes.buffer);
    if (batch === undefined) return;
    batch.open--;
    // the last room that was given can be given again
    if (bytes.byteOffset + bytes.length === batch.fill) batch.fill = bytes.byteOffset;
    this.#postIfFull(batch);
  }

  place({ hit, entry, part, offset }: AttributedHit): void {
    const path = entry === undefined ? "" : shown(entry);
    this.#log.add({ needle: hit.needle, path, part, offset });
  }

  tellUnread(entry: TarEntry, reason: string): void {
    this.unread.add({ path: shown(entry), member: "", reason });
  }

  /**
   * Takes files that are complete.
   *
   * @param pending - bytes of the file that is being gathered
   * @returns a promise to wait for, when no more should come now
   */
  add(files: readonly Collected[], pending: number): Promise<void> | undefined {
    for (const file of files) {
      const { bytes, kind, hits } = file;
      const batch = this.#batches.get(bytes.buffer);
      if (batch === undefined) throw new RangeError("a member outside of every batch");
      const job = {
        kind,
        start: bytes.byteOffset,
        length: bytes.length,
        hits: hits.map((hit) => this.#queue.packed(hit)),
      };
      batch.open--;
      batch.files.push({ ...job, file });
      this.#postIfFull(batch);
    }
    return this.#queue.room(pending);
  }

  /** Waits until all files are searched. */
  async finish(): Promise<void> {
    for (const batch of this.#batches.values()) {
      batch.isFull = true;
      this.#postIfFull(batch);
    }
    await this.#queue.help();
    await Promise.all(this.#running);
  }

  #batchFor(size: number): OpenBatch {
    if (size > SMALL) return this.#newBatch(size, true);
    const small = this.#small;
    if (small !== undefined && small.fill + size <= small.bytes.byteLength) return small;
    this.#small = this.#newBatch(BATCH, false);
    if (small !== undefined) {
      small.isFull = true;
      this.#postIfFull(small);
    }
    return this.#small;
  }

  #newBatch(size: number, isFull: boolean): OpenBatch {
    const batch = { bytes: new ArrayBuffer(size), fill: 0, open: 0, isFull, files: [] };
    this.#batches.set(batch.bytes, batch);
    return batch;
  }

  #postIfFull(batch: OpenBatch): void {
    if (!batch.isFull || batch.open > 0 || !this.#batches.delete(batch.bytes)) return;
    if (this.#small === batch) this.#small = undefined;
    if (batch.files.length === 0) return;
    const running = this.#run(batch);
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  async #run({ bytes, files }: OpenBatch): Promise<void> {
    try {
      const jobs = files.map(({ kind, start, length, hits }) => ({ kind, start, length, hits }));
      const { shared: layer } = this.#budget;
      this.#settle(await this.#queue.run({ layer, bytes, files: jobs }), files);
    } catch {
      for (const { file } of files) this.#giveUp(file);
    }
  }

  #settle(result: BatchResult, files: OpenBatch["files"]): void {
    this.#count += result.count;
    this.#bytes += result.bytes;
    for (const { index, log, unread } of result.files) {
      const entry = files[index]?.file.entry;
      const path = entry === undefined ? "" : shown(entry);
      this.#log.addAll(path, log);
      this.unread.addAll(path, unread);
    }
  }

  /** The thread is gone, with the bytes: what was found in them as they are is left. */
  #giveUp({ entry, hits }: Collected): void {
    for (const hit of hits) this.place({ hit, entry, part: "content", offset: hit.offset });
    this.tellUnread(entry, "the search of its members broke off");
  }
}

function shown(entry: TarEntry): string {
  return `/${cleanPath(entry.path)}`;
}
