import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { dockerOut } from "../engine/current.ts";
import { docker } from "../engine/engine.ts";
import { canary } from "../support/canary.ts";
import { makeWorld } from "../support/temp.ts";
import { type ApartEngine, apartEngine } from "./apart.ts";
import { runIn, secret, sweep } from "./run-harness.ts";
import { placesOf } from "./traces.ts";

/** An engine that really is elsewhere: reached over TCP, with mounts of its own. */
let apart: ApartEngine;

beforeAll(async () => {
  apart = await apartEngine();
});
afterAll(async () => apart[Symbol.asyncDispose]());
afterEach(async () => {
  const { stdout } = await out(["ps", "-aq", "--filter", "label=sealmount.role"]);
  for (const id of stdout.split("\n").filter((line) => line !== "")) await out(["rm", "-f", id]);
  const volumes = await out(["volume", "ls", "-q", "--filter", "label=sealmount.role=files"]);
  const names = volumes.stdout.split("\n").filter((line) => line !== "");
  if (names.length > 0) await out(["volume", "rm", ...names]);
});

async function out(args: readonly string[]): ReturnType<typeof docker> {
  return docker(apart.test, args);
}

describe("an engine on another machine", () => {
  const container = { rm: true, network: "none" };

  it.each(["tcp", "its socket"])("IX15: gets files over %s, in a volume", async (road) => {
    const engine = road === "tcp" ? apart.engine : apart.bySocket;
    const value = canary("apart");
    const command = ["sh", "-c", "stat -f -c %T /run/secrets/A; cat /run/secrets/A"];
    const entries = [secret("A", value)];
    const ran = await runIn({ engine, entries, files: [{ name: "A" }], command, container });
    expect(ran.delivery).toBe("volume");
    expect(ran.stdout.toString() === `tmpfs\n${value}`).toBe(true);
    expect((await out(["ps", "-aq", "--filter", "label=sealmount.role"])).stdout).toBe("");
    const files = await out(["volume", "ls", "-q", "--filter", "label=sealmount.role=files"]);
    expect(files.stdout).toBe("");
  });

  it("leaves the folders alone whose containers another engine of this machine has", async () => {
    const entries = [secret("A", "purr")];
    const command = ["sleep", "60"];
    const detached = { detach: true, network: "none" };
    const ran = await runIn({ entries, files: [{ name: "A" }], command, container: detached });
    expect(ran.delivery).toBe("bind");
    const engine = apart.bySocket;
    await runIn({ engine, entries, files: [{ name: "A" }], command: ["true"], container });
    const found = await dockerOut(["exec", ran.containerId, "cat", "/run/secrets/A"]);
    await sweep();
    expect(found).toBe("purr");
  });

  it("RI23, RI18: keeps no value anywhere but in memory", async () => {
    await using world = await makeWorld();
    const since = await world.write("since", "");
    const value = canary("apart");
    const ran = await runIn({
      engine: apart.engine,
      entries: [secret("A", value), secret("B", value)],
      files: [{ name: "A" }, { name: "B", path: "/opt/app/b" }],
      command: ["sleep", "60"],
      container: { detach: true, network: "none" },
    });
    const look = { engine: apart.test, world, container: ran.containerId, values: [value], since };
    expect(await placesOf(look)).toEqual([]);
  });
});
