/** Caches, outputs and contexts that are OCI layouts in folders of this machine. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "vitest";

import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { parseJson } from "../support/json.ts";
import type { World } from "../support/temp.ts";
import {
  attempt,
  built,
  dockerfile,
  theEngine,
  worldWithImage,
  type Attempt,
} from "./build-harness.ts";

const TAG = `smtest-stores-${process.pid}`;
const isContainerd = testEngine().variant.endsWith("-containerd");

let world: World;
/** In every step of a test, so that its results can be found on the engine, and forgotten. */
let marker: string;
beforeEach(async () => {
  world = await worldWithImage(TAG);
  marker = `smtest-${Date.now()}`;
  await dockerfile(world, `RUN head -c 16 /dev/urandom | od -An -tx1 > /one # ${marker}`);
});

/** The engine's build cache without the steps of this test. */
async function forget(): Promise<void> {
  await dockerCli(["image", "rm", "--force", TAG]);
  const engine = await theEngine();
  const found = await engine.request("GET", "/system/df", { query: { type: "build-cache" } });
  const { BuildCache } = found as {
    readonly BuildCache: readonly { readonly ID: string; readonly Description: string }[];
  };
  const ids = BuildCache.filter(({ Description }) => Description.includes(marker));
  for (const { ID } of ids) await dockerOut(["builder", "prune", "-af", "--filter", `id=${ID}`]);
}

const isCached = ({ events }: Attempt): boolean =>
  events.some((event) => event.kind === "step" && event.cached && event.name.includes(marker));

/** The step's random bytes: the same when it was not run again. */
async function bytesOf(tag: string): Promise<string> {
  return dockerOut(["run", "--rm", "--network", "none", tag, "cat", "/one"]);
}

/** A cache of nothing, as an old and a new engine can read it. */
async function emptyCache(root: string): Promise<void> {
  const blobs = join(root, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const put = async (content: Buffer, mediaType: string): Promise<object> => {
    const hex = createHash("sha256").update(content).digest("hex");
    await writeFile(join(blobs, hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const config = await put(Buffer.from("{}"), "application/vnd.buildkit.cacheconfig.v0");
  const type = "application/vnd.oci.image.index.v1+json";
  const index = { schemaVersion: 2, mediaType: type, manifests: [config] };
  const entry = await put(Buffer.from(JSON.stringify(index)), type);
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  const all = { schemaVersion: 2, manifests: [{ ...entry, annotations }] };
  await writeFile(join(root, "index.json"), JSON.stringify(all));
}

describe("--cache-from type=local", () => {
  it("is read on every engine", async () => {
    await emptyCache(join(world.cwd, "cache"));
    const { events, result } = await built(world, {
      cacheFrom: ["type=local,src=cache"],
      noCache: false,
    });
    const step = events.findLast(
      (event) => event.kind === "step" && event.name.startsWith("importing cache manifest"),
    );
    expect(step).toMatchObject({ name: expect.stringMatching(/from local:/) });
    expect(step).not.toHaveProperty("error");
    expect(result.warnings).toEqual([]);
    // nothing is written to what is only read
    expect((await readdir(join(world.cwd, "cache"))).toSorted()).toEqual(["blobs", "index.json"]);
  });

  it("one that is not there is a warning", async () => {
    const { result } = await built(world, { cacheFrom: ["type=local,src=none"], noCache: false });
    expect(result.warnings).toEqual(["the cache in none is not used: there is no index.json"]);
  });
});

// what the one kind of engine can is shown there, and refused on the other
describe.runIf(!isContainerd)("an engine with its own store", () => {
  it.each([
    [{ cacheTo: ["type=local,dest=c"] }, "--cache-to type=local"],
    [{ outputs: ["type=oci,tar=false,dest=c"] }, "--output type=oci,dest=…"],
  ])("refuses %j before anything is built", async (more, flag) => {
    const { error, events } = await attempt(world, more);
    expect(error).toMatchObject({ code: "DOCKER_TOO_OLD" });
    expect((error as Error).message).toMatch(/^engine \d+\.\d+\S* can't do /);
    expect((error as Error).message).toContain(flag);
    expect(events.filter(({ kind }) => kind === "step")).toEqual([]);
    expect(await readdir(world.cwd)).toEqual(["Dockerfile"]);
  });
});

describe.runIf(isContainerd)("a cache in a folder, with containerd's store", () => {
  it("is written and read, and by docker too", async () => {
    const written = await built(world, {
      tags: [TAG],
      cacheTo: ["type=local,dest=cache,mode=max"],
    });
    expect(isCached(written)).toBe(false);
    const bytes = await bytesOf(TAG);
    const cache = join(world.cwd, "cache");
    const names = (await readdir(cache)).toSorted();
    expect(names).toEqual(["blobs", "index.json", "ingest", "oci-layout"]);
    expect(await readdir(join(cache, "ingest"))).toEqual([]);

    await forget();
    const from = { tags: [TAG], cacheFrom: ["type=local,src=cache"], noCache: false };
    const read = await built(world, from);
    expect([isCached(read), read.result.warnings]).toEqual([true, []]);
    expect(await bytesOf(TAG)).toBe(bytes);

    await forget();
    const build = [
      "buildx",
      "build",
      "-q",
      "--network=none",
      "-t",
      TAG,
      `--cache-from=type=local,src=${cache}`,
    ];
    await dockerOut([...build, world.cwd]);
    expect(await bytesOf(TAG)).toBe(bytes);
  });

  it("of docker is read, also by tag or digest", async () => {
    const cache = join(world.cwd, "theirs");
    const to = `--cache-to=type=local,dest=${cache},mode=max,tag=mine`;
    await dockerOut([
      "buildx",
      "build",
      "-q",
      "--network=none",
      "-t",
      TAG,
      "--no-cache",
      to,
      world.cwd,
    ]);
    const bytes = await bytesOf(TAG);
    const index = parseJson<{ readonly manifests: readonly { readonly digest: string }[] }>(
      await readFile(join(cache, "index.json"), "utf8"),
    );
    for (const which of ["tag=mine", `digest=${index.manifests[0]?.digest}`]) {
      await forget();
      const cacheFrom = [`type=local,src=theirs,${which}`];
      const read = await built(world, { tags: [TAG], cacheFrom, noCache: false });
      expect([which, isCached(read)]).toEqual([which, true]);
      expect(await bytesOf(TAG)).toBe(bytes);
    }
    const other = await built(world, { cacheFrom: ["type=local,src=theirs"], noCache: false });
    expect(other.result.warnings).toEqual([
      "the cache in theirs is not used: it has no tag latest",
    ]);
  });

  it("may be read and written by one build; its path does not travel", async () => {
    const flags = {
      tags: [TAG],
      cacheTo: ["type=local,dest=./cache,mode=max"],
      noCache: false,
    };
    await built(world, flags);
    await forget();
    const again = await built(world, { ...flags, cacheFrom: ["type=local,src=cache"] });
    expect(isCached(again)).toBe(true);
    expect(JSON.stringify(again.events)).not.toContain(world.root);
  });

  it("that can't be written fails the build with our words", async () => {
    await mkdir(join(world.cwd, "cache"));
    await writeFile(join(world.cwd, "cache", "ingest"), "a file");
    const { error } = await attempt(world, { cacheTo: ["type=local,dest=cache"] });
    expect(error).toMatchObject({ code: "BUILD_OUTPUT" });
    expect((error as Error).message).not.toContain(world.root);
  });
});

describe.runIf(isContainerd)("an OCI layout, with containerd's store", () => {
  it("comes out, equal to docker's, and serves as a context", async () => {
    const output = ["type=oci,tar=false,dest=ours"];
    const made = await built(world, { tags: [TAG], outputs: output });
    const theirs = `type=oci,tar=false,dest=${join(world.cwd, "theirs")}`;
    const flags = ["-t", TAG, "--provenance=false", "--output", theirs];
    await dockerOut(["buildx", "build", "-q", "--network=none", ...flags, world.cwd]);
    const entries = async (name: string): Promise<readonly Entry[]> =>
      parseJson<{ readonly manifests: readonly Entry[] }>(
        await readFile(join(world.cwd, name, "index.json"), "utf8"),
      ).manifests;
    const [ours, docker] = [await entries("ours"), await entries("theirs")];
    expect(ours[0]?.digest).toBe(made.result.imageId);
    const created = "org.opencontainers.image.created";
    const comparable = (list: readonly Entry[]): object[] =>
      list.map((one) => ({ ...one, annotations: { ...one.annotations, [created]: "" } }));
    expect(comparable(ours)).toEqual(comparable(docker));
    expect((await readdir(join(world.cwd, "ours", "blobs", "sha256"))).toSorted()).toEqual(
      (await readdir(join(world.cwd, "theirs", "blobs", "sha256"))).toSorted(),
    );

    await world.write("Dockerfile", "FROM base\nRUN cat /one > /two\n");
    const digest = made.result.imageId;
    for (const value of ["ours", "ours:latest", `ours@${digest}`, "theirs"]) {
      const used = await built(world, { buildContexts: [`base=oci-layout://${value}`] });
      expect(used.result.imageId).toMatch(/^sha256:/);
      expect(JSON.stringify(used.events)).not.toContain(world.root);
    }
    expect((await readdir(join(world.cwd, "theirs"))).toSorted()).toEqual([
      "blobs",
      "index.json",
      "ingest",
      "oci-layout",
    ]);
  });

  it("type=docker; and many names", async () => {
    const flags = { tags: [TAG, `${TAG}:two`], outputs: ["type=docker,tar=false,dest=out"] };
    await built(world, flags);
    const index = await readFile(join(world.cwd, "out", "index.json"), "utf8");
    const names = parseJson<{ readonly manifests: readonly Entry[] }>(index).manifests.map(
      ({ annotations }) => annotations["io.containerd.image.name"],
    );
    expect(names).toEqual([`docker.io/library/${TAG}:latest`, `docker.io/library/${TAG}:two`]);
  });

  it("a failed build leaves no index", async () => {
    await dockerfile(world, "RUN false");
    const { error } = await attempt(world, { outputs: ["type=oci,tar=false,dest=out"] });
    expect(error).toMatchObject({ code: "BUILD_FAILED" });
    expect(await readdir(world.cwd)).toEqual(["Dockerfile"]);
  });
});

interface Entry {
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string>>;
}
