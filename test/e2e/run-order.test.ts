import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { Engine } from "../../src/docker/engine.ts";
import { mountsParts } from "../../src/run/delivery/volume.ts";
import { dockerOut } from "../engine/current.ts";
import { canary } from "../support/canary.ts";
import { makeWorld } from "../support/temp.ts";
import { withVolumes } from "./altered-engine.ts";
import { expectClean, leftovers, recordEngine, runIn, secret, sweep } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

let recorder: Awaited<ReturnType<typeof recordEngine>>;

beforeAll(buildImages);
afterAll(removeImages);
/** Every test has an engine that knows the image: one run went before. */
beforeEach(async () => {
  recorder = await recordEngine();
  await start("purr");
});
afterEach(async () => {
  await recorder[Symbol.asyncDispose]();
  await expectClean();
});

/** The image has a file in that folder for secrets, and a user of that name. */
async function start(
  value: string | Buffer,
  o: Parameters<typeof runIn>[0] = {},
): ReturnType<typeof runIn> {
  const file = { path: "/run/secrets/A", owner: "app" };
  return runIn({
    engine: recorder.engine,
    image: APP_IMAGE,
    entries: [secret("A", value, file)],
    delivery: "volume",
    command: ["cat", "/run/secrets/A"],
    ...o,
  });
}

/** The requests since then, without version and ids. A body ends without a line's end. */
function asked(before: string): string[] {
  const text = recorder.sent().slice(before.length);
  const lines = text.matchAll(/((?:GET|HEAD|POST|PUT|DELETE) )\/v[\d.]+(\/\S*) HTTP\/1\.1/g);
  return Array.from(lines, ([, method = "", path = ""]) =>
    (method + path).replace(/[0-9a-f]{64}/, "ID"),
  );
}

function count(lines: readonly string[], beginning: string): number {
  return lines.filter((line) => line.startsWith(beginning)).length;
}

/** How a run fails, and what it asked for. */
async function fails(
  engine: Engine,
  value: string | Buffer,
): Promise<{ readonly code: unknown; readonly lines: readonly string[]; readonly sent: string }> {
  const before = recorder.sent();
  const code: unknown = await start(value, { engine }).then(
    () => "ran",
    (error: { code: unknown }) => error.code,
  );
  return { code, lines: asked(before), sent: recorder.sent().slice(before.length) };
}

describe("files by volume, of a known image", () => {
  it("creates the container beside the helpers, and sends the files after the proof", async () => {
    const value = canary();
    const before = recorder.sent();
    const ran = await start(value);
    expect(ran.stdout.toString() === value).toBe(true);
    const text = recorder.sent().slice(before.length);
    const lines = asked(before);
    expect(count(lines, "POST /containers/create")).toBe(3);
    // for the proof, to hold, and with the files: again, where the hold took a moment
    expect(count(lines, "PUT /containers/ID/archive")).toBeGreaterThanOrEqual(3);
    const proof = text.search(/HEAD \S+probe/);
    const app = text.indexOf('"sealmount.role":"app"');
    expect([text.indexOf(value) > proof, proof > app, app > 0]).toEqual([true, true, true]);
  });

  it("RI23: on an engine that keeps volumes on its disk, no value is sent and nothing is left", async () => {
    const value = canary();
    const { code, lines, sent } = await fails(
      withVolumes(recorder.engine, () => ""),
      value,
    );
    expect(code).toBe("DELIVERY_FAILED");
    // the gate, which stands guard where volumes are mounted whole, is looked for after the proof
    const made = mountsParts(recorder.engine) ? 3 : 2;
    expect(count(lines, "POST /containers/create")).toBe(made);
    expect(count(lines, "POST /containers/ID/start")).toBe(0);
    expect(sent.includes(value)).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  it("takes the container back when there is no room for the files", async () => {
    const engine = withVolumes(recorder.engine, (o) => o.replace(/size=\d+/, "size=16k"));
    const { code, lines } = await fails(engine, Buffer.alloc(200_000, 97));
    expect(code).toMatch(/^(?:DOCKER_REFUSED|DELIVERY_FAILED)$/);
    expect(count(lines, "POST /containers/create")).toBe(3);
    expect(count(lines, "POST /containers/ID/start")).toBe(0);
    expect(await leftovers()).toEqual([]);
  });

  it("begins anew with ramfs where noswap is refused, once for an engine", async () => {
    await using world = await makeWorld();
    const engine = withVolumes(recorder.engine, (o) => o.replace("noswap", "smtest-unknown"));
    const script = "stat -f -c %T /run/secrets/A; cat /run/secrets/A";
    const cidfile = join(world.cwd, "cid");
    const name = `smtest-order-${process.pid}`;
    for (const tries of [2, 1]) {
      const before = recorder.sent();
      const ran = await start("purr", {
        engine,
        command: ["sh", "-c", `${script}; sleep 60`],
        container: { detach: true, name, cidfile },
      });
      expect(await readFile(cidfile, "utf8")).toBe(ran.containerId);
      expect(await dockerOut(["exec", name, "sh", "-c", script])).toBe("ramfs\npurr");
      // of the file, of the gate's own file, and of the gate, where volumes are mounted whole
      const volumes = mountsParts(recorder.engine) ? 1 : 3;
      expect(count(asked(before), "POST /volumes/create")).toBe(tries * volumes);
      await dockerOut(["rm", "-f", name]);
      await sweep();
      await rm(cidfile);
    }
  });
});

describe("what earlier runs left", () => {
  it("goes when the program runs: the start does not wait for it", async () => {
    const { containerId } = await start("purr", { container: { detach: true } });
    await dockerOut(["rm", "-f", containerId]);
    // of the file, and of the gate's own file where volumes are mounted whole
    const volumes = mountsParts(recorder.engine) ? 1 : 2;
    const ours: unknown = expect.stringMatching(/^sealmount-/);
    expect(await leftovers()).toEqual(Array.from({ length: volumes }, () => ours));
    const before = recorder.sent();
    await start("purr");
    const lines = asked(before);
    const sweeping = lines.findIndex((line) => line.startsWith("GET /volumes"));
    expect(sweeping).toBeGreaterThan(lines.indexOf("POST /containers/ID/start"));
    expect(await leftovers()).toEqual([]);
  });

  it("goes with a run that fails, too", async () => {
    const { containerId } = await start("purr", { container: { detach: true } });
    await dockerOut(["rm", "-f", containerId]);
    const entries = [secret("A", "purr", { path: "/run/secrets/A", owner: "ap" })];
    await expect(start("purr", { entries })).rejects.toMatchObject({ code: "DELIVERY_OWNER" });
    expect(await leftovers()).toEqual([]);
  });
});
