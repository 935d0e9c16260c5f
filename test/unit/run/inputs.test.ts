import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { reserveCidFile } from "../../../src/run/cid-file.ts";
import { Cleanup } from "../../../src/run/cleanup.ts";
import { readInputs } from "../../../src/run/inputs.ts";
import { makeWorld, type World } from "../../support/temp.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  const made = world;
  onTestFinished(async () => made[Symbol.asyncDispose]());
});

describe("files that options name", () => {
  it("puts labels of files in front of the typed ones", async () => {
    await world.write("one", "# comment\na=1\n\n  b=2 \nbare\n");
    await world.write("two", "a=3\n");
    const { container } = await readInputs(
      { rm: true, labelFile: ["one", "two"], label: ["c=4"] },
      world.cwd,
    );
    expect(container).toEqual({ rm: true, label: ["a=1", "b=2 ", "a=3", "c=4"] });
  });

  it("compacts seccomp profiles", async () => {
    await world.write("p.json", '{ "a":\n 1 }');
    const securityOpt = ["seccomp=p.json", "seccomp=unconfined", "label=disable"];
    const { profiles } = await readInputs({ securityOpt }, world.cwd);
    expect([...profiles]).toEqual([["p.json", '{"a":1}']]);
  });

  it.each([
    [{ envFile: ["none"] }, "none can't be read (ENOENT)"],
    [{ labelFile: ["none"] }, "none can't be read (ENOENT)"],
    [{ labelFile: ["bad"] }, "no usable variable name"],
    [{ securityOpt: ["seccomp=none"] }, "none can't be read (ENOENT)"],
    [{ securityOpt: ["seccomp=bad"] }, "bad is not JSON"],
  ])("%j: %s, and nothing of the file", async (container, message) => {
    await world.write("bad", "=hunter2canary\n");
    const read = readInputs(container, world.cwd);
    await expect(read).rejects.toThrow(message);
    await expect(read).rejects.toMatchObject({ code: "USAGE" });
    await expect(read).rejects.not.toThrow(/hunter2/);
  });
});

describe("--cidfile", () => {
  it("is taken back as long as nobody forgets it", async () => {
    const cleanup = new Cleanup();
    const file = await reserveCidFile("cid", world.cwd, cleanup);
    await file.write("0123");
    expect(await readFile(join(world.cwd, "cid"), "utf8")).toBe("0123");
    expect(await cleanup.runAll()).toEqual([]);
    await expect(readFile(join(world.cwd, "cid"))).rejects.toThrow("ENOENT");
  });

  it("stays once it is forgotten", async () => {
    const cleanup = new Cleanup();
    const file = await reserveCidFile("cid", world.cwd, cleanup);
    await file.write("0123");
    cleanup.forget(file.step);
    await cleanup.runAll();
    expect(await readFile(join(world.cwd, "cid"), "utf8")).toBe("0123");
  });

  it("goes to one of two only", async () => {
    const both = await Promise.allSettled(
      [1, 2].map(async () => reserveCidFile("cid", world.cwd, new Cleanup())),
    );
    const statuses = both.map(({ status }) => status);
    expect(statuses.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(["fulfilled", "rejected"]);
  });

  it("of somebody else is left alone", async () => {
    await writeFile(join(world.cwd, "cid"), "other");
    const cleanup = new Cleanup();
    const reserved = reserveCidFile("cid", world.cwd, cleanup);
    await expect(reserved).rejects.toMatchObject({ code: "USAGE", place: { file: "cid" } });
    await cleanup.runAll();
    expect(await readFile(join(world.cwd, "cid"), "utf8")).toBe("other");
  });
});
