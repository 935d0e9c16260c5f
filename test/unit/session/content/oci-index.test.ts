import { readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import {
  findEntry,
  imageEntry,
  IndexError,
  putEntry,
  readEntries,
  type Descriptor,
} from "../../../../src/session/content/oci-index.ts";
import { parseJson } from "../../../support/json.ts";
import { makeWorld } from "../../../support/temp.ts";

const entry = (letter: string): Descriptor => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: `sha256:${letter.repeat(64)}`,
  size: 7,
});
const latest = { ref: "latest", image: "" };

describe("putEntry", () => {
  it("makes a layout, and moves a tag to the newest entry", async () => {
    await using world = await makeWorld();
    const root = join(world.cwd, "new");
    await putEntry(root, entry("a"), [latest]);
    await putEntry(root, entry("b"), [{ ref: "other", image: "" }]);
    await putEntry(root, entry("c"), [latest]);
    const entries = (await readEntries(root)) ?? [];
    expect(entries.map(({ digest }) => digest.slice(7, 8))).toEqual(["b", "c"]);
    expect(findEntry(entries, "latest")?.digest).toBe(entry("c").digest);
    expect(findEntry(entries, "none")).toBeUndefined();
    expect((await readdir(root)).toSorted()).toEqual(["index.json", "oci-layout"]);
    const layout = parseJson(await readFile(join(root, "oci-layout"), "utf8"));
    expect(layout).toEqual({ imageLayoutVersion: "1.0.0" });
  });

  it("keeps what it does not know", async () => {
    await using world = await makeWorld();
    const theirs = { ...entry("a"), annotations: { mine: "kept" }, platform: { os: "linux" } };
    const index = { schemaVersion: 2, manifests: [theirs], annotations: { x: "y" } };
    await world.write("index.json", JSON.stringify(index));
    await putEntry(world.cwd, entry("b"), [imageEntry("docker.io/library/cats:1")]);
    const after = parseJson<typeof index>(await readFile(join(world.cwd, "index.json"), "utf8"));
    expect(after.annotations).toEqual({ x: "y" });
    expect(after.manifests[0]).toEqual(theirs);
    expect(after.manifests[1]?.annotations).toEqual({
      "io.containerd.image.name": "docker.io/library/cats:1",
      "org.opencontainers.image.ref.name": "1",
    });
    expect(findEntry(after.manifests, "docker.io/library/cats:1")?.digest).toBe(entry("b").digest);
  });

  it("of many at a time, none is lost", async () => {
    await using world = await makeWorld();
    const letters = "0123456789abcdef".split("");
    const put = async (letter: string): Promise<void> =>
      putEntry(world.cwd, entry(letter), [{ ref: `tag-${letter}`, image: "" }]);
    await Promise.all(letters.map(put));
    expect((await readEntries(world.cwd))?.length).toBe(16);
    expect((await readdir(world.cwd)).toSorted()).toEqual(["index.json", "oci-layout"]);
  });

  it("does not wait for a lock that was left behind", async () => {
    await using world = await makeWorld();
    const lock = await world.write("index.json.lock", "");
    const old = new Date(Date.now() - 60_000);
    await utimes(lock, old, old);
    await putEntry(world.cwd, entry("a"), [latest]);
    expect((await readEntries(world.cwd))?.length).toBe(1);
  });

  it.each([
    ["{", /not JSON/],
    ["[]", /no index/],
    ['{"manifests":[{"digest":"sha256:../../etc/passwd"}]}', /no index/],
    [`{"manifests":[{"digest":"sha256:${"a".repeat(64)}","annotations":{"x":1}}]}`, /no index/],
  ])("an index of %j stays as it is", async (text, expected) => {
    await using world = await makeWorld();
    await world.write("index.json", text);
    await expect(putEntry(world.cwd, entry("a"), [latest])).rejects.toThrow(expected);
    await expect(readEntries(world.cwd)).rejects.toThrow(IndexError);
    expect(await readFile(join(world.cwd, "index.json"), "utf8")).toBe(text);
    expect(await readdir(world.cwd)).not.toContain("index.json.lock");
  });
});

it.each([
  ["docker.io/library/cats:1.2", "1.2"],
  ["localhost:5000/cats:x", "x"],
  ["localhost:5000/cats", ""],
  [`ghcr.io/a/b@sha256:${"a".repeat(64)}`, `@sha256:${"a".repeat(64)}`],
  [`ghcr.io/a/b:t@sha256:${"a".repeat(64)}`, `t@sha256:${"a".repeat(64)}`],
])("the tag of %s is %j", (image, ref) => {
  expect(imageEntry(image)).toEqual({ image, ref });
});
