/** The worker thread that unpacks members; started by `worker.ts`, and a file of its own in `dist`. */
import { parentPort, workerData } from "node:worker_threads";
import { wipeNeedles } from "../../needles/needle.ts";
import { NeedleTable } from "../../needles/table.ts";
import { unpackNeedles } from "./needles.ts";
import type { PackedNeedles } from "./needles.ts";
import type { Batch } from "./work.ts";
import { BatchWork } from "./work.ts";

/** What the thread is started with. */
export interface ThreadData {
  readonly needles: PackedNeedles;
  /** Not zero: stop at once. Shared, because messages wait while a file is unpacked. */
  readonly stop: Int32Array<SharedArrayBuffer>;
}

const { needles: packed, stop } = workerData as ThreadData;
const needles = unpackNeedles(packed);
const table = new NeedleTable(needles);
const work = new BatchWork(table, () => Atomics.load(stop, 0) !== 0);

parentPort?.on("message", (batch: Batch | "end") => {
  if (batch === "end") {
    table.wipe();
    wipeNeedles(needles);
    parentPort?.close();
  } else void work.run(batch).then((result) => parentPort?.postMessage(result, []));
});
parentPort?.postMessage("ready", []);
