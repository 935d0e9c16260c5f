/** `build --verify`: what a build makes is proved before anybody can see it. */
import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { BuildOptions, Made } from "../../src/build/options.ts";
import { Secret } from "../../src/secret/secret.ts";
import { assertClean } from "../../src/verify/assert-clean.ts";
import { archiveStream } from "../../src/verify/sources/archive.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { layoutFolder } from "../../src/verify/sources/layout.ts";
import { mergedFolder, mergedTar } from "../../src/verify/sources/merged.ts";
import type { ImageSource } from "../../src/verify/sources/source.ts";
import { verify } from "../../src/verify/verify.ts";
import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { dockerEnvironment } from "../engine/engine.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import type { World } from "../support/temp.ts";
import {
  attempt,
  BASE,
  built,
  dockerfile,
  engineSkills,
  secretsOf,
  theEngine,
  worldWithImage,
} from "./build-harness.ts";
import { pushRegistry, type PushRegistry } from "./push-registry.ts";

const TAG = `smtest-proof-${process.pid}`;
const TOKEN = canary("token");
const MOUNT = "RUN --mount=type=secret,id=token,required=true";
const isContainerd = testEngine().variant.endsWith("-containerd");
const { checks: hasQuestions, manyOutputs: hasManyOutputs } = await engineSkills();

let world: World;
/** In the first step, so that no test finds the results of another one. */
let marker: string;
beforeEach(async () => {
  world = await worldWithImage(TAG);
  marker = canary("mark").replaceAll(/\W/g, "");
});

const CLEAN = `${MOUNT} wc -c < /run/secrets/token > /length`;
const LEAK = `${MOUNT} cp /run/secrets/token /leak`;

const steps = async (...lines: readonly string[]): Promise<void> =>
  dockerfile(world, `RUN echo ${marker} > /mark`, ...lines);

async function sourceOf(made: Made): Promise<ImageSource> {
  if (made.kind === "image") return engineImage(await theEngine(), made.id);
  if (made.kind === "folder") return mergedFolder(made.path, made.name);
  if (made.kind === "tar") return mergedTar(made.path, made.name);
  if (made.kind === "layout") return layoutFolder(made.path);
  return archiveStream(createReadStream(made.path), made.name);
}

/** What a build was asked to prove, by its kinds and ids. */
let seen: Made[];
const prove = async (made: readonly Made[]): Promise<void> => {
  seen = [...made];
  for (const one of made) {
    const token = Secret.take("build/token", Buffer.from(TOKEN));
    assertClean(await verify(await sourceOf(one), [token]).report());
  }
};

const PROVED = { secrets: secretsOf({ token: TOKEN }), prove } as const;
const PLAIN = { secrets: secretsOf({ token: TOKEN }) } as const;

const idOf = async (reference: string): Promise<string | undefined> =>
  (await (await theEngine()).inspectImage(reference))?.Id;

const refused = { code: "LEAK_FOUND", exitCode: 8 };

describe("an image", () => {
  it("IT12: with a leak gets no name, and is removed", async () => {
    await steps(LEAK, "RUN rm /leak");
    const { error, events } = await attempt(world, { ...PROVED, tags: [TAG] });
    expect(error).toMatchObject(refused);
    expect(String(error)).toContain("build/token");
    const [made] = seen;
    expect(made).toMatchObject({ kind: "image", name: TAG });
    expect(await idOf(TAG)).toBeUndefined();
    expect(await idOf(made?.kind === "image" ? made.id : "")).toBeUndefined();
    expect(leaksIn(JSON.stringify(events), [TOKEN])).toEqual([]);
  });

  it("with a leak leaves the name to the image that had it", async () => {
    await steps(CLEAN);
    const { result } = await built(world, { ...PROVED, tags: [TAG] });
    await steps(CLEAN, LEAK);
    expect((await attempt(world, { ...PROVED, tags: [TAG] })).error).toMatchObject(refused);
    expect(await idOf(TAG)).toBe(result.imageId);
  });

  it("that is clean is the one that it is without a proof, and as much is told of it", async () => {
    await steps(CLEAN);
    const names = [TAG, `${TAG}:other`];
    const flags = { tags: names, noCache: false, provenance: "false", labels: ['a=b, "c"'] };
    const plain = await built(world, { ...PLAIN, ...flags, iidFile: "id", metadataFile: "meta" });
    const files = async (): Promise<string[]> =>
      Promise.all(["id", "meta"].map(async (name) => readFile(join(world.cwd, name), "utf8")));
    const told = await files();
    for (const name of names) await dockerOut(["image", "tag", BASE, name]);
    const proved = await built(world, { ...PROVED, ...flags, iidFile: "id", metadataFile: "meta" });
    expect(proved.result.imageId).toBe(plain.result.imageId);
    expect(proved.result.tags).toEqual(plain.result.tags);
    const facts = (metadata: ReadonlyMap<string, string>): object =>
      Object.fromEntries(
        [...metadata].toSorted().filter(([key]) => !/buildinfo|descriptor/.test(key)),
      );
    expect(facts(proved.result.metadata)).toEqual(facts(plain.result.metadata));
    expect((await files())[0]).toBe(told[0]);
    for (const name of names) expect(await idOf(name)).toBe(plain.result.imageId);
    await dockerCli(["rmi", "-f", `${TAG}:other`]);
  });

  it("that somebody has under another name stays, though it leaks", async () => {
    await steps(LEAK);
    const flags = { noCache: false, provenance: "false" };
    const plain = await built(world, { ...PLAIN, ...flags, tags: [`${TAG}:theirs`] });
    const { error } = await attempt(world, { ...PROVED, ...flags, tags: [TAG] });
    expect(error).toMatchObject(refused);
    expect(await idOf(`${TAG}:theirs`)).toBe(plain.result.imageId);
    expect(await idOf(TAG)).toBeUndefined();
    await dockerCli(["rmi", "-f", `${TAG}:theirs`]);
  });

  it("that can't be proved for whatever reason gets no name", async () => {
    await steps(CLEAN);
    const fault = new Error("the key is gone");
    const { error } = await attempt(world, {
      ...PLAIN,
      tags: [TAG],
      iidFile: "id",
      prove: async () => Promise.reject(fault),
    });
    expect(error).toBe(fault);
    expect(await idOf(TAG)).toBeUndefined();
    expect(await readdir(world.cwd)).toEqual(["Dockerfile"]);
  });

  it("that can't have its name is not built", async () => {
    await steps(CLEAN);
    seen = [];
    const { error } = await attempt(world, { ...PROVED, tags: ["No Name"] });
    expect(error).toMatchObject({ code: "USAGE" });
    expect(seen).toEqual([]);
  });

  it("without a name is proved, and removed, by its id", async () => {
    await steps(LEAK);
    expect((await attempt(world, PROVED)).error).toMatchObject(refused);
    const [made] = seen;
    expect(await idOf(made?.kind === "image" ? made.id : "")).toBeUndefined();
  });

  it("a question about the Dockerfile makes none, and is answered", async () => {
    await steps(CLEAN);
    seen = [];
    const { error } = await attempt(world, { ...PROVED, call: "check" });
    if (hasQuestions) expect(error).toBeNull();
    else expect(error).not.toBeNull();
    expect(seen).toEqual([]);
  });
});

describe("a push", () => {
  let registry: PushRegistry;
  const password = canary("push").replaceAll(/[^\w-]/g, "");
  beforeAll(async () => {
    registry = await pushRegistry(password);
  });
  afterAll(async () => registry[Symbol.asyncDispose]());

  const auth: BuildOptions["auth"] = {
    credentials: async () => ({
      username: "bot",
      secret: Secret.take("password", Buffer.from(password)),
    }),
  };

  it.each(["push", "--output type=registry", "--output type=image,push=true"])(
    "of a leak does not take place, of a clean image it does: %s",
    async (flag) => {
      const name = `smtest/${marker}`;
      const tag = `${registry.host}/${name}:1`;
      const outputs = flag === "push" ? {} : { outputs: [flag.slice("--output ".length)] };
      const flags = { ...outputs, push: flag === "push", tags: [tag], auth };
      await steps(LEAK);
      expect((await attempt(world, { ...PROVED, ...flags })).error).toMatchObject(refused);
      expect(await registry.digest(name, "1")).toBeNull();
      expect(await idOf(tag)).toBeUndefined();
      await steps(CLEAN);
      const { result } = await built(world, { ...PROVED, ...flags });
      const digest = await registry.digest(name, "1");
      expect(digest).toMatch(/^sha256:/);
      expect(result.metadata.get("containerimage.digest")).toBe(digest);
      expect(await idOf(tag)).toBe(result.imageId);
      await dockerCli(["rmi", "-f", tag]);
    },
  );

  it.runIf(isContainerd)("of a cache waits for the proof too", async () => {
    await steps(LEAK);
    const cache = `${registry.host}/cache/${marker}`;
    const flags = { tags: [TAG], auth, cacheTo: [`type=registry,ref=${cache}:1,mode=max`] };
    expect((await attempt(world, { ...PROVED, ...flags })).error).toMatchObject(refused);
    expect(await registry.digest(`cache/${marker}`, "1")).toBeNull();
    await steps(CLEAN);
    const { result } = await built(world, { ...PROVED, ...flags });
    expect(result.opened.get("token")).toBe(1);
    expect(await registry.digest(`cache/${marker}`, "1")).toMatch(/^sha256:/);
  });

  it.runIf(isContainerd)("by its digest can't wait, and is refused", async () => {
    await steps(CLEAN);
    const outputs = ["type=image,push=true,push-by-digest=true,name=x"];
    const { error } = await attempt(world, { ...PROVED, outputs });
    expect(error).toMatchObject({ code: "USAGE_CONFLICT" });
  });
});

/** Outputs to this machine, and which kind each is proved as. */
const OUTPUTS: readonly (readonly [string, string])[] = [
  ["type=local,dest=out/made", "folder"],
  ["out/made", "folder"],
  ["type=tar,dest=out/made", "tar"],
  ...(isContainerd
    ? ([
        ["type=oci,dest=out/made,name=cats:1", "archive"],
        ["type=docker,dest=out/made,name=cats:1", "archive"],
        ["type=oci,tar=false,dest=out/made,name=cats:1", "layout"],
      ] as const)
    : []),
];

/** Names, kinds and modes of everything in a folder. */
async function listOf(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true });
  // where blobs of a layout are while they come
  const names = all.filter((name) => !name.endsWith("ingest")).toSorted();
  const lines = names.map(async (name) => {
    const { mode, size } = await lstat(join(folder, name));
    return `${name} ${mode.toString(8)} ${mode & 0o040000 ? "" : size}`;
  });
  return Promise.all(lines);
}

describe("an output", () => {
  it.each(OUTPUTS)(
    "%s: a leak leaves nothing, a clean one is as without a proof",
    async (flag, kind) => {
      const flags = { outputs: [flag], noCache: false, provenance: "false" };
      await steps(LEAK);
      expect((await attempt(world, { ...PROVED, ...flags })).error).toMatchObject(refused);
      expect(seen).toMatchObject([{ kind, name: "out/made" }]);
      const left = await readdir(join(world.cwd, "out")).catch(() => []);
      expect(left).toEqual([]);
      await steps(CLEAN);
      await built(world, { ...PROVED, ...flags });
      expect(seen).toMatchObject([{ kind }]);
      const proved = await listOf(join(world.cwd, "out"));
      expect(proved.length).toBeGreaterThan(0);
      const plain = flag.replace("out/", "plain/");
      await built(world, { ...PLAIN, ...flags, outputs: [plain] });
      expect(proved).toEqual(await listOf(join(world.cwd, "plain")));
    },
  );

  it("into a folder that is there: what does not come again stays, also after a leak", async () => {
    const out = join(world.cwd, "out");
    await mkdir(join(out, "etc"), { recursive: true });
    await mkdir(join(out, "mark"));
    await writeFile(join(out, "mark", "theirs"), "1");
    await writeFile(join(out, "etc", "theirs"), "2");
    await steps(LEAK);
    const before = await listOf(out);
    const flags = { outputs: ["out"] };
    expect((await attempt(world, { ...PROVED, ...flags })).error).toMatchObject(refused);
    expect(await listOf(out)).toEqual(before);
    await steps(CLEAN, "RUN mkdir -p /closed && echo x > /closed/file && chmod 0555 /closed");
    await built(world, { ...PROVED, ...flags });
    expect(await readFile(join(out, "etc", "theirs"), "utf8")).toBe("2");
    expect(await readFile(join(out, "mark"), "utf8")).toBe(`${marker}\n`);
    expect((await lstat(join(out, "closed"))).mode & 0o777).toBe(0o555);
    expect((await readdir(out)).filter((name) => name.includes("part"))).toEqual([]);
  });

  it("to stdout: nothing of a leak, all of a clean one", async () => {
    await steps(LEAK);
    const outputs = ["type=tar,dest=-"];
    const leaky = new PassThrough();
    const { error } = await attempt(world, { ...PROVED, outputs, stdout: leaky });
    expect(error).toMatchObject(refused);
    expect(leaky.readableLength).toBe(0);
    await steps(CLEAN);
    const clean = new PassThrough();
    const all = buffer(clean);
    await built(world, { ...PROVED, outputs, stdout: clean });
    clean.end();
    expect((await all).includes(marker)).toBe(true);
  });

  it.runIf(hasManyOutputs)("beside an image: a leak leaves neither", async () => {
    await steps(LEAK);
    const flags = { tags: [TAG], outputs: ["type=image", "type=tar,dest=made.tar", "out"] };
    expect((await attempt(world, { ...PROVED, ...flags })).error).toMatchObject(refused);
    expect(await idOf(TAG)).toBeUndefined();
    expect(await readdir(world.cwd)).toEqual(["Dockerfile"]);
    await steps(CLEAN);
    const { result } = await built(world, { ...PROVED, ...flags });
    expect(seen.map(({ kind }) => kind)).toEqual(["image", "tar", "folder"]);
    expect(await idOf(TAG)).toBe(result.imageId);
    expect((await readdir(world.cwd)).toSorted()).toEqual(["Dockerfile", "made.tar", "out"]);
  });
});

describe("the command line", () => {
  let at: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };
  beforeEach(async () => {
    at = {
      cwd: world.cwd,
      env: { ...world.env, ...(await dockerEnvironment(testEngine(), world.root)) },
    };
    await sealmountOut(["init", "--app", "cats"], at);
    await sealmountOut(["set", "token", "--build", "--stdin"], { ...at, stdin: TOKEN });
  });

  const always = async (): Promise<void> => {
    const file = join(world.cwd, "iterapp.toml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("[seal]\n", "[seal]\nverify = true\n"));
  };

  it.each([
    ["--verify", ["--verify"], async () => undefined],
    ["[seal] verify = true", [], always],
  ])("%s: exit 8, and no name; with --json the report", async (_name, flags, prepare) => {
    await prepare();
    await steps(LEAK);
    const words = ["build", "-q", "--no-cache", ...flags, "-t", TAG];
    const ran = await sealmount([...words, "."], at);
    expect(ran).toMatchObject({ code: 8, stdout: "" });
    expect(ran.stderr).toMatch(/build\/token.*\/leak/);
    const json = await sealmount([...words, "--json", "."], at);
    expect(json.code).toBe(8);
    expect(JSON.parse(json.stdout)).toMatchObject({ verify: { verdict: "leak", image: TAG } });
    expect(await idOf(TAG)).toBeUndefined();
    expect(leaksIn(Buffer.concat([ran.bytes, json.bytes]), [TOKEN])).toEqual([]);
    await steps(CLEAN);
    const clean = await sealmount([...words, "--json", "."], at);
    expect(JSON.parse(clean.stdout)).toMatchObject({
      imageId: await idOf(TAG),
      verify: { verdict: "clean" },
    });
  });

  it("[seal] verify = true leaves questions alone, and refuses what it can't look at", async () => {
    await always();
    await steps(CLEAN);
    const podman = await sealmount(["build", "--via", "podman", "-t", TAG, "."], at);
    expect(podman.code).toBe(2);
    expect(podman.stderr).toContain("[seal] verify = true");
    const question = await sealmount(["build", "--check", "."], at);
    expect(question.code === 0).toBe(hasQuestions);
  });

  it.each(["docker", "buildx"])("--via %s: exit 8, and no name", async (tool) => {
    await steps(LEAK);
    const words = ["build", "--via", tool, "--no-cache", "--network=none", "--verify", "-t", TAG];
    const ran = await sealmount([...words, "--iidfile", "id", "."], at);
    expect(ran.code).toBe(8);
    expect(await idOf(TAG)).toBeUndefined();
    expect(await readdir(world.cwd)).not.toContain("id");
    await steps(CLEAN);
    const clean = await sealmount([...words, "--iidfile", "id", "."], at);
    expect(clean.code).toBe(0);
    const id = await idOf(TAG);
    expect(id).toMatch(/^sha256:/);
    expect(await readFile(join(world.cwd, "id"), "utf8")).toBe(id);
    expect(leaksIn(Buffer.concat([ran.bytes, clean.bytes]), [TOKEN])).toEqual([]);
  });
});
