import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { dockerOut, testEngine } from "../engine/current.ts";
import { type Ran, run } from "../support/process.ts";
import { makeWorld } from "../support/temp.ts";

const DEMO = join(import.meta.dirname, "..", "..", "scripts", "demo.ts");

describe("the demo", () => {
  let demo: Ran;
  let left: readonly string[];
  let before: string;

  beforeAll(async () => {
    before = await listed();
    await using world = await makeWorld();
    const env = { ...process.env, TMPDIR: world.env["TMPDIR"], DOCKER_HOST: testEngine().host };
    demo = await run(process.execPath, [DEMO], { env, timeout: 280_000 });
    left = await readdir(join(world.root, "tmp"));
  });

  it("IT12: goes through, and ends with verify naming layer and path of a leak", () => {
    expect(demo.stderr).toBe("");
    expect(demo).toMatchObject({ code: 0 });
    expect(demo.stdout).toContain("(exit 8)");
    expect(demo.stdout).toContain("app/.npmrc");
  });

  it("fits on a screen or two, without color off a terminal", () => {
    expect(demo.stdout.split("\n").length).toBeLessThan(90);
    expect(demo.stdout).not.toContain("\x1b");
  });

  it("IT1, IT2: gives each environment its own values", () => {
    const prefixes = [...demo.stdout.matchAll(/\((?:environment|file)\): (\w{12})$/gm)];
    expect(new Set(prefixes.map((match) => match[1])).size).toBe(4);
  });

  it("leaves no folder, image, container or volume", async () => {
    expect(left).toEqual([]);
    expect(await dockerOut(["images", "-q", "--filter", "reference=smdemo-*"])).toBe("");
    // what others run on this engine meanwhile comes and goes
    await expect.poll(listed, { timeout: 20_000 }).toEqual(before);
  });
});

/** Containers and volumes of sealmount's making. */
async function listed(): Promise<string> {
  const label = ["--filter", "label=sealmount.run"];
  const containers = await dockerOut(["ps", "-aq", ...label]);
  return `${containers}\n${await dockerOut(["volume", "ls", "-q", ...label])}`;
}
