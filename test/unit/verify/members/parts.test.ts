import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Needle } from "../../../../src/needles/needle.ts";
import { findAll } from "../../../../src/needles/search.ts";
import { NeedleTable } from "../../../../src/needles/table.ts";
import { needlesOf } from "../../../../src/needles/variants.ts";
import { Secret } from "../../../../src/secret/secret.ts";
import { HitLog } from "../../../../src/verify/hit-log.ts";
import { SpentBytes } from "../../../../src/verify/members/limits.ts";
import { MemberQueue } from "../../../../src/verify/members/queue.ts";
import { joinResults, splitBatch } from "../../../../src/verify/members/split.ts";
import { UnreadList } from "../../../../src/verify/members/unread.ts";
import { BatchWork } from "../../../../src/verify/members/work.ts";
import type { Batch, BatchResult } from "../../../../src/verify/members/work.ts";
import { MemberWorker } from "../../../../src/verify/members/worker.ts";
import { zipWith } from "./zips.ts";
import type { ZipFile } from "./zips.ts";

const CANARY = "parts-canary-value-88";
const MIB = 1024 * 1024;

const needles = needlesOf(Secret.take("KEY", Buffer.from(CANARY)));
const table = new NeedleTable(needles);
const numbers = new Map<Needle, number>(table.needles.map((needle, i) => [needle, i]));

afterEach(() => vi.restoreAllMocks());

/** One zip, as it comes from a layer. */
function batchOf(zip: Buffer): Batch {
  const bytes = new ArrayBuffer(zip.length);
  zip.copy(Buffer.from(bytes));
  const found = findAll(table, zip);
  const hits = found.map(({ needle, ...hit }) => ({ ...hit, needle: numbers.get(needle) ?? -1 }));
  const files = [{ kind: "zip", start: 0, length: zip.length, hits } as const];
  return { layer: new SpentBytes().shared, bytes, files };
}

function partsOf(zip: Buffer): Batch[] {
  return [...(splitBatch(batchOf(zip)) ?? [])];
}

const work = (isStopped = false): BatchWork => new BatchWork(table, () => isStopped);

async function inParts(parts: readonly Batch[], isStopped = false): Promise<BatchResult> {
  return joinResults(await Promise.all(parts.map(async (part) => work(isStopped).run(part))));
}

/** All that was found and not read, as a layer puts it together. */
function said({ files, count, bytes }: BatchResult): unknown {
  const log = new HitLog();
  const unread = new UnreadList();
  for (const file of files) {
    log.addAll("", file.log);
    unread.addAll("", file.unread);
  }
  const places = log.places.map(({ encodings, ...place }) =>
    JSON.stringify({ ...place, encodings: [...encodings] }),
  );
  return { places: places.toSorted(), omitted: log.omitted, unread: unread.named, count, bytes };
}

/** Larger than what is not cut: random bytes, and the value in some places. */
const noise = (size: number, text = ""): Buffer => {
  const content = randomBytes(size);
  content.write(text, Math.floor((size - text.length) / 2));
  return content;
};

const filesOf = (count: number, size = 100_000): ZipFile[] =>
  Array.from({ length: count }, (_, i) => ({ name: `d/${i}`, content: noise(size) }));

const value = fc.constantFrom("", "", CANARY);
const anyFile = fc.record({
  name: value,
  content: value,
  size: fc.integer({ min: 30, max: 900_000 }),
  isStored: fc.boolean(),
  isHidden: fc.boolean(),
  gap: value,
});

describe("a large zip in parts", () => {
  it("gives what it gives as a whole, whatever is in and between its entries", async () => {
    const files = fc.array(anyFile, { minLength: 12, maxLength: 30 });
    const around = fc.record({ prefix: value, comment: value });
    let cut = 0;
    await fc.assert(
      fc.asyncProperty(files, around, async (some, { prefix, comment }) => {
        const made = some.map(({ name, content, size, gap, ...file }, i) => {
          return { ...file, name: `d/${i}${name}`, content: noise(size, content), gap };
        });
        const zip = zipWith([...made, ...filesOf(30)], { prefix, comment });
        const parts = partsOf(zip);
        cut += Number(parts.length > 1);
        const whole = await work().run(batchOf(zip));
        if (parts.length > 0) expect(said(await inParts(parts))).toEqual(said(whole));
      }),
      { numRuns: 25 },
    );
    expect(cut).toBeGreaterThan(5);
  });

  it("is cut between entries, about each megabyte, and gives its memory back", () => {
    const batch = batchOf(zipWith(filesOf(60)));
    const parts = [...(splitBatch(batch) ?? [])];
    expect(batch.bytes.detached).toBe(true);
    const sizes = parts.map(({ bytes }) => bytes.byteLength);
    expect(sizes.slice(0, -1).every((size) => size >= MIB && size < 1.2 * MIB)).toBe(true);
    expect(sizes).toHaveLength(6);
  });

  it.each([
    ["that is small", zipWith(filesOf(30))],
    ["with an entry that is large", zipWith([...filesOf(30), ...filesOf(1, 32 * MIB)])],
    ["with a long list of entries", zipWith(filesOf(80), { comment: "x".repeat(60_000) })],
    ["without a directory", zipWith(filesOf(100)).subarray(0, 9 * MIB)],
  ])("is left as it is %s", (_what, zip) => {
    expect(splitBatch(batchOf(zip))).toBeNull();
  });

  it("says which parts may hold a large archive", () => {
    const large = { name: "large", content: Buffer.alloc(5 * MIB, "purr") };
    const parts = partsOf(zipWith([...filesOf(30), large, ...filesOf(30)]));
    expect(parts.filter(({ isHeavy }) => isHeavy === true)).toHaveLength(1);
    expect(parts.length).toBeGreaterThan(4);
  });

  it("tells once what is wrong with all of it, and in which entry something is", async () => {
    const broken = noise(100_000);
    const files = [...filesOf(30), { name: "last", content: broken, isStored: true }];
    const zip = zipWith([...filesOf(30), ...files]);
    zip.writeUInt32LE(0, zip.length - 22 - 46 - 4);
    const parts = partsOf(zip);
    expect(parts.length).toBeGreaterThan(2);
    const reasonsOf = ({ files: told }: BatchResult): unknown =>
      told.flatMap(({ unread }) => unread.named.map(({ member, reason }) => [member, reason]));
    expect(reasonsOf(await inParts(parts))).toEqual([["", "the directory of the zip is broken"]]);
    const stopped = await inParts(partsOf(zipWith(filesOf(60))), true);
    expect(reasonsOf(stopped)).toEqual([["", "the search was stopped"]]);
    expect(stopped.files.map(({ unread }) => unread.count)).toEqual([1, 0, 0, 0, 0, 0]);
  });

  it("counts as one file what its parts grow to", async () => {
    const [part] = partsOf(zipWith(filesOf(60)));
    const [file] = part?.files ?? [];
    // as if the other parts had grown to the most that they may
    new SpentBytes(file?.part?.zip.spent).add(Number(file?.part?.zip.size) * 1000);
    const { files } = await work().run(part ?? batchOf(Buffer.alloc(0)));
    expect(files[0]?.unread.named[0]?.reason).toBe("grows more than 1,000 times");
  });

  it("is unpacked by the thread and by whoever waits", async () => {
    const here = vi.spyOn(BatchWork.prototype, "run");
    const there = vi.spyOn(MemberWorker.prototype, "run");
    const zip = zipWith([...filesOf(200), { name: "leak", content: noise(1000, CANARY) }]);
    const queue = new MemberQueue(table);
    const running = queue.run(batchOf(zip));
    await queue.help();
    const result = await running;
    await queue.close();
    expect(said(result)).toEqual(said(await work().run(batchOf(zip))));
    expect(here).toHaveBeenCalled();
    expect(there).toHaveBeenCalled();
    expect(result.count).toBe(201);
  });
});
