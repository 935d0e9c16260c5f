import type { Needle } from "../../needles/needle.ts";
import type { Hit } from "../../needles/search.ts";
import type { NeedleTable } from "../../needles/table.ts";
import type { Batch, BatchResult, PackedHit } from "./work.ts";
import { BatchWork } from "./work.ts";
import { MemberWorker } from "./worker.ts";

/**
 * Bytes of members that may wait or be worked on at a time, with the file that is being gathered; a
 * larger file waits until it is alone.
 */
const ROOM = 8 * 1024 * 1024;

/** Less than this is unpacked faster than a thread is started. */
const WORTH_A_THREAD = 1024 * 1024;

/**
 * Where the members of one image are unpacked: in a thread, while the raw bytes are searched; a few,
 * and all where no thread can be started, right here. Bounded: whoever adds more waits.
 */
export class MemberQueue {
  readonly #table: NeedleTable;
  readonly #numbers: ReadonlyMap<Needle, number>;
  readonly #here: BatchWork;
  #worker: Promise<MemberWorker | null> | undefined;
  #isStopped = false;
  #seen = 0;
  #inFlight = 0;
  #waiting: (() => void)[] = [];
  #layers = 0;

  constructor(table: NeedleTable) {
    this.#table = table;
    this.#numbers = new Map(table.needles.map((needle, i) => [needle, i]));
    this.#here = new BatchWork(table, () => this.#isStopped);
  }

  get table(): NeedleTable {
    return this.#table;
  }

  /** A number for another layer: the files of a layer share a limit. */
  nextLayer(): number {
    return this.#layers++;
  }

  packed({ needle, ...hit }: Hit): PackedHit {
    return { ...hit, needle: this.#numbers.get(needle) ?? -1 };
  }

  /**
   * Unpacks a batch, after those before it.
   *
   * @throws Error when the thread ended before it was done
   */
  async run(batch: Batch): Promise<BatchResult> {
    const size = batch.bytes.byteLength;
    this.#seen += size;
    this.#inFlight += size;
    if (this.#seen >= WORTH_A_THREAD) this.#worker ??= MemberWorker.start(this.#table);
    try {
      const worker = (await this.#worker) ?? this.#here;
      return await worker.run(batch);
    } finally {
      this.#inFlight -= size;
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  /** Waits until there is room for so many bytes, beside what is in flight; undefined when there is. */
  room(bytes: number): Promise<void> | undefined {
    const hasRoom = (): boolean => this.#inFlight === 0 || this.#inFlight + bytes <= ROOM;
    if (hasRoom()) return undefined;
    return (async () => {
      while (!hasRoom()) {
        await new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
        });
      }
    })();
  }

  /** Ends the work at once. */
  stop(): void {
    this.#isStopped = true;
    void this.#worker?.then((worker) => worker?.stop());
  }

  /** Ends the thread, which wipes what it has of the needles. Safe to repeat. */
  async close(): Promise<void> {
    this.stop();
    const worker = this.#worker;
    this.#worker = undefined;
    await (await worker)?.close();
  }
}
