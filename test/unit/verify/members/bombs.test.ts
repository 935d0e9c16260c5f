import { deflateRawSync, gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import { ociArchive, tar, verifyBytes } from "../archives.ts";
import type { Members } from "../archives.ts";
import { Packer } from "./pack.ts";
import type { Form } from "./pack.ts";
import { centralRecord, endRecord, localRecord, packedAs } from "./zips.ts";

const CANARY = "bombs-canary-value-19";
const MIB = 1024 * 1024;

const packer = new Packer();
afterAll(() => packer.close());

async function search(layer: Members): Promise<VerifyReport> {
  return verifyBytes(await ociArchive({ layers: [layer] }), { KEY: CANARY });
}

const reasonsOf = ({ unseenMembers }: VerifyReport): string[] =>
  unseenMembers.map(({ path, reason }) => `${path}: ${reason}`);

/** A zip of entries that all are the same bytes; the directory may name them often. */
function zipOf(content: Buffer, entries: number): Buffer {
  const packed = packedAs(content, deflateRawSync(content));
  const body = Buffer.concat([localRecord("a", packed), packed.data]);
  const directory = Array.from({ length: entries }, (_, i) =>
    centralRecord(`e${i}`, packed, { at: 0 }),
  );
  return Buffer.concat([body, ...directory, endRecord(directory, body.length)]);
}

describe("bombs end early, and are told", () => {
  it("a file that grows more than 1,000 times", async () => {
    const zeros = Buffer.alloc(200 * MIB);
    const packed = gzipSync(gzipSync(zeros, { level: 9 }), { level: 9 });
    const report = await search({ bomb: packed, after: gzipSync(CANARY) });
    expect(reasonsOf(report)).toEqual(["/bomb: grows more than 1,000 times"]);
    expect(report.findings).toMatchObject([{ path: "/after!" }]);
    expect(report.members.bytes).toBeLessThan(packed.length * 1000 + 5 * MIB);
  });

  it("a member of more than 256 MiB, whose first part is searched", async () => {
    const start = Buffer.alloc(64 * MIB);
    start.write(CANARY, 32 * MIB);
    // a file that holds enough not to be a bomb
    const zip = zipOf(Buffer.from("x".repeat(100)), 1);
    const parts = Array.from({ length: 5 }, () => gzipSync(start));
    const report = await search({ big: Buffer.concat([...parts, zip]) });
    expect(reasonsOf(report)).toEqual(["/big: unpacks to more than 256 MiB"]);
    expect(report.findings).toMatchObject([{ path: "/big!", offset: 32 * MIB, count: 4 }]);
  });

  it("zips in zips in zips, as 42.zip is", async () => {
    let bomb = zipOf(Buffer.alloc(4 * MIB), 16);
    for (let depth = 0; depth < 5; depth++) bomb = zipOf(bomb, 16);
    const report = await search({ "42.zip": bomb });
    expect(report.members.unseen).toBeGreaterThan(0);
    expect(report.members.bytes).toBeLessThan(20 * MIB);
  });

  it("a zip whose entries all are the same bytes", async () => {
    const report = await search({ "overlap.zip": zipOf(Buffer.alloc(MIB), 20_000) });
    expect(reasonsOf(report).at(-1)).toBe("/overlap.zip: entries of the zip overlap");
    expect(report.members.count).toBe(1);
  });

  it("levels without end", async () => {
    let bomb: Buffer = Buffer.from(CANARY);
    for (let depth = 0; depth < 100; depth++) bomb = gzipSync(bomb);
    const report = await search({ bomb });
    expect(reasonsOf(report)).toEqual(["/bomb!: nested deeper than 4 levels"]);
  });

  const FORMS: readonly Form[] = ["xz", "bzip2", "zstd", "zlib", "zip-bzip2"];
  it.each(FORMS)("zeros in %s", async (form) => {
    const packed = await packer.pack(Buffer.alloc(12 * MIB), [form]);
    const report = await search({ bomb: packed });
    expect(report.members.bytes).toBeLessThanOrEqual(13 * MIB);
    const most = Math.max(4 * MIB, packed.length * 1000);
    expect(report.members.unseen).toBe(most < 12 * MIB ? 1 : 0);
  });
});

describe("many members, and large ones", () => {
  it("10,000 tiny files in a thread give what each of them holds", async () => {
    const files: Record<string, Buffer> = {};
    for (let i = 0; i < 10_000; i++) {
      files[`f${i}`] = gzipSync(i % 200 === 7 ? `${i} ${CANARY}` : `number ${i}`.repeat(30));
    }
    const report = await search(files);
    expect(report.members).toMatchObject({ count: 10_000, unseen: 0 });
    expect(report.findings).toHaveLength(50);
    for (const { path, offset } of report.findings) {
      expect(path).toBe(`/f${Number.parseInt(path.slice(2), 10)}!`);
      expect(offset).toBe(path.length - "/f!".length + 1);
    }
  });

  it("large files in a thread, beside small ones", async () => {
    const large = Buffer.alloc(12 * MIB, "0123456789abcdef\n");
    large.write(CANARY, 7 * MIB);
    const inner = await tar({ "a/b": large, c: gzipSync(CANARY) });
    const layer = { "1": gzipSync(inner), "2": inner, "3": gzipSync(CANARY), "4": zipOf(large, 1) };
    const { findings, members } = await search(layer);
    expect(findings.map(({ path }) => path).toSorted()).toEqual([
      "/1!/a/b",
      "/1!/c!",
      "/2!/a/b",
      "/2!/c!",
      "/3!",
      "/4!/a",
    ]);
    expect(members.unseen).toBe(0);
  });
});
