import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { verdictOf } from "../../../src/verify/model.ts";
import type { VerifyReport } from "../../../src/verify/model.ts";
import { renderReport } from "../../../src/verify/report.ts";
import { archiveStream } from "../../../src/verify/sources/archive.ts";
import { verify } from "../../../src/verify/verify.ts";
import { digestOf, ociArchive, ociMembers, secretsOf, tar, verifyBytes } from "./archives.ts";
import type { Members } from "./archives.ts";

const CANARY = `hostile-${randomBytes(12).toString("hex")}`;
const SECRETS = { KEY: CANARY };

/** Milliseconds: each of these took minutes, or did not end, when it was written. */
const SOON = 60_000;

/** A good image, and one more file. */
async function withFile(name: string, content: string): Promise<Buffer> {
  const members: Members = { ...(await ociMembers({ layers: [{ a: "1" }] })), [name]: content };
  return tar(members);
}

/** An image whose manifest is given. */
async function withManifest(manifest: object): Promise<Buffer> {
  const bytes = Buffer.from(JSON.stringify(manifest));
  const name = `blobs/${digestOf(bytes).replace(":", "/")}`;
  const index = JSON.stringify({ manifests: [{ digest: digestOf(bytes) }] });
  return tar({ [name]: bytes, "index.json": index });
}

const reasons = ({ unseen }: VerifyReport): string => unseen.map(({ reason }) => reason).join("\n");

describe("an archive that means harm ends soon, and proves nothing:", () => {
  it.each([
    ["nested 1,000,000 deep", "[".repeat(1e6) + "]".repeat(1e6)],
    ["of objects, nested", '{"a":'.repeat(300_000) + "1" + "}".repeat(300_000)],
  ])("JSON %s", { timeout: SOON }, async (_name, json) => {
    const report = await verifyBytes(await withFile("other.json", json), SECRETS);
    expect(report.unseen).toEqual([{ what: "other.json", reason: expect.any(String) }]);
    const leaky = json.replace(/^(\[+|(?:\{"a":)+)/u, `$1"${CANARY}",`);
    const found = await verifyBytes(await withFile("other.json", leaky), SECRETS);
    expect(verdictOf(found)).toBe("leak");
  });

  it.each([
    ["few values", JSON.stringify({ text: '[{"\\'.repeat(1e6), deep: [[[{ key: CANARY }]]] })],
    ["5,000,000 values", `{"values":[${"{},".repeat(5e6)}0],"deep":[[[{"key":"${CANARY}"}]]]}`],
  ])("JSON of %s is taken apart, however they look", async (_what, json) => {
    const report = await verifyBytes(await withFile("other.json", json), SECRETS);
    expect(report.unseen).toEqual([]);
    expect(report.findings).toMatchObject([{ where: "other", path: "deep[0][0][0].key" }]);
  });

  it("a manifest of 200,000 layers", { timeout: SOON }, async () => {
    const layers = Array.from({ length: 200_000 }, (_, i) => ({ digest: `sha256:${i}` }));
    const manifest = { config: { digest: "sha256:config" }, layers };
    const report = await verifyBytes(await withManifest(manifest), SECRETS);
    expect(verdictOf(report)).toBe("incomplete");
    expect(report.unseen.length).toBeLessThan(2000);
  });

  it("an index of 100,000 manifests", { timeout: SOON }, async () => {
    const manifests = Array.from({ length: 100_000 }, (_, i) => ({
      digest: `sha256:${i}`,
      platform: { os: "linux", architecture: `a${i}` },
    }));
    const report = await verifyBytes(await withManifest({ manifests }), SECRETS);
    expect(verdictOf(report)).toBe("incomplete");
    expect(report.absent.length).toBeLessThan(2000);
  });

  it(
    "500,000 times a secret that can't be searched, in one instruction",
    { timeout: SOON },
    async () => {
      const created_by = "RUN |1 DEBUG=true ".repeat(500_000);
      const archive = await ociArchive({ layers: [{ a: "1" }], history: [{ created_by }] });
      const report = await verifyBytes(archive, { DEBUG: "true" });
      expect(report.findings).toMatchObject([{ where: "history", count: 500_000 }]);
      expect(JSON.stringify(report)).not.toContain("true ");
    },
  );

  it("a config that says another platform than the index", async () => {
    const layer = await tar({ leak: CANARY });
    const blobs: Record<string, Buffer> = {};
    const store = (bytes: Buffer): { digest: string } => {
      blobs[`blobs/${digestOf(bytes).replace(":", "/")}`] = bytes;
      return { digest: digestOf(bytes) };
    };
    const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    const rootfs = { diff_ids: [digestOf(layer)] };
    const config = store(json({ os: "linux", architecture: "arm64", rootfs }));
    const manifest = store(json({ config, layers: [store(layer)] }));
    const platform = { os: "linux", architecture: "amd64" };
    const index = json({ manifests: [{ ...manifest, platform }] });
    const archive = await tar({ ...blobs, "index.json": index });
    const source = archiveStream(Readable.from([archive]), "cats:1", {
      platform: { ...platform, variant: "" },
    });
    const report = await verify(source, secretsOf(SECRETS)).report();
    expect(report.findings).toMatchObject([{ where: "layer", path: "/leak" }]);
    expect(report.absent).toEqual([]);
  });

  it("names that write to a terminal, or hold a value", async () => {
    const name = `\u001b[2J${CANARY}.json`;
    const config = JSON.stringify({ os: `\u001b]0;${CANARY}\u0007`, architecture: CANARY });
    const [other, otherConfig] = ["other.json", JSON.stringify({ os: "linux" })];
    const images = [name, other].map((Config) => ({ Config, RepoTags: [CANARY], Layers: [] }));
    const manifest = JSON.stringify(images);
    const configs = { [name]: config, [other]: otherConfig };
    const archive = await tar({ "manifest.json": manifest, ...configs });
    const report = await verifyBytes(archive, SECRETS);
    const text = [...renderReport(report), JSON.stringify(report)].join("\n");
    expect(text.includes(CANARY)).toBe(false);
    expect(renderReport(report).join("\n")).not.toContain("\u001b");
    expect(verdictOf(report)).toBe("leak");
  });

  it("names of 1 MiB", { timeout: SOON }, async () => {
    const name = "n".repeat(1_000_000);
    const report = await verifyBytes(await withFile(name, "x"), SECRETS);
    expect(reasons(report)).toContain("a name of more than 4096 characters");
    expect(JSON.stringify(report)).not.toContain("nnnnnnnn");
  });
});
