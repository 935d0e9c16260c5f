import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile, chmod } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { needlesOf } from "../../../src/needles/variants.ts";
import { HitLog } from "../../../src/verify/hit-log.ts";
import { PathIndex } from "../../../src/verify/path-index.ts";
import { verdictOf } from "../../../src/verify/model.ts";
import type { VerifyReport } from "../../../src/verify/model.ts";
import { archiveStream, readTar } from "../../../src/verify/sources/archive.ts";
import { layoutFolder } from "../../../src/verify/sources/layout.ts";
import type { ImageSource } from "../../../src/verify/sources/source.ts";
import { verify } from "../../../src/verify/verify.ts";
import type { VerifyOptions } from "../../../src/verify/verify.ts";
import { Verdicts } from "../../../src/verify/verdicts/verdicts.ts";
import { VerdictFiles } from "../../../src/verify/verdicts/verdict-files.ts";
import { makeWorld, type World } from "../../support/temp.ts";
import { digestOf, legacyArchive, ociArchive, ociMembers, secretsOf, tar } from "./archives.ts";
import type { ImageOptions } from "./archives.ts";

const ONE = "verdict-canary-one-17";
const TWO = "verdict-canary-two-23";
const THREE = "verdict-canary-three-31";
const CLEAN: ImageOptions = {
  layers: [
    { "etc/a": "1", "etc/b": "2" },
    { "app/": "", c: "3" },
  ],
};

type Values = Readonly<Record<string, string>>;

/** A source like an engine's: nobody computes its digests. */
function engineStream(archive: Buffer, voucher: string | undefined): ImageSource {
  const stream = Readable.from([archive]);
  return {
    name: "cats:1",
    ...(voucher === undefined ? {} : { voucher }),
    open: async () => ({
      isForeign: false,
      read: async (blobs) => readTar(stream, blobs),
      close: () => undefined,
    }),
  };
}

async function reportOf(
  { env }: World,
  source: Buffer | ImageSource,
  values: Values = { ONE },
  o: VerifyOptions = {},
): Promise<VerifyReport> {
  const opened = Buffer.isBuffer(source)
    ? archiveStream(Readable.from([source]), "cats:1")
    : source;
  return verify(opened, secretsOf(values), { env, ...o }).report();
}

const cachedOf = ({ layers }: VerifyReport): boolean[] =>
  layers.map(({ cached }) => cached === true);

/** A report as it would be without any verdict. */
function uncached(report: VerifyReport): VerifyReport {
  return { ...report, layers: report.layers.map(({ cached: _cached, ...layer }) => layer) };
}

const folderOf = ({ home }: World): string => join(home, ".cache", "sealmount", "verdicts");

async function filesOf(world: World): Promise<string[]> {
  const names = await readdir(folderOf(world)).catch(() => []);
  return names.filter((name) => name !== "key").map((name) => join(folderOf(world), name));
}

/** A folder with an OCI layout, and which of its blobs are layers. */
async function layoutOf(
  world: World,
  o: ImageOptions,
): Promise<{ path: string; layers: string[] }> {
  const layers: string[] = [];
  for (const [name, bytes] of Object.entries(await ociMembers(o))) {
    const path = await world.write(join("layout", name), bytes);
    if (bytes.includes("ustar")) layers.push(path);
  }
  return { path: join(world.cwd, "layout"), layers };
}

describe("a layer that is clean by a verdict is not searched again", () => {
  it.each(["raw", "gzip", "zstd"] as const)("in an OCI archive, %s", async (form) => {
    await using world = await makeWorld();
    const archive = await ociArchive({ ...CLEAN, form });
    const first = await reportOf(world, archive);
    expect(cachedOf(first)).toEqual([false, false]);
    const second = await reportOf(world, archive);
    expect(cachedOf(second)).toEqual([true, true]);
    expect(uncached(second)).toEqual(first);
    expect(verdictOf(second)).toBe("clean");
  });

  it("of a layout folder, it is hashed alone, and missed when it is gone", async () => {
    await using world = await makeWorld();
    const { path, layers } = await layoutOf(world, CLEAN);
    const first = await reportOf(world, layoutFolder(path));
    expect(layers).toHaveLength(2);
    const second = await reportOf(world, layoutFolder(path));
    expect(cachedOf(second)).toEqual([true, true]);
    expect(uncached(second)).toEqual(first);
    for (const layer of layers) await rm(layer);
    expect(verdictOf(await reportOf(world, layoutFolder(path)))).toBe("incomplete");
  });

  it("in another image, beside a new one", async () => {
    await using world = await makeWorld();
    await reportOf(world, await ociArchive(CLEAN));
    const other = await ociArchive({ layers: [...CLEAN.layers, { leak: ONE }] });
    const report = await reportOf(world, other);
    expect(cachedOf(report)).toEqual([true, true, false]);
    expect(report.findings).toMatchObject([{ path: "/leak", layer: { index: 2 } }]);
  });

  it("under another name of the secret", async () => {
    await using world = await makeWorld();
    await reportOf(world, await ociArchive(CLEAN), { ONE });
    const report = await reportOf(world, await ociArchive(CLEAN), { "prod/OTHER": ONE });
    expect(cachedOf(report)).toEqual([true, true]);
  });
});

describe("a secret without a verdict is searched for", () => {
  it("a rotated one is found, and the next time known", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive({ layers: [{ a: "1" }, { new: TWO }] });
    await reportOf(world, archive, { ONE });
    const rotated = await reportOf(world, archive, { ONE: TWO });
    expect(cachedOf(rotated)).toEqual([false, false]);
    expect(rotated.findings).toMatchObject([{ secret: "ONE", path: "/new" }]);
    expect(cachedOf(await reportOf(world, archive, { ONE: TWO }))).toEqual([true, false]);
    // what was kept for the first value is there still
    expect(cachedOf(await reportOf(world, archive, { ONE }))).toEqual([true, true]);
  });

  it("alone: those with a verdict are not searched for with it", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive({ layers: [{ both: `${ONE} ${TWO}` }] });
    // as an engine that changes its bytes: nothing else shows what a search looks for
    const empty = await ociMembers({ layers: [{ both: "" }] });
    const full = await ociMembers({ layers: [{ both: `${ONE} ${TWO}` }] });
    const layer = (members: Record<string, Buffer>): string =>
      Object.keys(members).find((name) => members[name]?.includes("ustar")) ?? "";
    const swapped = await tar({ ...empty, [layer(empty)]: full[layer(full)] ?? "" });
    const clean = engineStream(await tar(empty), "tcp://one");
    expect((await reportOf(world, clean, { ONE })).findings).toEqual([]);
    const both = await reportOf(world, engineStream(swapped, "tcp://one"), { ONE, TWO });
    expect(both.findings.map(({ secret }) => secret)).toEqual(["TWO"]);
    expect((await reportOf(world, archive, { ONE, TWO })).findings).toHaveLength(2);
  });

  it("a layer with a finding is searched again for that secret alone", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive({ layers: [{ leak: ONE }, { leak: "gone" }] });
    const first = await reportOf(world, archive, { ONE, TWO });
    const second = await reportOf(world, archive, { ONE, TWO });
    expect(cachedOf(second)).toEqual([false, true]);
    expect(uncached(second)).toEqual(first);
    expect(cachedOf(await reportOf(world, archive, { TWO }))).toEqual([true, true]);
  });

  it("two secrets of one name are one: found one, found both", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive({ layers: [{ leak: ONE }] });
    const secrets = [...secretsOf({ A: ONE }), ...secretsOf({ A: TWO })];
    for (const cached of [false, false]) {
      const source = archiveStream(Readable.from([archive]), "cats:1");
      const report = await verify(source, secrets, { env: world.env }).report();
      expect(cachedOf(report)).toEqual([cached]);
      expect(report.findings).toHaveLength(1);
    }
  });

  it("with equal values under two names, and one inside another", async () => {
    await using world = await makeWorld();
    const values = { A: ONE, B: ONE, C: ONE.slice(0, 12) };
    const archive = await ociArchive({ layers: [{ leak: ONE }, { a: "1" }] });
    const first = await reportOf(world, archive, values);
    const second = await reportOf(world, archive, values);
    expect(uncached(second)).toEqual(first);
    expect(cachedOf(second)).toEqual([false, true]);
  });
});

describe("findings below a layer with a verdict", () => {
  it.each([
    ["replaced", { "dir/leak": "x" }, true],
    ["deleted", { "dir/.wh.leak": "" }, true],
    ["emptied with its folder", { "dir/.wh..wh..opq": "" }, true],
    ["left alone", { "dir/other": "x" }, undefined],
  ])("say whether the file is %s", async (_name, upper, deleted) => {
    await using world = await makeWorld();
    await reportOf(world, await ociArchive({ layers: [upper] }));
    const archive = await ociArchive({ layers: [{ "dir/leak": ONE }, upper] });
    const report = await reportOf(world, archive);
    expect(cachedOf(report)).toEqual([false, true]);
    expect(report.findings[0]?.deleted).toBe(deleted);
  });
});

describe("nothing is kept of", () => {
  it("the legacy layout, whose names are no digests", async () => {
    await using world = await makeWorld();
    const archive = await legacyArchive(CLEAN);
    expect(cachedOf(await reportOf(world, archive))).toEqual([false, false]);
    expect(cachedOf(await reportOf(world, archive))).toEqual([false, false]);
    expect(await filesOf(world)).toEqual([]);
  });

  it("a layer whose bytes are not what its name says, and none is passed over so", async () => {
    await using world = await makeWorld();
    const members = await ociMembers({ layers: [{ a: "some text" }] });
    const [name = ""] = Object.keys(members).filter((key) => members[key]?.includes("ustar"));
    const leaky = await tar({ ...members, [name]: await tar({ a: ONE }) });
    expect(verdictOf(await reportOf(world, leaky))).toBe("leak");
    expect(await filesOf(world)).toEqual([]);
    await reportOf(world, await tar(members));
    expect(await filesOf(world)).toHaveLength(1);
    const lie = await reportOf(world, leaky);
    expect(lie.unseen).toMatchObject([{ reason: "the bytes don't match the digest" }]);
    expect(verdictOf(lie)).not.toBe("clean");
  });

  it("an archive that is cut off in a layer, known or not", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive({ layers: [{ a: "x".repeat(5000) }] });
    const cut = archive.subarray(0, archive.indexOf("xxxx") + 1000);
    expect(verdictOf(await reportOf(world, cut))).toBe("incomplete");
    expect(await filesOf(world)).toEqual([]);
    await reportOf(world, archive);
    expect(verdictOf(await reportOf(world, cut))).toBe("incomplete");
  });

  it("a layer that is damaged, or no tar", async () => {
    await using world = await makeWorld();
    const cut = (await tar({ a: "x".repeat(5000) })).subarray(0, 3000);
    for (const layer of [cut, Buffer.from("no tar at all".repeat(100))]) {
      const report = await reportOf(world, await ociArchive({ layers: [layer] }));
      expect(verdictOf(report)).toBe("incomplete");
      expect(await filesOf(world)).toEqual([]);
    }
  });

  it("a layer with members that could not be read", async () => {
    await using world = await makeWorld();
    const layer = await tar({ a: "1" });
    const name = `blobs/${digestOf(layer).replace(":", "/")}`;
    const needles = secretsOf({ ONE }).flatMap((secret) => needlesOf(secret));
    const options = { env: world.env, voucher: undefined, needles };
    for (const unseen of [1, 0]) {
      using verdicts = Verdicts.open(options);
      verdicts?.cleanOf(name);
      const members = { count: 2, bytes: 3, unseen };
      const facts = { bytes: layer.length, files: 1, members, unreadMembers: [] };
      const nothing = { jsonDocument: undefined, trouble: undefined };
      const [log, paths] = [new HitLog(), new PathIndex()];
      await verdicts?.keep({ ...facts, name, kind: "tar", log, paths, ...nothing });
      expect(await filesOf(world)).toHaveLength(1 - unseen);
    }
    using later = Verdicts.open(options);
    expect(later?.cleanOf(name)?.facts).toMatchObject({ files: 1, members: { count: 2 } });
  });

  it("a source that computes no digests, and for which nobody vouches", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive(CLEAN);
    await reportOf(world, engineStream(archive, undefined));
    expect(await filesOf(world)).toEqual([]);
  });

  it("anything with cache: false, nor is it believed", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive(CLEAN);
    await reportOf(world, archive, { ONE }, { cache: false });
    expect(await filesOf(world)).toEqual([]);
    await reportOf(world, archive);
    const report = await reportOf(world, archive, { ONE }, { cache: false });
    expect(cachedOf(report)).toEqual([false, false]);
  });
});

describe("whose word counts", () => {
  it("an engine's for itself, a computed digest's for all", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive(CLEAN);
    const at = async (voucher: string): Promise<boolean[]> =>
      cachedOf(await reportOf(world, engineStream(archive, voucher)));
    expect(await at("tcp://one")).toEqual([false, false]);
    expect(await at("tcp://one")).toEqual([true, true]);
    expect(await at("tcp://two")).toEqual([false, false]);
    expect(cachedOf(await reportOf(world, archive))).toEqual([false, false]);
    expect(await at("tcp://three")).toEqual([true, true]);
  });
});

describe("the files", () => {
  it("are this user's alone, and without the key they are nothing", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive(CLEAN);
    await reportOf(world, archive);
    const key = join(folderOf(world), "key");
    for (const path of [key, ...(await filesOf(world))]) {
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    expect((await stat(folderOf(world))).mode & 0o777).toBe(0o700);
    const before = await readFile(key);
    await rm(key);
    expect(cachedOf(await reportOf(world, archive))).toEqual([false, false]);
    expect((await readFile(key)).equals(before)).toBe(false);
  });

  it.each([
    ["readable by others", async (path: string) => chmod(path, 0o644)],
    ["too short", async (path: string) => writeFile(path, "short")],
    ["empty", async (path: string) => writeFile(path, "")],
  ])("a key that is %s is replaced", async (_name, spoil) => {
    await using world = await makeWorld();
    const archive = await ociArchive(CLEAN);
    await reportOf(world, archive);
    const key = join(folderOf(world), "key");
    const before = await readFile(key);
    await spoil(key);
    expect(cachedOf(await reportOf(world, archive))).toEqual([false, false]);
    const { mode, size } = await stat(key);
    expect([mode & 0o777, size]).toEqual([0o600, 32]);
    expect((await readFile(key)).equals(before)).toBe(false);
    expect(cachedOf(await reportOf(world, archive))).toEqual([true, true]);
  });

  it("a key that can't be made: every layer is searched", async () => {
    await using world = await makeWorld();
    await mkdir(join(folderOf(world), "key"), { recursive: true });
    const archive = await ociArchive(CLEAN);
    expect(cachedOf(await reportOf(world, archive))).toEqual([false, false]);
    expect(cachedOf(await reportOf(world, archive))).toEqual([false, false]);
  });

  it("a damaged one counts as none, and the others are there still", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive(CLEAN);
    const clean = await reportOf(world, archive);
    const [path = "", other = ""] = await filesOf(world);
    const whole = await readFile(path);
    const spoiled = [
      Buffer.alloc(0),
      whole.subarray(0, 20),
      whole.subarray(0, -1),
      Buffer.concat([whole, Buffer.from("x")]),
      await readFile(other),
      ...[0, 12, 28, 40, whole.length - 1].map((at) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      }),
    ];
    for (const bytes of spoiled) {
      await writeFile(path, bytes);
      const report = await reportOf(world, archive);
      expect(cachedOf(report).filter(Boolean)).toHaveLength(1);
      expect(uncached(report)).toEqual(uncached(clean));
      expect(cachedOf(await reportOf(world, archive))).toEqual([true, true]);
    }
  });

  it.each(["mkfifo", "mkdir"])("one that is none counts as none: %s", async (program) => {
    await using world = await makeWorld();
    const archive = await ociArchive(CLEAN);
    await reportOf(world, archive);
    const [path = ""] = await filesOf(world);
    await rm(path);
    await promisify(execFile)(program, [path]);
    const report = await reportOf(world, archive);
    expect(cachedOf(report).filter(Boolean)).toHaveLength(1);
    expect(verdictOf(report)).toBe("clean");
  });

  it("tell nothing: equal layers of two users have nothing in common", async () => {
    await using world = await makeWorld();
    await using other = await makeWorld();
    const archive = await ociArchive({ layers: [{ [`etc/${THREE}`]: "1" }] });
    const [mine = "", theirs = ""] = await Promise.all(
      [world, other].map(async (one) => {
        await reportOf(one, archive);
        const [path = ""] = await filesOf(one);
        return path;
      }),
    );
    expect(mine.slice(-32)).not.toBe(theirs.slice(-32));
    const [a, b] = [await readFile(mine), await readFile(theirs)];
    expect(a).toHaveLength(b.length);
    for (let at = 0; at + 8 <= a.length; at += 8) {
      expect(b.includes(a.subarray(at, at + 8))).toBe(false);
    }
  });

  it("grow with new secrets", async () => {
    await using world = await makeWorld();
    const archive = await ociArchive(CLEAN);
    const values: Record<string, string> = {};
    for (let i = 0; i < 8; i++) {
      values[`S${i}`] = `${ONE}-${i}-value`;
      await reportOf(world, archive, { NEW: `${ONE}-${i}-value` });
    }
    expect(await filesOf(world)).toHaveLength(2);
    expect(cachedOf(await reportOf(world, archive, values))).toEqual([true, true]);
  });

  it("several processes at once: none is disturbed, one key, no half file", async () => {
    await using world = await makeWorld();
    const archives: string[] = [];
    for (let i = 0; i < 6; i++)
      archives.push(await world.write(`${i}.tar`, await ociArchive({ layers: [{ a: `${i}` }] })));
    const child = join(import.meta.dirname, "verdicts-child.ts");
    const run = promisify(execFile);
    const value = (i: number): string => `${ONE}-${i % 2}-value`;
    const node = async (i: number): Promise<unknown> =>
      run(process.execPath, [child, value(i), ...archives], { env: world.env });
    await Promise.all([0, 1, 2, 3].map(node));
    expect((await readdir(folderOf(world))).filter((name) => name.includes("tmp"))).toEqual([]);
    expect(await filesOf(world)).toHaveLength(6);
    const reports = archives.map(async (path) =>
      reportOf(world, await readFile(path), { S: value(0) }),
    );
    const cached = (await Promise.all(reports)).flatMap(cachedOf);
    // what two write at the same moment may be lost of one of them, and is searched for again
    expect(cached.filter(Boolean).length).toBeGreaterThan(0);
  });

  it("the oldest go when there is too much; what was used is young", async () => {
    await using world = await makeWorld();
    const folder = join(world.cwd, "verdicts");
    await mkdir(folder);
    const files = new VerdictFiles(folder, { bytes: 2500, files: 3 });
    for (const [i, name] of ["aa", "bb", "cc", "dd"].entries()) {
      await files.write(name, Buffer.alloc(900));
      const then = Date.now() / 1000 - 100_000 + i;
      await utimes(join(folder, name), then, then);
    }
    await writeFile(join(folder, "key"), "stays");
    expect(files.read("aa")).toHaveLength(900);
    await files.trim();
    expect((await readdir(folder)).toSorted()).toEqual(["aa", "dd", "key"]);
  });
});

it("property: a report with verdicts is the report without them", async () => {
  const contents = ["1", ONE, TWO, `${TWO}${THREE}`, ""];
  const layer = fc.dictionary(
    fc.constantFrom("a", "dir/b", "dir/.wh.b", ".wh.dir", "c"),
    fc.constantFrom(...contents),
    { maxKeys: 3 },
  );
  const step = fc.record({
    layers: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
    secrets: fc.subarray([ONE, TWO, THREE], { minLength: 1 }),
    form: fc.constantFrom("raw" as const, "gzip" as const),
  });
  const run = async (pool: Record<string, string>[], steps: Step[]): Promise<void> => {
    await using world = await makeWorld();
    for (const { layers, secrets, form } of steps) {
      const archive = await ociArchive({ layers: layers.map((i) => pool[i] ?? {}), form });
      const values = Object.fromEntries(secrets.map((value, i) => [`S${i}`, value]));
      const report = await reportOf(world, archive, values);
      expect(uncached(report)).toEqual(await reportOf(world, archive, values, { cache: false }));
    }
  };
  type Step = { layers: number[]; secrets: string[]; form: "raw" | "gzip" };
  const pool = fc.array(layer, { minLength: 6, maxLength: 6 });
  const steps = fc.array(step, { minLength: 3, maxLength: 6 });
  await fc.assert(fc.asyncProperty(pool, steps, run), { numRuns: 40 });
});
