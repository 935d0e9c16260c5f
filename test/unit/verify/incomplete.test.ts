import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { verdictOf } from "../../../src/verify/model.ts";
import { archiveStream } from "../../../src/verify/sources/archive.ts";
import { verify } from "../../../src/verify/verify.ts";
import {
  digestOf,
  imageOf,
  legacyArchive,
  ociArchive,
  ociMembers,
  secretsOf,
  tar,
  verifyBytes,
} from "./archives.ts";
import type { Members } from "./archives.ts";

const CANARY = "incomplete-canary-31";
const SECRETS = { KEY: CANARY };
const LAYERS = [{ a: "1" }, { "dir/leak": CANARY }];

const without = (members: Record<string, Buffer>, name: string): Members =>
  Object.fromEntries(Object.entries(members).filter(([key]) => key !== name));

describe("RI18: what was not read is never clean", () => {
  it("any missing blob makes the report incomplete", async () => {
    const members = await ociMembers({ layers: [{ a: "1" }, { b: "2" }] });
    const blobs = Object.keys(members).filter((name) => name.startsWith("blobs/"));
    expect(blobs.length).toBe(5);
    for (const name of blobs) {
      const report = await verifyBytes(await tar(without(members, name)), SECRETS);
      expect(verdictOf(report)).toBe("incomplete");
      expect(report.unseen[0]?.reason).toMatch(/missing|no image manifest/u);
    }
  });

  it("an archive that is cut off anywhere is incomplete", async () => {
    for (const archive of [
      await ociArchive({ layers: LAYERS }),
      await legacyArchive({ layers: LAYERS }),
    ]) {
      // the last two blocks, and what tar pads behind them, hold nothing
      for (let length = 0; length < archive.length - 1024; length += 173) {
        const report = await verifyBytes(archive.subarray(0, length), SECRETS);
        expect(report.unseen.length).toBeGreaterThan(0);
      }
    }
  });

  it("a leak is a leak also in an archive that is cut off", async () => {
    const archive = await legacyArchive({ layers: LAYERS });
    const cut = archive.subarray(0, archive.indexOf("manifest.json"));
    const report = await verifyBytes(cut, SECRETS);
    expect(report.unseen).not.toEqual([]);
    expect(report.findings).toMatchObject([
      { where: "other", path: expect.stringMatching(/layer\.tar:\/dir\/leak$/u) as string },
    ]);
    expect(verdictOf(report)).toBe("leak");
  });

  it("a stream that breaks off is incomplete, and its error is not quoted", async () => {
    const bytes = await ociArchive({ layers: LAYERS });
    const archive = Readable.from(
      (function* () {
        yield bytes.subarray(0, 3000);
        throw new Error("foreign words");
      })(),
    );
    const report = await verify(archiveStream(archive, "x"), secretsOf(SECRETS)).report();
    expect(report.unseen[0]).toEqual({ what: "archive", reason: "the stream broke off" });
    expect(JSON.stringify(report)).not.toContain("foreign words");
  });

  it.each([
    ["nothing", Buffer.alloc(0), "no image manifest"],
    ["zeros", Buffer.alloc(10_240), "no image manifest"],
    ["no tar", randomBytes(5000), "a tar header is broken"],
    ["text", Buffer.from("not found"), "the tar is cut off"],
  ])("an input that is %s is incomplete", async (_name, bytes, reason) => {
    const report = await verifyBytes(bytes, SECRETS);
    expect(report.unseen[0]?.reason).toContain(reason);
  });

  const xz = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), randomBytes(2000)]);
  it.each([
    ["an unknown compression", xz, "unknown compression"],
    ["no tar at all", randomBytes(3000), "no tar"],
    ["gzip of no tar", gzipSync(randomBytes(3000)), "no tar"],
    ["broken gzip", Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]), "broken"],
  ])("a layer that is %s is incomplete", async (_name, blob, reason) => {
    const report = await verifyBytes(await imageOf(blob), SECRETS);
    expect(report.unseen.map((part) => part.reason).join()).toContain(reason);
    expect(verdictOf(report)).toBe("incomplete");
  });

  it.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])(
    "%s: cut off, followed by something else, and with wrong bytes are incomplete",
    async (_name, compress) => {
      const whole = compress(await tar({ a: randomBytes(50_000) }));
      const cut = whole.subarray(0, -20);
      const followed = Buffer.concat([whole, Buffer.from("something else")]);
      // gzip may be padded with zeros, zstd may not
      const zeros = compress === gzipSync ? [] : [Buffer.concat([whole, Buffer.alloc(100), whole])];
      const wrong = Buffer.from(whole);
      wrong.fill(0x55, whole.length - 4000, whole.length - 3000);
      // without a checksum, which zstd leaves out by default, other bytes are another layer
      const isChecked = compress === gzipSync;
      for (const blob of [cut, followed, ...zeros, ...(isChecked ? [wrong] : [])]) {
        for (const chunk of [blob.length, 1000]) {
          const report = await verifyBytes(await imageOf(blob), SECRETS, chunk);
          expect(verdictOf(report)).toBe("incomplete");
        }
      }
    },
  );

  it.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])("%s in several members or frames is read to its end", async (_name, compress) => {
    const layer = await tar({ a: randomBytes(3000), b: CANARY });
    const parts = [layer.subarray(0, 1000), layer.subarray(1000, 4200), layer.subarray(4200)];
    const blob = Buffer.concat(parts.map((part) => compress(part)));
    for (const chunk of [blob.length * 2, 1000, 17]) {
      const report = await verifyBytes(await imageOf(blob, digestOf(layer)), SECRETS, chunk);
      expect(report).toMatchObject({ findings: [{ path: "/b" }], unseen: [] });
    }
  });

  it("gzip behind zeros, which Node passes over without a word, is read too", async () => {
    const layer = await tar({ a: randomBytes(3000), b: CANARY });
    const parts = [layer.subarray(0, 1000), layer.subarray(1000, 4200), layer.subarray(4200)];
    const blob = Buffer.concat(parts.flatMap((part) => [gzipSync(part), Buffer.alloc(700)]));
    for (const chunk of [blob.length * 2, 1000, 17]) {
      const report = await verifyBytes(await imageOf(blob, digestOf(layer)), SECRETS, chunk);
      expect(report).toMatchObject({ findings: [{ path: "/b" }], unseen: [] });
    }
  });

  it("a frame that says nothing, as zstd:chunked writes them, is skipped", async () => {
    const skipped = Buffer.concat([
      Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]),
      Buffer.from("abc"),
    ]);
    const layer = await tar({ b: CANARY });
    const blob = Buffer.concat([skipped, zstdCompressSync(layer), skipped]);
    const report = await verifyBytes(await imageOf(blob), SECRETS);
    expect(report).toMatchObject({ findings: [{ path: "/b" }], unseen: [] });
  });

  it("bytes that don't match their digest are incomplete", async () => {
    const members = await ociMembers({ layers: [{ a: "1" }, { b: "2" }] });
    const [name = ""] = Object.keys(members).filter((key) => members[key]?.includes("ustar"));
    const layer = Buffer.from(members[name] ?? Buffer.alloc(0));
    layer.write("9", 512);
    const report = await verifyBytes(await tar({ ...members, [name]: layer }), SECRETS);
    expect(report.unseen).toMatchObject([{ reason: "the bytes don't match the digest" }]);
  });

  it("a config that names more layers than the manifest is incomplete", async () => {
    const members = await ociMembers({ layers: [] });
    const text = JSON.stringify({ rootfs: { diff_ids: ["sha256:1"] } });
    const config = Object.keys(members).find((name) => members[name]?.includes("diff_ids")) ?? "";
    const report = await verifyBytes(await tar({ ...members, [config]: text }), SECRETS);
    expect(report.unseen.map(({ reason }) => reason).join()).toMatch(/names 1 layers|digest/u);
  });

  it("documents too large to parse are incomplete, but searched", async () => {
    const large = `{"a":"${"x".repeat(17 * 1024 * 1024)}${CANARY}"}`;
    const members = await ociMembers({ layers: [] });
    const report = await verifyBytes(await tar({ ...members, "index.json": large }), SECRETS);
    expect(report.unseen[0]?.reason).toContain("16 MiB");
    expect(report.findings).toMatchObject([{ where: "manifest", path: "index.json" }]);
  });

  it("indexes that name themselves or nest without end come to an end", async () => {
    let digest = "sha256:none";
    const blobs: Record<string, Buffer> = {};
    for (let depth = 0; depth < 12; depth++) {
      const index = Buffer.from(JSON.stringify({ manifests: [{ digest }], depth }));
      digest = digestOf(index);
      blobs[`blobs/${digest.replace(":", "/")}`] = index;
    }
    const root = JSON.stringify({ manifests: [{ digest }, { digest }] });
    const report = await verifyBytes(await tar({ ...blobs, "index.json": root }), SECRETS);
    expect(report.unseen[0]?.reason).toContain("nested too deep");
  });

  it("documents of other shapes are incomplete, not a crash", async () => {
    for (const shape of [
      "[]",
      "{}",
      '{"manifests":[null,1,{"digest":5}]}',
      '{"manifests":{}}',
      "{",
    ]) {
      const report = await verifyBytes(await tar({ "index.json": shape }), SECRETS);
      expect(verdictOf(report)).toBe("incomplete");
    }
    for (const shape of ['[{"Config":7,"Layers":[9]}]', "[{}]", "[null]"]) {
      const report = await verifyBytes(await tar({ "manifest.json": shape }), SECRETS);
      expect(verdictOf(report)).toBe("incomplete");
    }
  });
});

describe("layers without members, and equal layers", () => {
  it("zero layers, and layers of nothing, are clean", async () => {
    const report = await verifyBytes(
      await ociArchive({ layers: [Buffer.alloc(1024), Buffer.alloc(0)] }),
      SECRETS,
    );
    expect(report).toMatchObject({ findings: [], unseen: [] });
    expect((await verifyBytes(await ociArchive({ layers: [] }), SECRETS)).unseen).toEqual([]);
  });

  it("follows the links of a legacy archive to equal layers", async () => {
    const layer = await tar({ leak: CANARY });
    const config = JSON.stringify({ rootfs: { diff_ids: [digestOf(layer), digestOf(layer)] } });
    const archive = await tar({
      "1/layer.tar": layer,
      "2/layer.tar": { type: "symlink", linkname: "../1/layer.tar" },
      "c.json": config,
      "manifest.json": JSON.stringify([
        { Config: "c.json", Layers: ["1/layer.tar", "2/layer.tar"] },
      ]),
    });
    const report = await verifyBytes(archive, SECRETS);
    expect(report).toMatchObject({
      findings: [{ path: "/leak", layer: { index: 0 } }],
      unseen: [],
    });
    expect(report.layers).toHaveLength(2);
  });
});
