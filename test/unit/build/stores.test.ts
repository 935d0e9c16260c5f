import { createHash } from "node:crypto";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { cachesOf } from "../../../src/build/caches.ts";
import { readInputs } from "../../../src/build/inputs.ts";
import type { BuildRequest } from "../../../src/build/options.ts";
import { openStores, type Stores } from "../../../src/build/stores.ts";
import { findEntry, putEntry, readEntries } from "../../../src/session/content/oci-index.ts";
import { makeWorld, type World } from "../../support/temp.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
  await world.write("Dockerfile", "FROM base\n");
});

const request = (more: Partial<BuildRequest>): BuildRequest => ({
  context: ".",
  cwd: world.cwd,
  env: {},
  ...more,
});

const stores = async (more: Partial<BuildRequest>): Promise<Stores> => {
  const { named } = await readInputs(request(more));
  return openStores(request(more), named, () => undefined);
};

/** A layout with one manifest under some tags; returns its digest. */
async function layout(name: string, ...tags: readonly string[]): Promise<string> {
  const root = join(world.cwd, name);
  const content = `{"layout":"${name}"}`;
  const hex = createHash("sha256").update(content).digest("hex");
  await mkdir(join(root, "blobs", "sha256"), { recursive: true });
  await writeFile(join(root, "blobs", "sha256", hex), content);
  const digest = `sha256:${hex}`;
  for (const ref of tags) await putEntry(root, { digest }, [{ ref, image: "" }]);
  return digest;
}

const paths = (value: unknown): boolean => JSON.stringify(value).includes(world.root);

describe("caches", () => {
  it("get names of ours: one for each folder, and no path", async () => {
    const digest = await layout("cache", "latest", "other");
    const { caches, warnings, services } = await stores({
      cacheFrom: ["type=local,src=cache", "type=local,src=./cache/,tag=other", "a/b:c"],
      cacheTo: ["type=local,dest=cache,mode=max", "type=local,dest=second"],
    });
    expect(caches.exports.map(({ attributes }) => attributes)).toEqual([
      { mode: "max", dest: "cache-0" },
      { dest: "cache-1" },
    ]);
    expect(caches.imports.map(({ attributes }) => attributes)).toEqual([
      { src: "cache-0", digest },
      { src: "cache-0", digest, tag: "other" },
      { ref: "a/b:c" },
    ]);
    expect(warnings).toEqual([]);
    expect(services.length).toBe(1);
    expect(paths(caches)).toBe(false);
  });

  it("without a folder there is no service", async () => {
    expect((await stores({ cacheFrom: ["a/b"], cacheTo: ["type=inline"] })).services).toEqual([]);
  });

  it.each([
    ["none", "there is no index.json"],
    ["broken", "its index.json is not JSON"],
    ["untagged", "it has no tag latest"],
    ["linked", "its manifest is missing"],
  ])("one in %s is left out: %s", async (name, why) => {
    await world.write("broken/index.json", "{");
    await layout("untagged", "else");
    const digest = await layout("elsewhere", "latest");
    const blobs = join(world.cwd, "linked", "blobs", "sha256");
    await mkdir(blobs, { recursive: true });
    const hex = digest.slice(7);
    await symlink(join(world.cwd, "elsewhere", "blobs", "sha256", hex), join(blobs, hex));
    await putEntry(join(world.cwd, "linked"), { digest }, [{ ref: "latest", image: "" }]);
    const found = await stores({ cacheFrom: [`type=local,src=${name}`] });
    expect(found.warnings).toEqual([`the cache in ${name} is not used: ${why}`]);
    expect(found.caches.imports).toEqual([]);
    expect(found.services).toEqual([]);
  });

  it.each([
    [{ cacheFrom: ["type=local"] }, "USAGE"],
    [{ cacheTo: ["type=local"] }, "USAGE"],
    [{ cacheFrom: ["type=local,src=x,digest=sha256:../x"] }, "USAGE"],
    [{ cacheTo: ["type=local,dest=Dockerfile"] }, "USAGE"],
    [{ outputs: ["type=oci,tar=false,dest=Dockerfile"] }, "USAGE"],
    [{ outputs: ["type=oci,tar=false,dest=-"] }, "USAGE"],
    [{ outputs: ["type=oci,tar=false,dest=a", "type=docker,tar=0,dest=b"] }, "USAGE_CONFLICT"],
    [{ outputs: ["type=local,dest=a,mode=delete"] }, "USAGE"],
  ])("%j is refused", async (more, code) => {
    await expect(stores(more)).rejects.toMatchObject({ code });
  });

  it("GitHub's gets its address and token from the runner, and is left out elsewhere", () => {
    const flags = { cacheFrom: ["type=gha,scope=s"], cacheTo: ["type=gha,token=mine"] };
    expect(cachesOf(request(flags))).toEqual({ imports: [], exports: [] });
    const env = { ACTIONS_RUNTIME_TOKEN: "t", ACTIONS_RESULTS_URL: "https://results" };
    const attributes = (more: object): readonly object[] => {
      const { imports, exports } = cachesOf(request({ ...flags, env: { ...env, ...more } }));
      return [...imports, ...exports].map((one) => one.attributes);
    };
    expect(attributes({ ACTIONS_CACHE_URL: "https://cache" })).toEqual([
      { token: "t", url: "https://cache", scope: "s" },
      { token: "mine", url: "https://cache" },
    ]);
    expect(attributes({ ACTIONS_CACHE_SERVICE_V2: "true" })).toEqual([
      { token: "t", url: "https://results", url_v2: "https://results", scope: "s" },
      { token: "mine", url: "https://results", url_v2: "https://results" },
    ]);
  });
});

describe("contexts", () => {
  it("by tag, by digest, or the only one", async () => {
    const digest = await layout("one", "v1");
    const other = `sha256:${"a".repeat(64)}`;
    for (const [value, wanted] of [
      ["one:v1", digest],
      ["one", digest],
      [`one@${other}`, other],
      [`one:v1@${other}`, other],
      [`${world.cwd}/one:v1`, digest],
    ]) {
      const { places, services } = await stores({ buildContexts: [`base=oci-layout://${value}`] });
      expect(places["context:base"]).toMatch(/^oci-layout:\/\/[0-9a-f]{32}@sha256:/);
      expect(places["context:base"]?.split("@")[1]).toBe(wanted);
      expect([services.length, paths(places)]).toEqual([1, false]);
    }
  });

  it.each([
    ["nothing", /there is no index.json/],
    ["broken", /is not JSON/],
    ["two", /several images/],
    ["two:c", /several images/],
  ])("%s: %s", async (value, expected) => {
    await world.write("broken/index.json", "{");
    await layout("two", "a");
    await putEntry(join(world.cwd, "two"), { digest: `sha256:${"b".repeat(64)}` }, [
      { ref: "b", image: "" },
    ]);
    const failing = readInputs(request({ buildContexts: [`base=oci-layout://${value}`] }));
    await expect(failing).rejects.toMatchObject({ code: "BUILD_CONTEXT" });
    await expect(failing).rejects.toThrow(expected);
  });
});

describe("after the build", () => {
  it("index.json names what has come, and nothing that has not", async () => {
    const digest = await layout("out");
    const { finish } = await stores({
      cacheTo: ["type=local,dest=out,tag=mine"],
      outputs: ["type=oci,tar=false,dest=out"],
    });
    const descriptor = JSON.stringify({ mediaType: "x", digest, size: 1 });
    const image = Buffer.from(descriptor).toString("base64");
    await finish(
      new Map([
        ["cache.manifest", descriptor],
        ["containerimage.descriptor", image],
        ["image.name", "docker.io/a/b:1,docker.io/a/b:2"],
      ]),
    );
    const entries = (await readEntries(join(world.cwd, "out"))) ?? [];
    for (const name of ["mine", "1", "docker.io/a/b:2"])
      expect(findEntry(entries, name)?.digest).toBe(digest);
    expect(entries.length).toBe(3);

    for (const bad of [
      JSON.stringify({ digest: `sha256:${"c".repeat(64)}` }),
      JSON.stringify({ digest: "sha256:../../x" }),
      "nonsense",
    ]) {
      const told = Buffer.from(bad).toString("base64");
      const failing = finish(new Map([["containerimage.descriptor", told]]));
      await expect(failing).rejects.toMatchObject({ code: "BUILD_OUTPUT" });
    }
    expect((await readEntries(join(world.cwd, "out")))?.length).toBe(3);
  });

  it("a question about the Dockerfile leaves nothing", async () => {
    const flags = { call: "outline", outputs: ["type=oci,tar=false,dest=out"] };
    await (await stores(flags)).finish(new Map());
    expect(await readdir(world.cwd)).toEqual(["Dockerfile"]);
  });
});
