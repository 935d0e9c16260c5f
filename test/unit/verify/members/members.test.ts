import { randomBytes } from "node:crypto";
import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { findAll } from "../../../../src/needles/search.ts";
import { NeedleTable } from "../../../../src/needles/table.ts";
import { needlesOf } from "../../../../src/needles/variants.ts";
import { Secret } from "../../../../src/secret/secret.ts";
import { sniff, SNIFF_LENGTH } from "../../../../src/verify/members/kinds.ts";
import { SpentBytes } from "../../../../src/verify/members/limits.ts";
import { Unpacker } from "../../../../src/verify/members/unpack.ts";
import type { Unpacked } from "../../../../src/verify/members/unpack.ts";
import { verdictOf } from "../../../../src/verify/model.ts";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import { ociArchive, tar, verifyBytes } from "../archives.ts";
import type { Members } from "../archives.ts";
import { ALL_FORMS, depthOf, Packer, pathOf } from "./pack.ts";
import type { AnyForm, Form } from "./pack.ts";

const CANARY = "members-canary>>>42/öx";
const SECRETS = { KEY: CANARY };

/** A content with the value at a place that no compression can leave as it is. */
const CONTENT = Buffer.from(`${"line of a text\n".repeat(50)}password: ${CANARY}\n`);
const OFFSET = CONTENT.indexOf(CANARY);

const packer = new Packer();
afterAll(() => packer.close());
const pack = async (content: Buffer, forms: readonly AnyForm[]): Promise<Buffer> =>
  packer.pack(content, forms);

async function search(...layers: Members[]): Promise<VerifyReport> {
  return verifyBytes(await ociArchive({ layers }), SECRETS);
}

const pathsOf = ({ findings }: VerifyReport): string[] => findings.map(({ path }) => path);

describe("IT4: a value in a file of a layer that is packed", () => {
  it.each(ALL_FORMS)("%s", async (form) => {
    // names say nothing
    const report = await search({ "srv/blob": await pack(CONTENT, [form]) });
    expect(report).toMatchObject({
      findings: [
        {
          path: pathOf("/srv/blob", [form]),
          where: "layer",
          part: "content",
          encoding: "raw",
          offset: OFFSET,
          count: 1,
        },
      ],
      unseen: [],
      unseenMembers: [],
    });
    expect(report.members.count).toBeGreaterThan(0);
    expect(report.layers[0]?.members).toEqual(report.members);
  });

  const pairs = ALL_FORMS.flatMap((outer) => ALL_FORMS.map((inner) => [inner, outer] as const));
  it.each(["gzip", "xz", "zip", "tar"] as const)("any form within %s", async (outer) => {
    const forms = pairs.filter(([, form]) => form === outer);
    const files: Record<string, Buffer> = {};
    for (const pair of forms) files[pair[0]] = await pack(CONTENT, pair);
    const report = await search(files);
    const expected = forms.map((pair) => pathOf(`/${pair[0]}`, pair));
    expect(pathsOf(report).toSorted()).toEqual(expected.toSorted());
    expect(report.unseenMembers).toEqual([]);
  });

  const DEEP: readonly (readonly Form[])[] = [
    ["gzip", "tar", "gzip", "zip"],
    ["tar", "xz", "deb"],
    ["zip", "tar", "bzip2", "zip-stored"],
    ["gzip", "gzip", "gzip", "gzip"],
    ["tar", "tar", "tar", "tar"],
    ["zstd", "zip", "zlib", "tar"],
    ["xz", "xz", "xz"],
    ["bzip2", "bzip2", "bzip2"],
  ];
  it.each(DEEP)("%s in %s in %s …", async (...forms) => {
    const report = await search({ "a b": await pack(CONTENT, forms) });
    expect(pathsOf(report)).toEqual([pathOf("/a b", forms)]);
    expect(report.unseenMembers).toEqual([]);
  });

  it("any nesting within bounds, at any place", async () => {
    const nesting = fc
      .array(fc.constantFrom(...ALL_FORMS), { minLength: 1, maxLength: 5 })
      .filter((forms) => depthOf(forms) <= 4);
    const sizes = fc.integer({ min: 0, max: 5000 });
    await fc.assert(
      fc.asyncProperty(nesting, sizes, sizes, async (forms, before, after) => {
        const filler = (length: number): Buffer => Buffer.from(randomBytes(length).toString("hex"));
        const content = Buffer.concat([filler(before), Buffer.from(CANARY), filler(after)]);
        const { log, unread } = await unpack(await pack(content, forms));
        expect(log.places.map(({ member }) => member)).toEqual([pathOf("", forms)]);
        expect(log.places[0]?.encodings.get("raw")).toEqual({ offset: 2 * before, count: 1 });
        expect(unread.count).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("gives names, link targets and attributes of a tar within a file", async () => {
    const inner = await tar({
      [`dir/${CANARY}`]: "",
      link: { type: "symlink", linkname: CANARY },
      attribute: { pax: { "SCHILY.xattr.user.key": CANARY } },
    });
    const { findings } = await search({ "a.tgz": gzipSync(inner), "b.tar": inner });
    const found = findings.map(({ path, part }) => [path.replaceAll(CANARY, "*"), part]);
    for (const file of ["/a.tgz", "/b.tar"]) {
      expect(found).toContainEqual([`${file}!/dir/***`, "name"]);
      expect(found).toContainEqual([`${file}!/link`, "link"]);
      expect(found).toContainEqual([`${file}!/attribute`, "header"]);
    }
    expect(findings).toHaveLength(6);
  });

  it("says of what a later layer deletes or replaces that it is deleted", async () => {
    const packed = await pack(CONTENT, ["zip"]);
    const layer = { "d/a.jar": packed, "d/b.jar": packed, "d/c.jar": packed };
    const { findings } = await search(layer, { "d/.wh.a.jar": "", "d/b.jar": "other" });
    expect(findings.map(({ path, deleted }) => [path, deleted])).toEqual([
      ["/d/a.jar!/dir/inner", true],
      ["/d/b.jar!/dir/inner", true],
      ["/d/c.jar!/dir/inner", undefined],
    ]);
  });
});

describe("a hit in a file and in its member", () => {
  it("is reported once, innermost, and what no member has stays with the file", async () => {
    const stored = await pack(CONTENT, ["zip-stored"]);
    const followed = Buffer.concat([gzipSync(CONTENT), Buffer.from(CANARY)]);
    const incompressible = Buffer.from(randomBytes(9000));
    incompressible.write(CANARY, 5000);
    const report = await search({
      "a.zip": stored,
      "b.gz": followed,
      // deflate stores what it can't make smaller
      "c.gz": gzipSync(incompressible, { level: 0 }),
      "d.tar": await tar({ x: CONTENT }),
    });
    expect(pathsOf(report).toSorted()).toEqual([
      "/a.zip!/dir/inner",
      "/b.gz",
      "/b.gz!",
      "/c.gz!",
      "/d.tar!/x",
    ]);
    expect(report.findings.every(({ count }) => count === 1)).toBe(true);
  });

  it("in a program without a zip behind it is the file's", async () => {
    const report = await search({ "run.sh": `#!/bin/sh\nKEY=${CANARY}\n`, "x^": "x^ is no zlib" });
    expect(pathsOf(report)).toEqual(["/run.sh"]);
    expect(report.members).toEqual({ count: 0, bytes: 0, unseen: 0 });
  });
});

describe("RI18: what can't be unpacked is told", () => {
  const compressed = gzipSync(CONTENT);
  const UNREAD: readonly (readonly [string, Buffer, string])[] = [
    ["7z", magic("377abcaf271c"), "7z is not unpacked"],
    ["rar", magic("526172211a07"), "rar is not unpacked"],
    ["lz4", magic("04224d18"), "lz4 is not unpacked"],
    ["rpm", magic("edabeedb"), "rpm is not unpacked"],
    ["squashfs", magic("68737173"), "squashfs is not unpacked"],
    ["cut off gzip", compressed.subarray(0, -9), "broken or cut off"],
    ["a wrong checksum", changed(compressed, -6), "checksum"],
  ];
  it.each(UNREAD)("%s", async (_name, bytes, reason) => {
    await expectUnread(bytes, { member: "", reason });
  });

  const PACKED: readonly (readonly [string, readonly AnyForm[], string, string])[] = [
    ["lzma", ["lzma"], "", "lzma is not unpacked"],
    ["a zip entry of lzma", ["zip-lzma"], "!/dir/inner", "unknown compression"],
    ["lzma in a zip", ["lzma", "zip"], "!/dir/inner", "lzma is not unpacked"],
    ["more gzip levels", Array<Form>(5).fill("gzip"), "!", "deeper than 4"],
    ["more tar levels", Array<Form>(5).fill("tar"), "!/dir/inner".repeat(4), "deeper than 4"],
  ];
  it.each(PACKED)("%s", async (_name, forms, member, reason) => {
    await expectUnread(await pack(CONTENT, forms), { member, reason });
  });

  it("an encrypted zip", async () => {
    const bytes = encrypted(await pack(deflateSync(CONTENT), ["zip"]));
    await expectUnread(bytes, { member: "!/dir/inner", reason: "encrypted" });
  });

  it("names the first 20 of a layer, and counts all", async () => {
    const files = Array.from({ length: 50 }, (_, i) => [`f${i}`, magic("377abcaf271c")] as const);
    const report = await search(Object.fromEntries(files), { other: magic("526172211a07") });
    expect(report.unseenMembers).toHaveLength(21);
    expect(report.members.unseen).toBe(51);
    expect(report.layers.map(({ members }) => members.unseen)).toEqual([50, 1]);
  });

  it.each(ALL_FORMS)("%s, cut off anywhere, is found or told", async (form) => {
    const packed = await pack(CONTENT, [form]);
    const silent: number[] = [];
    for (let length = 32; length < packed.length; length += stepOf(packed)) {
      const { log, unread } = await unpack(packed.subarray(0, length));
      if (log.places.length + unread.count === 0) silent.push(length);
    }
    if (form.startsWith("tar") || form === "deb") {
      // one that ends early hides nothing: it is searched as it is
      const hidden = silent.filter((length) => packed.subarray(0, length).includes(CANARY));
      expect(hidden).toEqual([]);
      return;
    }
    // the first of two is whole, and a few bytes of the second hold no value
    expect(silent.length).toBeLessThanOrEqual(/members|streams/u.test(form) ? 10 : 0);
  });

  it.each(ALL_FORMS)("%s with a wrong byte anywhere is no crash", async (form) => {
    const packed = await pack(CONTENT, [form]);
    for (let at = 0; at < packed.length; at += stepOf(packed)) {
      await expect(unpack(changed(packed, at))).resolves.toBeDefined();
    }
  });
});

const needles = needlesOf(Secret.take("KEY", Buffer.from(CANARY)));
const table = new NeedleTable(needles);
const unpacker = new Unpacker(table, () => false);

/** One file, without an image around it. */
async function unpack(bytes: Buffer): Promise<Unpacked> {
  const sniffed = sniff(bytes.subarray(0, SNIFF_LENGTH));
  const kind = sniffed !== null && "kind" in sniffed ? sniffed.kind : "script";
  return unpacker.unpack({ kind, bytes, hits: findAll(table, bytes) }, new SpentBytes());
}

async function expectUnread(
  bytes: Buffer,
  { member, reason }: { readonly member: string; readonly reason: string },
): Promise<void> {
  const report = await search({ "opt/file": bytes });
  expect(report.unseenMembers).toContainEqual({
    path: `/opt/file${member}`,
    reason: expect.stringContaining(reason) as string,
    layer: expect.objectContaining({ index: 0 }) as unknown,
  });
  expect(report.members.unseen).toBe(report.unseenMembers.length);
  expect(report.unseen).toEqual([]);
  expect(["unproved", "leak"]).toContain(verdictOf(report));
}

/** Small files are cut at each byte, larger ones at some 150 of them. */
function stepOf(bytes: Buffer): number {
  return Math.ceil(bytes.length / 150);
}

function magic(hex: string): Buffer {
  return Buffer.concat([Buffer.from(hex, "hex"), Buffer.alloc(100, 1)]);
}

function changed(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? bytes.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 0x55;
  return copy;
}

/** A zip whose headers say that its entries are encrypted. */
function encrypted(zip: Buffer): Buffer {
  const bytes = Buffer.from(zip);
  const name = Buffer.from("dir/inner");
  const local = bytes.indexOf(name) - 30;
  const central = bytes.lastIndexOf(name) - 46;
  bytes.writeUInt16LE(1, local + 6);
  bytes.writeUInt16LE(1, central + 8);
  return bytes;
}
