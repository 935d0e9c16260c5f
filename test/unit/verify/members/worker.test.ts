import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { ensureBuilt } from "../../../../scripts/build.ts";
import { wipeNeedles } from "../../../../src/needles/needle.ts";
import { findAll } from "../../../../src/needles/search.ts";
import { NeedleTable } from "../../../../src/needles/table.ts";
import { needlesOf } from "../../../../src/needles/variants.ts";
import { Secret } from "../../../../src/secret/secret.ts";
import { packNeedles, unpackNeedles } from "../../../../src/verify/members/needles.ts";
import { MemberQueue } from "../../../../src/verify/members/queue.ts";
import type { Batch } from "../../../../src/verify/members/work.ts";
import { MemberWorker } from "../../../../src/verify/members/worker.ts";

const CANARY = "worker-canary-value-53";
const needles = needlesOf(Secret.take("KEY", Buffer.from(CANARY)));
const table = new NeedleTable(needles);

function batchOf(content: Buffer, o: { layer?: number; padding?: number } = {}): Batch {
  const packed = gzipSync(content);
  const bytes = new ArrayBuffer(packed.length + (o.padding ?? 0));
  packed.copy(Buffer.from(bytes));
  const file = { kind: "gzip", start: 0, length: packed.length, hits: [] } as const;
  return { layer: o.layer ?? 0, bytes, files: [file] };
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
  it("gives the same here and in a thread", async () => {
    const run = async (padding: number): Promise<unknown> => {
      const queue = new MemberQueue(table);
      const result = await queue.run(batchOf(Buffer.from(CANARY), { padding }));
      await queue.close();
      return result;
    };
    // a megabyte is worth a thread
    expect(await run(0)).toEqual(await run(1024 * 1024));
  });

  it("makes others wait while much is in flight", async () => {
    const queue = new MemberQueue(table);
    expect(queue.room(64 * 1024 * 1024)).toBeUndefined();
    const running = queue.run(batchOf(Buffer.from(CANARY), { padding: 1024 * 1024 }));
    expect(queue.room(1024)).toBeUndefined();
    const room = queue.room(64 * 1024 * 1024);
    expect(room).toBeInstanceOf(Promise);
    await Promise.all([running, room]);
    await queue.close();
  });
});

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
