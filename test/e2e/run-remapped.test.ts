import { stat } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { Engine } from "../../src/docker/engine.ts";
import { doctor } from "../../src/doctor/doctor.ts";
import { down } from "../../src/run/live/down.ts";
import { refresh } from "../../src/run/live/refresh.ts";
import { revoke } from "../../src/run/live/revoke.ts";
import type { RunEntry } from "../../src/run/options.ts";
import { testEngine } from "../engine/current.ts";
import { canary } from "../support/canary.ts";
import { makeWorld } from "../support/temp.ts";
import { DIGEST_KEY, IDENTITY } from "./live-harness.ts";
import { KINDS, type RemappedEngine, remappedEngine } from "./remapped.ts";
import { ENV, type Outcome, runIn, secret } from "./run-harness.ts";
import { placesOf } from "./traces.ts";

/** Each kind costs the start of an engine: the newest one stands for all variants. */
const VARIANT = "forky";

/** One file of each sort of place and owner; busybox's user `node` is 1000:1000. */
const PATHS = ["/run/secrets/ROOTS", "/run/secrets/sub/NAMED", "/opt/NUMBERED", "/etc/alone"];
const ALL = PATHS.join(" ");

function entries(file: string, variable: string): RunEntry[] {
  return [
    secret("ROOTS", file, { path: "/run/secrets/ROOTS" }),
    secret("NAMED", file, { path: "/run/secrets/sub/NAMED", owner: "node", mode: 0o400 }),
    secret("NUMBERED", file, { path: "/opt/NUMBERED", owner: "1000:65534" }),
    secret("ALONE", file, { path: "/etc/alone", owner: "node", mode: 0o440 }),
    secret("HIDDEN", variable),
  ];
}

describe.skipIf(testEngine().variant !== VARIANT).each(KINDS)(
  `an engine that is %s (only beside ${VARIANT})`,
  (kind) => {
    let remapped: RemappedEngine;
    let engine: Engine;
    // a machine may forbid what such an engine needs: user namespaces, mounts, a network of its own
    let missing = "";
    beforeAll(async () => {
      try {
        remapped = await remappedEngine(kind);
        ({ engine } = remapped);
      } catch (error) {
        missing = String(error);
        process.stderr.write(`!!! NOT RUN, no engine that is ${kind}: ${missing}\n`);
      }
    });
    afterAll(async () => (missing === "" ? remapped[Symbol.asyncDispose]() : undefined));
    beforeEach((context) => context.skip(missing !== "", `no engine that is ${kind}`));
    afterEach(async () => {
      if (missing === "") expect(await remapped.sweep()).toEqual([]);
    });

    const start = async (
      values: readonly [file: string, variable: string],
      o: Parameters<typeof runIn>[0] = {},
    ): Promise<Outcome> =>
      runIn({
        engine,
        env: ENV,
        entries: entries(...values),
        variables: "hidden",
        identity: IDENTITY,
        digestKey: DIGEST_KEY,
        container: { detach: true, network: "none", user: "node" },
        command: ["sleep", "300"],
        ...o,
      });
    const inside = async (id: string, user: string, script: string): Promise<string> =>
      remapped.out("exec", "-u", user, id, "sh", "-c", script);
    const takeDown = async (container: string): Promise<unknown> =>
      down({ engine, container, env: ENV, timeout: 0 });

    it("RI23, RI18: gets values by volume; they are nowhere but in memory", async () => {
      await using world = await makeWorld();
      const since = await world.write("since", "");
      const values = [canary("file"), canary("hidden")] as const;
      const { containerId: id, delivery } = await start(values);
      expect(delivery).toBe("volume");
      const script = "cat /run/secrets/sub/NAMED; tr '\\0' '\\n' </proc/1/environ | grep ^HIDDEN=";
      const found = await inside(id, "node", script);
      expect(found === `${values[0]}HIDDEN=${values[1]}`).toBe(true);
      const look = { engine: remapped.test, world, container: id, values, since };
      expect(await placesOf(look)).toEqual([]);
      await takeDown(id);
    });

    it("IX16, IX17, RI24: has owner and mode as asked for, read-only even for root", async () => {
      const { containerId: id } = await start(["purr", "meow"]);
      expect((await inside(id, "0", `stat -c '%u:%g %a' ${ALL}`)).split("\n")).toEqual([
        "0:0 600",
        "1000:1000 400",
        "1000:65534 600",
        "1000:1000 440",
      ]);
      const reads = PATHS.map((path) => `cat ${path} 2>/dev/null || printf closed; echo`);
      const read = await inside(id, "node", reads.join("; "));
      expect(read.split("\n")).toEqual(["closed", "purr", "purr", "purr"]);
      const writes = PATHS.map((path) => `(: > ${path}) 2>&1 | grep -c Read-only`).join("; ");
      expect(await inside(id, "0", writes)).toBe("1\n1\n1\n1");
      const systems = await inside(id, "0", `stat -f -c %T ${ALL}`);
      expect(new Set(systems.split("\n"))).toEqual(new Set([remapped.memory]));
      const pid = await remapped.out("inspect", "-f", "{{.State.Pid}}", id);
      const [root, named] = await Promise.all(
        PATHS.map(async (path) => stat(`/proc/${pid}/root${path}`)),
      );
      expect([root?.uid, named?.uid]).toEqual(remapped.outside);
      await takeDown(id);
    });

    it("IX25: takes new values, and gives them up", async () => {
      const { containerId: id } = await start(["purr", "meow"]);
      const now = entries("roar", "meow");
      const options = { engine, container: id, env: ENV };
      const { refreshed, stale } = await refresh({
        ...options,
        entries: now,
        digestKey: DIGEST_KEY,
      });
      expect(refreshed).toEqual(["ROOTS", "NAMED", "NUMBERED"]);
      expect(stale.map(({ name }) => name)).toEqual(["ALONE"]);
      expect(await inside(id, "0", `cat ${ALL}`)).toBe("roarroarroarpurr");
      expect(await inside(id, "0", `stat -c '%u:%g %a' ${PATHS[1]}`)).toBe("1000:1000 400");
      await revoke(options);
      expect(await inside(id, "0", `cat ${ALL} 2>/dev/null | wc -c`)).toBe("0");
      await takeDown(id);
    });

    it("is known for rootless, or not, by its version alone", () => {
      expect(engine.version.rootless).toBe(kind === "rootless");
    });

    it("IT21: is told by doctor, with the delivery that follows from it", async () => {
      await using world = await makeWorld();
      const connect = async (): Promise<Engine> => engine;
      const lines = await doctor({ env: ENV, home: world.home, cwd: world.cwd, connect });
      const details = lines.filter(({ name }) => ["user ids", "delivery"].includes(name));
      expect(details.map(({ detail }) => detail)).toEqual([
        remapped.told,
        "file secrets go by volume: the engine shifts user ids (rootless or userns-remap)",
      ]);
    });

    it("refuses --delivery bind: the program could not read its files", async () => {
      await expect(start(["purr", "meow"], { delivery: "bind" })).rejects.toMatchObject({
        code: "DELIVERY_FAILED",
        message: expect.stringContaining("the engine shifts user ids"),
      });
    });

    it.skipIf(kind !== "userns")(
      "binds with --userns host, where ids are the machine's",
      async () => {
        const container = { rm: true, network: "none", user: "node", userns: "host" };
        const o = { container, command: ["sh", "-c", `cat ${PATHS[1]}; stat -c %u ${ALL}`] };
        const { delivery, stdout } = await start(["purr", "meow"], o);
        expect([delivery, stdout.toString()]).toEqual(["bind", "purr0\n1000\n1000\n1000\n"]);
        await expect(start(["purr", "meow"], { ...o, delivery: "volume" })).rejects.toMatchObject({
          code: "DELIVERY_FAILED",
          message: expect.stringContaining("--userns host"),
        });
      },
    );
  },
);
