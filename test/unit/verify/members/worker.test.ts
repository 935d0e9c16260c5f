import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ensureBuilt } from "../../../../scripts/build.ts";
import { wipeNeedles } from "../../../../src/needles/needle.ts";
import { findAll } from "../../../../src/needles/search.ts";
import { NeedleTable } from "../../../../src/needles/table.ts";
import { needlesOf } from "../../../../src/needles/variants.ts";
import { Secret } from "../../../../src/secret/secret.ts";
import { packNeedles, unpackNeedles } from "../../../../src/verify/members/needles.ts";
import { SpentBytes } from "../../../../src/verify/members/limits.ts";
import { MemberQueue } from "../../../../src/verify/members/queue.ts";
import type { Batch, BatchResult } from "../../../../src/verify/members/work.ts";
import { MemberWorker } from "../../../../src/verify/members/worker.ts";

const CANARY = "worker-canary-value-53";
const needles = needlesOf(Secret.take("KEY", Buffer.from(CANARY)));
const table = new NeedleTable(needles);

afterEach(() => vi.restoreAllMocks());

function batchOf(content: Buffer, o: { padding?: number } = {}): Batch {
  const packed = gzipSync(content);
  const bytes = new ArrayBuffer(packed.length + (o.padding ?? 0));
  packed.copy(Buffer.from(bytes));
  const file = { kind: "gzip", start: 0, length: packed.length, hits: [] } as const;
  return { layer: new SpentBytes().shared, bytes, files: [file] };
}

describe("MemberWorker", () => {
  it("gives plain places, and takes the bytes of a batch with it", async () => {
    const worker = await MemberWorker.start(table);
    const batch = batchOf(Buffer.from(`xx${CANARY}`));
    const result = await worker?.run(batch);
    expect(batch.bytes.detached).toBe(true);
    expect(result).toMatchObject({
      count: 1,
      files: [{ index: 0, log: { places: [{ secret: "KEY", member: "!", path: "" }] } }],
    });
    expect(JSON.stringify(result)).not.toContain(CANARY);
    await worker?.close();
    await expect(worker?.run(batchOf(Buffer.from("x")))).rejects.toThrow("ended");
  });

  it("stops in the middle of a file, and tells it", async () => {
    const worker = await MemberWorker.start(table);
    const running = worker?.run(batchOf(Buffer.alloc(200 * 1024 * 1024)));
    worker?.stop();
    expect((await running)?.files[0]?.unread.named[0]?.reason).toMatch(/stopped|1,000 times/u);
    await worker?.close();
  });
});

describe("MemberQueue", () => {
  const PADDING = 1024 * 1024;

  it("gives the same here and in a thread", async () => {
    const run = async (large: number): Promise<unknown> => {
      const queue = new MemberQueue(table);
      // four megabytes are worth a thread
      await Promise.all(Array.from({ length: large }, async () => queue.run(noise())));
      const result = await queue.run(batchOf(Buffer.from(CANARY)));
      await queue.close();
      return result;
    };
    expect(await run(0)).toEqual(await run(6));
  });

  it("starts a thread for many bytes of members, not for the room that they are in", async () => {
    const start = vi.spyOn(MemberWorker, "start");
    const queue = new MemberQueue(table);
    for (let i = 0; i < 10; i++) {
      await queue.run(batchOf(Buffer.from(CANARY), { padding: PADDING }));
    }
    expect(start).not.toHaveBeenCalled();
    for (let i = 0; i < 5; i++) await queue.run(noise());
    expect(start).toHaveBeenCalledOnce();
    await queue.close();
  });

  it("has whoever waits for room help, so that nobody waits for the thread alone", async () => {
    vi.spyOn(MemberWorker, "start").mockReturnValue(new Promise(() => undefined));
    const queue = new MemberQueue(table);
    let done = 0;
    for (let i = 0; i < 9; i++) void queue.run(noise()).then(() => done++);
    // four are too few for a thread, and three are for the one that does not come
    await queue.room(4 * PADDING);
    expect(done).toBeGreaterThanOrEqual(5);
    void queue.help();
    await vi.waitFor(() => expect(done).toBe(6));
  });

  it("leaves to the thread what takes so much memory that two at a time are too much", async () => {
    vi.spyOn(MemberWorker, "start").mockReturnValue(new Promise(() => undefined));
    const queue = new MemberQueue(table);
    for (let i = 0; i < 4; i++) await queue.run(noise());
    for (let i = 0; i < 3; i++) void queue.run(noise());
    const done: string[] = [];
    void queue.run({ ...noise(), isHeavy: true }).then(() => done.push("heavy"));
    void queue.run(noise()).then(() => done.push("light"));
    void queue.help();
    await vi.waitFor(() => expect(done).toEqual(["light"]));
    await setImmediate();
    expect(done).toEqual(["light"]);
  });

  it("makes others wait while much is in flight", async () => {
    const queue = new MemberQueue(table);
    expect(queue.room(64 * PADDING)).toBeUndefined();
    const running = queue.run(batchOf(Buffer.from(CANARY), { padding: PADDING }));
    expect(queue.room(1024)).toBeUndefined();
    const room = queue.room(64 * PADDING);
    expect(room).toBeInstanceOf(Promise);
    await Promise.all([running, room]);
    await queue.close();
  });

  it("tells all that waits when it is closed", async () => {
    const queue = new MemberQueue(table);
    const results = Array.from({ length: 20 }, async () => queue.run(noise()));
    await queue.close();
    const told = await Promise.allSettled(results);
    const reasons = told.map((one) =>
      one.status === "rejected" ? "ended" : one.value.files[0]?.unread.named[0]?.reason,
    );
    expect(reasons.filter((reason) => reason === "the search was stopped").length).toBeGreaterThan(
      9,
    );
  });

  it("counts what a layer comes to in all threads", async () => {
    const layer = new SpentBytes();
    const other = new SpentBytes(layer.shared);
    expect([layer.add(5), other.add(7), layer.add(1)]).toEqual([5, 12, 13]);
  });
});

/** A thread that is done with a batch when the test says so. */
class ToldWorker {
  readonly done: ((result: BatchResult) => void)[] = [];

  async run(): Promise<BatchResult> {
    return new Promise((resolve) => {
      this.done.push(resolve);
    });
  }
}

// the second may be done between the moment in which nothing is to be helped with, and the wait
it.each(Array.from({ length: 10 }, (_, i) => i))(
  "whoever waits for room is woken, when two batches are done %i steps apart",
  async (steps) => {
    const worker = new ToldWorker();
    vi.spyOn(MemberWorker, "start").mockResolvedValue(worker as unknown as MemberWorker);
    const queue = new MemberQueue(table);
    // a thread is not worth it before
    for (let i = 0; i < 4; i++) await queue.run(noise());
    const isDone = [queue.run(noise()), queue.run(noise())];
    await vi.waitFor(() => expect(worker.done).toHaveLength(2));
    let isRoom = false;
    const room = queue.room(64 * 1024 * 1024)?.then(() => (isRoom = true));
    const nothing = { files: [], count: 0, bytes: 0 };
    worker.done[0]?.(nothing);
    for (let step = 0; step < steps; step++) await Promise.resolve();
    worker.done[1]?.(nothing);
    await Promise.all(isDone);
    await setImmediate();
    expect(isRoom).toBe(true);
    await room;
  },
);

/** Nearly a megabyte that does not shrink. */
function noise(): Batch {
  return batchOf(randomBytes(1000 * 1000));
}

describe("needles for another thread", () => {
  it("are a copy that keeps everything else of a needle, and is wiped by itself", () => {
    const copies = unpackNeedles(packNeedles(needles));
    expect(copies.map(({ bytes, ...rest }) => ({ ...rest, length: bytes.length }))).toEqual(
      needles.map(({ bytes, ...rest }) => ({ ...rest, length: bytes.length })),
    );
    const text = Buffer.from(`..${CANARY}..`);
    expect(findAll(new NeedleTable(copies), text)).toHaveLength(findAll(table, text).length);
    wipeNeedles(copies);
    expect(copies.every(({ bytes }) => bytes.every((byte) => byte === 0))).toBe(true);
    expect(needles.some(({ bytes }) => bytes.some((byte) => byte !== 0))).toBe(true);
  });
});

describe("the thread of the bundle and of the package", () => {
  beforeAll(ensureBuilt, 120_000);

  const dist = join(import.meta.dirname, "..", "..", "..", "..", "dist");
  it.each(["cli/thread.cjs", "verify/members/thread.js"])("%s starts by itself", (file) => {
    const program = join(dist, file);
    expect(existsSync(program)).toBe(true);
    const script = `
      const { Worker } = require("node:worker_threads");
      const needles = { bytes: new ArrayBuffer(0), list: [] };
      const stop = new Int32Array(new SharedArrayBuffer(4));
      const worker = new Worker(process.argv[1], { workerData: { needles, stop }, env: {} });
      worker.on("message", (message) => { console.log(message); worker.postMessage("end"); });
    `;
    expect(execFileSync(process.execPath, ["-e", script, program]).toString()).toBe("ready\n");
  });
});
