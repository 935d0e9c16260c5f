import type { Needle } from "../../needles/needle.ts";
import type { Hit } from "../../needles/search.ts";
import type { NeedleTable } from "../../needles/table.ts";
import { joinResults, splitBatch } from "./split.ts";
import type { Batch, BatchResult, PackedHit } from "./work.ts";
import { BatchWork } from "./work.ts";
import { MemberWorker } from "./worker.ts";

const MIB = 1024 * 1024;

/**
 * Bytes of members that may wait or be worked on at a time, with the file that is being gathered; a
 * larger file waits until it is alone.
 */
const ROOM = 8 * MIB;

/** Fewer bytes of members than this are unpacked faster than a thread is started. */
const WORTH_A_THREAD = 4 * MIB;

/**
 * Bytes of batches that the thread has at a time: while it works on one, it need not wait for the next;
 * what it does not have, others can help with.
 */
const AHEAD = 3 * MIB;

/** Batches that are not unpacked here, as long as there is a thread: whatever else waits would wait. */
const LARGE = 8 * MIB;

/** Bytes of parts of a large batch that wait or are worked on: in the thread, here, and the next one. */
const PARTS = 4 * MIB;

/** A batch, or a part of one, that nobody works on yet. */
interface Job {
  readonly batch: Batch;
  readonly resolve: (result: BatchResult | Promise<BatchResult>) => void;
}

/**
 * Where the members of one image are unpacked: in a thread, while the raw bytes are searched, and right
 * here whenever the thread falls behind; a few, and all where no thread can be started, only here.
 * Bounded: whoever adds more waits, or helps.
 */
export class MemberQueue {
  readonly #table: NeedleTable;
  readonly #numbers: ReadonlyMap<Needle, number>;
  readonly #here: BatchWork;
  readonly #jobs: Job[] = [];
  #worker: Promise<MemberWorker | null> | undefined;
  /** Bytes of batches that the thread has. */
  #ahead = 0;
  #isStopped = false;
  #seen = 0;
  #inFlight = 0;
  #waiting: (() => void)[] = [];

  constructor(table: NeedleTable) {
    this.#table = table;
    this.#numbers = new Map(table.needles.map((needle, i) => [needle, i]));
    this.#here = new BatchWork(table, () => this.#isStopped);
  }

  get table(): NeedleTable {
    return this.#table;
  }

  packed({ needle, ...hit }: Hit): PackedHit {
    return { ...hit, needle: this.#numbers.get(needle) ?? -1 };
  }

  /**
   * Unpacks a batch.
   *
   * @throws Error when the thread ended before it was done
   */
  async run(batch: Batch): Promise<BatchResult> {
    this.#seen += batch.files.reduce((sum, { length }) => sum + length, 0);
    const size = batch.bytes.byteLength;
    const parts = splitBatch(batch);
    return parts === null ? this.#run(batch) : this.#runParts(parts, size);
  }

  /**
   * Waits until there is room for so many bytes, beside what is in flight, and helps meanwhile;
   * undefined when there is.
   */
  room(bytes: number): Promise<void> | undefined {
    const hasRoom = (): boolean => this.#inFlight === 0 || this.#inFlight + bytes <= ROOM;
    if (hasRoom()) return undefined;
    return (async () => {
      while (!hasRoom()) await (this.#helpOnce() ?? this.#change());
    })();
  }

  /** Waits until all is unpacked, and helps, for whoever has nothing else to do. */
  async help(): Promise<void> {
    await this.room(Infinity);
  }

  /** Ends the work at once. */
  stop(): void {
    this.#isStopped = true;
    void this.#worker?.then((worker) => worker?.stop());
  }

  /** Ends the thread, which wipes what it has of the needles. Safe to repeat. */
  async close(): Promise<void> {
    this.stop();
    // told as not read, in no time
    for (const { batch, resolve } of this.#jobs.splice(0)) resolve(this.#here.run(batch));
    const worker = this.#worker;
    this.#worker = undefined;
    await (await worker)?.close();
  }

  /** Has a few parts made at a time: they are copies. */
  async #runParts(parts: Iterable<Batch>, size: number): Promise<BatchResult> {
    const results: Promise<BatchResult>[] = [];
    const waiting: { readonly bytes: number; readonly done: Promise<unknown> }[] = [];
    let [left, made] = [size, 0];
    this.#inFlight += left;
    try {
      for (const part of parts) {
        const bytes = part.bytes.byteLength;
        left -= bytes;
        made += bytes;
        this.#inFlight -= bytes;
        const result = this.#run(part);
        results.push(result);
        waiting.push({ bytes, done: result.catch(() => undefined) });
        while (made > PARTS) {
          const oldest = waiting.shift();
          await oldest?.done;
          made -= oldest?.bytes ?? made;
        }
      }
    } finally {
      this.#inFlight -= left;
      this.#wake();
    }
    return joinResults(await Promise.all(results));
  }

  async #run(batch: Batch): Promise<BatchResult> {
    const size = batch.bytes.byteLength;
    this.#inFlight += size;
    try {
      if (this.#seen < WORTH_A_THREAD) return await this.#here.run(batch);
      return await new Promise((resolve) => {
        this.#jobs.push({ batch, resolve });
        this.#feed();
        // somebody could help
        if (this.#jobs.length > 0) this.#wake();
      });
    } finally {
      this.#inFlight -= size;
      this.#wake();
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #feed(): void {
    if (!this.#isStopped) this.#worker ??= MemberWorker.start(this.#table);
    for (;;) {
      const [job] = this.#jobs;
      if (job === undefined) return;
      const ahead = this.#ahead + job.batch.bytes.byteLength;
      if (this.#ahead > 0 && ahead > AHEAD) return;
      this.#ahead = ahead;
      this.#jobs.shift();
      job.resolve(this.#runThere(job.batch));
    }
  }

  async #runThere(batch: Batch): Promise<BatchResult> {
    const size = batch.bytes.byteLength;
    try {
      return await ((await this.#worker) ?? this.#here).run(batch);
    } finally {
      this.#ahead -= size;
      this.#feed();
    }
  }

  /** @returns undefined at once when there is nothing to help with: nothing is missed meanwhile */
  #helpOnce(): Promise<unknown> | undefined {
    const index = this.#jobs.findIndex(({ batch }) => isLight(batch));
    const [job] = index < 0 ? [] : this.#jobs.splice(index, 1);
    if (job === undefined) return undefined;
    const work = this.#here.run(job.batch);
    job.resolve(work);
    // whoever waits for its result gets to know
    return work.catch(() => undefined);
  }

  async #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

/** It may be unpacked here, as long as there is a thread. */
function isLight({ isHeavy, bytes }: Batch): boolean {
  return isHeavy !== true && bytes.byteLength <= LARGE;
}
