import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { parsePlatform } from "../../../../src/docker/platform.ts";
import { assertClean } from "../../../../src/verify/assert-clean.ts";
import { verdictOf } from "../../../../src/verify/model.ts";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import { renderReport } from "../../../../src/verify/report.ts";
import { archiveFile, archiveStream } from "../../../../src/verify/sources/archive.ts";
import { verify } from "../../../../src/verify/verify.ts";
import { makeWorld } from "../../../support/temp.ts";
import {
  digestOf,
  legacyArchive,
  ociArchive,
  ociMembers,
  secretsOf,
  tar,
  verifyBytes,
} from "../archives.ts";
import type { Members } from "../archives.ts";

const run = promisify(execFile);
const CANARY = `source-${randomBytes(12).toString("hex")}`;
const SECRETS = { KEY: CANARY };
const LAYERS = [{ "etc/motd": "hello" }, { "app/leak": `x ${CANARY} x` }];

const reasons = (report: VerifyReport): string =>
  report.unseen.map(({ what, reason }) => `${what}: ${reason}`).join("; ");

const inPieces = (bytes: Buffer, size: number): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    ),
  );

/** One archive with images for two platforms, each with a leak of its own. */
async function twoPlatforms(): Promise<Record<string, Buffer>> {
  const [amd, arm] = await Promise.all(
    ["amd64", "arm64"].map(async (architecture) =>
      ociMembers({
        architecture,
        layers: [{ [`leak-${architecture}`]: CANARY }],
        attestations: [{ from: architecture, key: CANARY }],
      }),
    ),
  );
  const manifests = [amd, arm].flatMap((members) => {
    const { manifests: [nested] = [] } = JSON.parse(String(members?.["index.json"])) as {
      manifests?: { digest: string }[];
    };
    const name = `blobs/${String(nested?.digest).replace(":", "/")}`;
    return (JSON.parse(String(members?.[name])) as { manifests: unknown[] }).manifests;
  });
  return { ...amd, ...arm, "index.json": Buffer.from(JSON.stringify({ manifests })) };
}

describe("archives of images", () => {
  it.each([
    ["docker save of 20.10", legacyArchive],
    ["an OCI archive", ociArchive],
  ])("%s is searched raw and compressed as a whole", async (_name, archiveOf) => {
    const archive = await archiveOf({ layers: LAYERS });
    const whole = await verifyBytes(archive, SECRETS);
    expect(whole).toMatchObject({ findings: [{ path: "/app/leak", layer: { index: 1 } }] });
    expect(whole.unseen).toEqual([]);
    const half = archive.length >>> 1;
    const inTwo = (compress: (bytes: Buffer) => Buffer): Buffer =>
      Buffer.concat([compress(archive.subarray(0, half)), compress(archive.subarray(half))]);
    for (const bytes of [
      gzipSync(archive),
      zstdCompressSync(archive),
      inTwo(gzipSync),
      inTwo(zstdCompressSync),
    ]) {
      for (const chunk of [bytes.length, 1000, 7]) {
        const report = await verifyBytes(bytes, SECRETS, chunk);
        expect({ ...report, image: "" }).toEqual({ ...whole, image: "" });
      }
    }
  });

  it.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])("compressed as a whole by %s and damaged is incomplete", async (_name, compress) => {
    const bytes = compress(await ociArchive({ layers: [{ a: randomBytes(40_000) }] }));
    const followed = Buffer.concat([bytes, Buffer.from("something else")]);
    for (const damaged of [bytes.subarray(0, -30), bytes.subarray(0, 5000), followed]) {
      for (const chunk of [damaged.length, 900]) {
        const report = await verifyBytes(damaged, SECRETS, chunk);
        expect(verdictOf(report)).toBe("incomplete");
        expect(reasons(report)).toContain("compressed data is broken");
      }
    }
  });

  it("a few bytes that grow to very many need little memory", async () => {
    const zeros = Buffer.alloc(64 * 2 ** 20);
    const bomb = zstdCompressSync(Buffer.concat(Array.from({ length: 4 }, () => zeros)));
    expect(bomb.length).toBeLessThan(100_000);
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const report = await verify(archiveStream(Readable.from([bomb]), "bomb"), secretsOf(SECRETS), {
      onProgress: () => (peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)),
    }).report();
    expect(verdictOf(report)).toBe("incomplete");
    expect(peak).toBeLessThan(100 * 2 ** 20);
  });

  it("`tar -C folder .` and absolute names are read; `..` leads nowhere", async () => {
    const members = await ociMembers({ layers: LAYERS });
    const renamed = (prefix: string): Members => ({
      [prefix]: { type: "directory" },
      ...Object.fromEntries(Object.entries(members).map(([name, b]) => [`${prefix}${name}`, b])),
    });
    for (const prefix of ["./", "/"]) {
      const report = await verifyBytes(await tar(renamed(prefix)), SECRETS);
      expect(report).toMatchObject({ findings: [{ path: "/app/leak" }], unseen: [] });
    }
    const outside = { ...members, "../../../../tmp/smtest-outside": CANARY };
    const report = await verifyBytes(await tar(outside), SECRETS);
    expect(report.findings.map(({ path }) => path)).toContain("../../../../tmp/smtest-outside");
  });

  it("names that are no UTF-8 are shown, and searched", async () => {
    const layer = await tar({ "n\u0001me": CANARY });
    const at = layer.indexOf("n\u0001me");
    layer[at + 1] = 0xff;
    // the checksum of the header counts the byte that was changed
    const sum = layer.subarray(0, 512).reduce((all, byte, i) => {
      return all + (i >= 148 && i < 156 ? 0x20 : byte);
    }, 0);
    layer.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    const report = await verifyBytes(await ociArchive({ layers: [layer] }), SECRETS);
    expect(report).toMatchObject({ findings: [{ path: "/n\ufffdme" }], unseen: [] });
  });

  it("a size that is not the descriptor's is incomplete, though the digest is right", async () => {
    const layer = await tar({ a: "1" });
    const config = Buffer.from(JSON.stringify({ rootfs: { diff_ids: [digestOf(layer)] } }));
    const document = (size: number): Buffer =>
      Buffer.from(
        JSON.stringify({
          config: { digest: digestOf(config), size: config.length },
          layers: [{ digest: digestOf(layer), size }],
        }),
      );
    for (const [size, verdict] of [
      [layer.length, "clean"],
      [layer.length - 512, "incomplete"],
    ] as const) {
      const manifest = document(size);
      const blobs = [layer, config, manifest].map((b) => [
        `blobs/sha256/${digestOf(b).slice(7)}`,
        b,
      ]);
      const index = JSON.stringify({ manifests: [{ digest: digestOf(manifest) }] });
      const report = await verifyBytes(
        await tar({ ...(Object.fromEntries(blobs) as Members), "index.json": index }),
        SECRETS,
      );
      expect(verdictOf(report)).toBe(verdict);
    }
  });

  it("a foreign layer is named: it is kept elsewhere", async () => {
    const members = await ociMembers({ layers: LAYERS });
    const [name = "", manifest = {}] =
      Object.entries(members)
        .map(([key, bytes]) => [key, documentOf(bytes)] as const)
        .find(([, document]) => Array.isArray(document?.["layers"])) ?? [];
    const [first, ...rest] = manifest["layers"] as object[];
    const foreign = {
      ...first,
      digest: `sha256:${"9".repeat(64)}`,
      mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      urls: ["https://example.com/base"],
    };
    const changed = Buffer.from(JSON.stringify({ ...manifest, layers: [foreign, ...rest] }));
    const path = `blobs/sha256/${digestOf(changed).slice(7)}`;
    const kept = Object.fromEntries(Object.entries(members).filter(([key]) => key !== name));
    const index = JSON.stringify({ manifests: [{ digest: digestOf(changed) }] });
    const report = await verifyBytes(
      await tar({ ...kept, [path]: changed, "index.json": index }),
      SECRETS,
    );
    expect(reasons(report)).toBe(
      `sha256:${"9".repeat(64)}: a foreign layer: it is kept elsewhere and was not read`,
    );
    expect(report.findings).toMatchObject([{ path: "/app/leak", layer: { index: 1 } }]);
  });

  it("both files of one name are searched; a damaged one is told, whichever counts", async () => {
    const members = await ociMembers({ layers: [{ a: "1" }] });
    const [name = ""] = Object.keys(members).filter((key) => members[key]?.includes("ustar"));
    const other = await tar({ leak: CANARY });
    const twice = Buffer.concat([
      (await tar({ [name]: other })).subarray(0, 512 * (1 + Math.ceil(other.length / 512))),
      await tar(members),
    ]);
    const report = await verifyBytes(twice, SECRETS);
    expect(report.findings).toMatchObject([{ where: "other" }]);
    expect(reasons(report)).toContain("don't match the digest");
  });

  it("all platforms are searched; one that is picked is searched alone, the others named", async () => {
    const archive = await tar(await twoPlatforms());
    const all = await verifyBytes(archive, SECRETS);
    expect(all.findings.map(({ where, path }) => [where, path])).toEqual([
      ["layer", "/leak-amd64"],
      ["layer", "/leak-arm64"],
      ["attestation", "key"],
    ]);
    expect(all.absent).toEqual([]);
    expect(all.layers.map(({ platform }) => platform)).toEqual(["linux/amd64", "linux/arm64"]);
    const platform = parsePlatform("linux/arm64/v8", { os: "linux", arch: "amd64" }) ?? undefined;
    const source = archiveStream(inPieces(archive, 1000), "cats:1", { platform });
    const one = await verify(source, secretsOf(SECRETS)).report();
    expect(one.configs).toHaveLength(1);
    expect(one.absent).toEqual(["linux/amd64 (not asked for)"]);
    expect(one.unseen).toEqual([]);
    // what lies in the archive all the same is not kept quiet
    expect(one.findings.map(({ where, path }) => [where, path])).toContainEqual([
      "layer",
      "/leak-arm64",
    ]);
    const none = parsePlatform("linux/s390x", { os: "linux", arch: "amd64" }) ?? undefined;
    const missing = archiveStream(inPieces(archive, 9999), "cats:1", { platform: none });
    expect(reasons(await verify(missing, []).report())).toBe("manifest: no image for linux/s390x");
  });

  it("more files than an image can have end the reading, and are incomplete", async () => {
    const members = await ociMembers({ layers: [{ a: "1" }] });
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`f${i}`, ""]));
    const report = await verifyBytes(await tar({ ...members, ...many }), SECRETS);
    expect(reasons(report)).toContain("it holds more than 10000 files");
  });
});

function documentOf(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    return JSON.parse(bytes.toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

describe("merged files, as docker export writes them", () => {
  const ROOT = { "etc/": { type: "directory" as const }, "etc/passwd": "root", "app/key": CANARY };

  it("are searched, with their names, and never just clean", async () => {
    for (const form of [(bytes: Buffer) => bytes, gzipSync, zstdCompressSync]) {
      const report = await verifyBytes(form(await tar(ROOT)), SECRETS, 500);
      expect(report).toMatchObject({
        findings: [{ where: "files", part: "content", path: "/app/key", offset: 0 }],
        unseen: [],
        layers: [],
        files: 3,
        partial: "its merged files",
      });
      expect(report.limits[0]).toContain("what a layer deleted");
      expect(() => assertClean(report)).toThrow("holds KEY: /app/key");
    }
    const named = await verifyBytes(await tar({ [`a/${CANARY}/b`]: "1" }), SECRETS);
    expect(named.findings).toMatchObject([{ where: "files", part: "name", path: "/a/***/b" }]);
    const clean = await verifyBytes(await tar({ "etc/passwd": "root" }), SECRETS);
    expect(verdictOf(clean)).toBe("clean");
    expect(renderReport(clean).join("\n")).toContain("cats:1: clean in its merged files, no more;");
  });

  it("cut off or broken are incomplete", async () => {
    const bytes = await tar({ ...ROOT, big: randomBytes(5000) });
    for (const length of [700, 3000, bytes.length - 1500]) {
      expect(verdictOf(await verifyBytes(bytes.subarray(0, length), {}))).toBe("incomplete");
    }
    const report = await verifyBytes(gzipSync(bytes).subarray(0, -20), SECRETS);
    expect(verdictOf(report)).toBe("leak");
    expect(report.unseen).not.toEqual([]);
  });

  it("are not what an archive of an image in a strange order is taken for", async () => {
    for (const archive of [
      await ociArchive({ layers: LAYERS, form: "gzip" }),
      await legacyArchive({ layers: LAYERS }),
    ]) {
      const first = (await tar({ "aaa.txt": "1" })).subarray(0, 1024);
      const report = await verifyBytes(Buffer.concat([first, archive]), SECRETS);
      expect(reasons(report)).toContain("in an order that is not known");
    }
  });
});

describe("a million entries", () => {
  const count = (process.env["SLOW"] ?? "") === "" ? 30_000 : 1_000_000;
  it.each(["layer", "files"])(
    `${count} as a %s are searched in less than 200 MB`,
    async (form) => {
      const script = join(import.meta.dirname, "many-entries.ts");
      const { stdout } = await run(process.execPath, [script, form, String(count)]);
      const told = JSON.parse(stdout) as Record<string, number>;
      expect(told).toMatchObject({ files: count, findings: 1, unseen: 0 });
      expect(told["megabytes"]).toBeLessThan(200);
    },
    300_000,
  );
});

describe("archives in files", () => {
  it("are read; a file that is not there, a folder and a fifo's end are told", async () => {
    await using world = await makeWorld();
    const path = await world.write("cats.tar", await ociArchive({ layers: LAYERS }));
    const report = await verify(archiveFile(path, "cats.tar"), secretsOf(SECRETS)).report();
    expect(report).toMatchObject({ image: "cats.tar", findings: [{ path: "/app/leak" }] });
    await expect(verify(archiveFile(`${path}.no`, "no.tar"), []).report()).rejects.toMatchObject({
      code: "IMAGE_MISSING",
      message: "there is no file no.tar",
    });
    await expect(verify(archiveFile(world.cwd, "work"), []).report()).rejects.toMatchObject({
      code: "IMAGE_UNREADABLE",
      message: "work is a folder",
    });
  });

  it("a stream that never ends stops with the signal", async () => {
    const controller = new AbortController();
    const bytes = await ociArchive({ layers: LAYERS });
    const stream = new Readable({ read: () => undefined });
    stream.push(bytes.subarray(0, 3000));
    const report = verify(archiveStream(stream, "x"), [], { signal: controller.signal }).report();
    setTimeout(() => controller.abort(), 20);
    await expect(report).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});
