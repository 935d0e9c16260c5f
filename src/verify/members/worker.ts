import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { NeedleTable } from "../../needles/table.ts";
import { packNeedles } from "./needles.ts";
import type { ThreadData } from "./thread.ts";
import type { Batch, BatchResult } from "./work.ts";

/**
 * The program of the thread lies beside this file in the sources, in `dist`, and in the bundle of
 * the command line (scripts/build.ts).
 */
const PROGRAM = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);

/** Young objects are few at a time here: the default takes three times as much memory. */
const LIMITS = { maxYoungGenerationSizeMb: 4 };

/** Time for the thread to wipe its needles when it is told to stop; it looks up between pieces. */
const GRACE_MS = 2000;

interface Waiting {
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that unpacks batches, in the order they are given. */
export class MemberWorker {
  readonly #worker: Worker;
  readonly #stop: Int32Array<SharedArrayBuffer>;
  readonly #waiting: Waiting[] = [];
  readonly #exited: Promise<void>;
  #failure: Error | undefined;

  private constructor(worker: Worker, stop: Int32Array<SharedArrayBuffer>) {
    this.#worker = worker;
    this.#stop = stop;
    worker.on("message", (result: BatchResult) => this.#waiting.shift()?.resolve(result));
    worker.on("error", () => this.#fail());
    this.#exited = new Promise((resolve) => {
      worker.on("exit", () => {
        this.#fail();
        resolve();
      });
    });
  }

  /** @returns null where no thread can be started */
  static async start(table: NeedleTable): Promise<MemberWorker | null> {
    const needles = packNeedles(table.needles);
    const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const workerData: ThreadData = { needles, stop };
    const transferList = [needles.bytes];
    try {
      // nothing of ours: no variable with a key, no flag of a debugger or a test runner
      const plain = { env: {}, execArgv: [], name: "members", resourceLimits: LIMITS };
      const worker = new Worker(PROGRAM, { workerData, transferList, ...plain });
      const isReady = await new Promise<boolean>((resolve) => {
        worker.once("message", () => resolve(true));
        worker.once("error", () => resolve(false));
        worker.once("exit", () => resolve(false));
      });
      return isReady ? new MemberWorker(worker, stop) : null;
    } catch {
      return null;
    }
  }

  /**
   * Hands the bytes of the batch over.
   *
   * @throws Error when the thread ended before it was done
   */
  async run(batch: Batch): Promise<BatchResult> {
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(batch, [batch.bytes]);
    });
  }

  /** Ends what it does at once: the rest of its batches is told as not read. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  /** Has it wipe its needles, and ends it. */
  async close(): Promise<void> {
    this.stop();
    this.#worker.postMessage("end", []);
    const timer = setTimeout(() => void this.#worker.terminate(), GRACE_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #fail(): void {
    this.#failure ??= new Error("the thread that unpacks members ended");
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
