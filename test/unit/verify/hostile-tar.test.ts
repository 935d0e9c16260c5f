import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, rmSync, writeSync, closeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { verdictOf } from "../../../src/verify/model.ts";
import { digestOf, imageOf, ociArchive, ociMembers, tar, verifyBytes } from "./archives.ts";

const CANARY = "hostile-canary-47";
const SECRETS = { KEY: CANARY };

describe("layers with tricks", () => {
  it("a sparse file is searched as it is, and told: what it holds is not unpacked", async () => {
    const folder = mkdtempSync(join(tmpdir(), "smtest-sparse-"));
    const file = openSync(join(folder, "a.gz"), "w");
    writeSync(file, gzipSync(CANARY), 0, undefined, 0);
    writeSync(file, CANARY, 1_000_000);
    closeSync(file);
    const layer = execFileSync("tar", ["--format=pax", "--sparse", "-C", folder, "-c", "a.gz"]);
    rmSync(folder, { recursive: true });
    const report = await verifyBytes(await imageOf(layer), SECRETS);
    expect(report.findings).toMatchObject([{ path: "/a.gz", count: 1 }]);
    expect(report.unseenMembers).toMatchObject([{ path: "/a.gz", reason: "a sparse file" }]);
    expect(report.members.unseen).toBe(1);
  });

  it.each([
    ["a comment of gzip", gzipWithComment],
    ["a frame of zstd that is skipped", zstdWithFrame],
  ])("%s is searched, which no decoder gives", async (_what, compress) => {
    const layer = await tar({ a: "1" });
    const report = await verifyBytes(await imageOf(compress(layer, CANARY)), SECRETS, 1000);
    expect(report).toMatchObject({ unseen: [], findings: [{ where: "layer", part: "gap" }] });
    expect(report.findings).toHaveLength(1);
    const clean = await verifyBytes(await imageOf(compress(layer, "nothing")), SECRETS);
    expect(verdictOf(clean)).toBe("clean");
  });

  it("what gzip stores as it is, is found once", async () => {
    const layer = gzipSync(await tar({ a: CANARY }), { level: 0 });
    const report = await verifyBytes(await imageOf(layer), SECRETS);
    expect(report.findings).toMatchObject([{ path: "/a", part: "content", count: 1 }]);
  });

  it("in merged files, a finding names the member too", async () => {
    const report = await verifyBytes(await tar({ "etc/a.gz": gzipSync(CANARY) }), SECRETS);
    expect(report.findings).toMatchObject([{ where: "files", path: "/etc/a.gz!" }]);
  });

  it("a name full of the secret takes no longer than a file full of it", async () => {
    const name = CANARY.repeat(50_000);
    const report = await verifyBytes(await ociArchive({ layers: [{ [name]: "" }] }), SECRETS);
    const [path, part] = ["/(a name of more than 4096 characters)", "header"];
    expect(report.findings).toMatchObject([{ path, part, count: 50_000 }]);
  });
});

/** RFC 1952, 2.3: flag 16 says that a text with a zero at its end stands behind the header. */
function gzipWithComment(bytes: Buffer, comment: string): Buffer {
  const gzip = gzipSync(bytes);
  gzip.writeUInt8(16, 3);
  return Buffer.concat([gzip.subarray(0, 10), Buffer.from(`${comment}\0`), gzip.subarray(10)]);
}

/** RFC 8878, 3.1.2. */
function zstdWithFrame(bytes: Buffer, content: string): Buffer {
  const head = Buffer.from([0x50, 0x2a, 0x4d, 0x18, content.length, 0, 0, 0]);
  return Buffer.concat([zstdCompressSync(bytes), head, Buffer.from(content)]);
}

describe("documents with tricks", () => {
  it("one that is an index and a manifest at once is followed by nobody", async () => {
    const clean = await ociMembers({ layers: [{ a: "1" }] });
    const index = JSON.parse(String(clean["index.json"])) as { manifests: unknown[] };
    const config = { digest: `sha256:${"1".repeat(64)}` };
    const both = Buffer.from(
      JSON.stringify({ manifests: index.manifests, config, layers: [config] }),
    );
    const root = JSON.stringify({ manifests: [{ digest: digestOf(both) }] });
    const name = `blobs/${digestOf(both).replace(":", "/")}`;
    const report = await verifyBytes(
      await tar({ ...clean, [name]: both, "index.json": root }),
      SECRETS,
    );
    expect(verdictOf(report)).toBe("incomplete");
    expect(report.unseen[0]?.reason).toBe("an index and a manifest in one document");
  });
});
