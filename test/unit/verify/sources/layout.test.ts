import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parsePlatform } from "../../../../src/docker/platform.ts";
import { verdictOf } from "../../../../src/verify/model.ts";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import { layoutFolder } from "../../../../src/verify/sources/layout.ts";
import { verify } from "../../../../src/verify/verify.ts";
import { makeWorld } from "../../../support/temp.ts";
import type { World } from "../../../support/temp.ts";
import { digestOf, ociMembers, secretsOf, tar, verifyBytes } from "../archives.ts";

const CANARY = `layout-${randomBytes(12).toString("hex")}`;
const SECRETS = { KEY: CANARY };
const LAYERS = [{ a: "1" }, { "dir/leak": CANARY }];

async function layoutOf(world: World, members: Record<string, Buffer>): Promise<string> {
  for (const [name, bytes] of Object.entries(members)) await world.write(name, bytes);
  return world.cwd;
}

const verifyFolder = async (folder: string): Promise<VerifyReport> =>
  verify(layoutFolder(folder, "cats:1"), secretsOf(SECRETS)).report();

const blobPath = (bytes: Buffer): string => `blobs/sha256/${digestOf(bytes).slice(7)}`;

describe("OCI layout folders", () => {
  it.each(["raw", "gzip", "zstd"] as const)("%s: as the archive of the same", async (form) => {
    await using world = await makeWorld();
    const image = { layers: LAYERS, form, attestations: [{ key: CANARY }] };
    const members = await ociMembers(image);
    const report = await verifyFolder(await layoutOf(world, members));
    expect(report.unseen).toEqual([]);
    const { limits } = report;
    expect(report).toEqual({ ...(await verifyBytes(await tar(members), SECRETS)), limits });
  });

  it("blobs that nothing names, and oci-layout, are searched as well", async () => {
    await using world = await makeWorld();
    const stray = await tar({ stray: CANARY });
    const folder = await layoutOf(world, {
      ...(await ociMembers({ layers: [{ a: "1" }] })),
      [blobPath(stray)]: stray,
      "oci-layout": Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0", note: CANARY })),
    });
    const report = await verifyFolder(folder);
    expect(report.findings.map(({ where, path }) => [where, path])).toEqual([
      ["other", "note"],
      ["other", `${blobPath(stray)}:/stray`],
    ]);
    await world.write(blobPath(stray), "other bytes");
    expect((await verifyFolder(folder)).unseen).toMatchObject([
      { what: blobPath(stray), reason: "the bytes don't match the digest" },
    ]);
  });

  it("any blob that is missing or damaged is incomplete", async () => {
    await using world = await makeWorld();
    const members = await ociMembers({ layers: [{ a: "1" }, { b: "2" }] });
    const folder = await layoutOf(world, members);
    expect(verdictOf(await verifyFolder(folder))).toBe("clean");
    for (const name of Object.keys(members).filter((key) => key.startsWith("blobs/"))) {
      await rm(join(folder, name));
      expect(verdictOf(await verifyFolder(folder))).toBe("incomplete");
      await world.write(name, Buffer.concat([members[name] ?? "", Buffer.from(" ")] as Buffer[]));
      expect(verdictOf(await verifyFolder(folder))).toBe("incomplete");
      await world.write(name, members[name] ?? "");
    }
  });

  it("a blob that was clean by its name is looked at again: it may have other bytes", async () => {
    await using world = await makeWorld();
    await using cache = await makeWorld();
    const layer = await tar({ a: "1" });
    const folder = await layoutOf(world, await ociMembers({ layers: [layer] }));
    const again = async (): Promise<VerifyReport> =>
      verify(layoutFolder(folder), secretsOf(SECRETS), {
        env: { HOME: cache.cwd, XDG_CACHE_HOME: cache.cwd },
      }).report();
    await again();
    const cached = await again();
    expect([cached.layers[0]?.cached, verdictOf(cached)]).toEqual([true, "clean"]);
    await world.write(blobPath(layer), await tar({ a: CANARY }));
    expect((await again()).unseen).toMatchObject([{ reason: "the bytes don't match the digest" }]);
  });

  it("reads no blob of a platform that was not asked for", async () => {
    await using world = await makeWorld();
    const wanted = { os: "linux", arch: "amd64" };
    const elsewhere = {
      digest: `sha256:${"5".repeat(64)}`,
      platform: { os: "linux", architecture: "arm64" },
    };
    const folder = await layoutOf(
      world,
      await ociMembers({ layers: LAYERS, elsewhere: [elsewhere] }),
    );
    expect((await verifyFolder(folder)).absent).toEqual(["linux/arm64"]);
    const platform = parsePlatform("linux/amd64", wanted) ?? undefined;
    const source = layoutFolder(folder, folder, { platform });
    expect((await verify(source, secretsOf(SECRETS)).report()).absent).toEqual([
      "linux/arm64 (not asked for)",
    ]);
    const other = parsePlatform("linux/riscv64", wanted) ?? undefined;
    const none = await verify(layoutFolder(folder, folder, { platform: other }), []).report();
    expect(none.unseen.map(({ reason }) => reason)).toContain("no image for linux/riscv64");
  });

  it.each([
    ["names that lead out of the folder", '{"manifests":[{"digest":"sha256:../../index.json"}]}'],
    ["an index that names itself", '{"manifests":[{"digest":"sha256:SELF"}]}'],
    ["no manifests", "{}"],
    ["no JSON", "{"],
  ])("%s: incomplete", async (_name, index) => {
    await using world = await makeWorld();
    const loop = Buffer.from('{"manifests":[]}');
    const folder = await layoutOf(world, {
      "index.json": Buffer.from(index.replace("SELF", digestOf(loop).slice(7))),
      [blobPath(loop)]: loop,
    });
    expect(verdictOf(await verifyFolder(folder))).toBe("incomplete");
  });

  it.each([
    ["a folder", async (path: string) => mkdir(path)],
    ["a pipe", (path: string) => void execFileSync("mkfifo", [path])],
    ["a link to nothing", async (path: string) => symlink("nothing", path)],
    ["a link to a device", async (path: string) => symlink("/dev/zero", path)],
  ])("%s among the blobs is told, as nobody has read it", async (_name, make) => {
    await using world = await makeWorld();
    const folder = await layoutOf(world, await ociMembers({ layers: [{ a: "1" }] }));
    await make(join(folder, "blobs/sha256", "0".repeat(64)));
    const report = await verifyFolder(folder);
    expect(report.unseen).toEqual([
      { what: `blobs/sha256/${"0".repeat(64)}`, reason: "it is no file, or can't be read" },
    ]);
  });

  it("what lies beside the layout is said not to be searched", async () => {
    await using world = await makeWorld();
    const members = await ociMembers({ layers: [{ a: "1" }] });
    const beside = { "beside.txt": Buffer.from(CANARY) };
    const report = await verifyFolder(await layoutOf(world, { ...members, ...beside }));
    expect(report.findings).toEqual([]);
    expect(report.limits).toContain("files beside the layout's own are not searched");
  });

  it("a folder without a layout is IMAGE_MISSING", async () => {
    await using world = await makeWorld();
    await expect(verifyFolder(world.cwd)).rejects.toMatchObject({
      code: "IMAGE_MISSING",
      exitCode: 6,
    });
  });
});
