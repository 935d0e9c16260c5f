import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { type ImageChoice, ImageMemory } from "../../../src/run/image-memory.ts";
import { makeWorld, type World } from "../../support/temp.ts";

const CHOICE: ImageChoice = {
  host: "unix:///run/docker.sock",
  image: { Id: "sha256:aa", Os: "linux", Architecture: "amd64" },
  platform: undefined,
};

const isText = (value: unknown): value is string => typeof value === "string";

function folderOf({ home }: World): string {
  return join(home, ".cache", "sealmount", "images");
}

/** Asks one question; tells whether it was passed on. */
async function ask(memory: ImageMemory, answer = "yes"): Promise<readonly [string, boolean]> {
  let asked = false;
  const found = await memory.recall("question", isText, async () => {
    asked = true;
    return answer;
  });
  return [found, asked];
}

async function remember({ env }: World, choice = CHOICE, answer = "yes"): Promise<void> {
  const memory = await ImageMemory.open(env, choice);
  await ask(memory, answer);
  await memory.keep();
}

describe("ImageMemory", () => {
  it("asks once, and not again in another process", async () => {
    await using world = await makeWorld();
    const memory = await ImageMemory.open(world.env, CHOICE);
    expect(memory.isEmpty).toBe(true);
    expect(await ask(memory)).toEqual(["yes", true]);
    expect(await ask(memory)).toEqual(["yes", false]);
    await memory.keep();
    const later = await ImageMemory.open(world.env, CHOICE);
    expect(later.isEmpty).toBe(false);
    expect(await ask(later, "no")).toEqual(["yes", false]);
  });

  it.each<[string, ImageChoice]>([
    ["the image on another engine", { ...CHOICE, host: "tcp://10.0.0.2:2376" }],
    ["another image", { ...CHOICE, image: { ...CHOICE.image, Id: "sha256:bb" } }],
    ["another platform of the image", { ...CHOICE, platform: "linux/arm64" }],
    ["another architecture", { ...CHOICE, image: { ...CHOICE.image, Architecture: "arm64" } }],
  ])("knows nothing of %s", async (_, other) => {
    await using world = await makeWorld();
    await remember(world);
    expect((await ImageMemory.open(world.env, other)).isEmpty).toBe(true);
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "7"],
    ["an answer of another kind", '{"question":7}'],
    ["more than an image has", JSON.stringify({ question: "x".repeat(300_000) })],
  ])("passes over a file with %s", async (_, text) => {
    await using world = await makeWorld();
    await remember(world);
    const [name = ""] = await readdir(folderOf(world));
    await writeFile(join(folderOf(world), name), text);
    expect(await ask(await ImageMemory.open(world.env, CHOICE))).toEqual(["yes", true]);
  });

  it("does not keep answers that are too long", async () => {
    await using world = await makeWorld();
    await remember(world, CHOICE, "x".repeat(300_000));
    expect((await ImageMemory.open(world.env, CHOICE)).isEmpty).toBe(true);
  });

  it("does without a folder, and without one that can be written to", async () => {
    await using world = await makeWorld();
    const nowhere = await ImageMemory.open({ XDG_CACHE_HOME: "/dev/null" }, CHOICE);
    expect(await ask(nowhere)).toEqual(["yes", true]);
    await nowhere.keep();
    await mkdir(join(world.home, ".cache", "sealmount"), { recursive: true });
    await writeFile(folderOf(world), "in the way");
    await remember(world);
    expect(await readFile(folderOf(world), "utf8")).toBe("in the way");
  });

  it("forgets the image that was learnt longest ago", async () => {
    await using world = await makeWorld();
    await remember(world);
    const [oldest = ""] = await readdir(folderOf(world));
    await utimes(join(folderOf(world), oldest), 1, 1);
    for (let count = 0; count < 199; count += 1)
      await writeFile(join(folderOf(world), `${count}`), "");
    expect(await readdir(folderOf(world))).toHaveLength(200);
    await remember(world, { ...CHOICE, platform: "linux/arm64" });
    const names = await readdir(folderOf(world));
    expect([names.length, names.includes(oldest)]).toEqual([200, false]);
  });
});
