import { createHash, randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";

import { beforeEach, describe, expect, it } from "vitest";

import { UnsealError } from "../../src/errors.ts";
import { dockerOut, engineVersion, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { findOnDisk } from "../support/disk.ts";
import type { World } from "../support/temp.ts";
import { fakeEngine } from "../unit/session/fake-engine.ts";
import { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import { engineImage } from "../../src/verify/sources/engine.ts";
import { verify } from "../../src/verify/verify.ts";
import {
  attempt,
  type Attempt,
  built,
  dockerfile,
  isRunning,
  secretsOf,
  theEngine,
  until,
  worldWithImage,
} from "./build-harness.ts";

const TAG = `smtest-build-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

const sha256 = (value: string | Buffer): string => createHash("sha256").update(value).digest("hex");

/** A step that succeeds only when the file has this value; the value itself stays out of it. */
function check(value: string | Buffer, path: string): string {
  return `test "$(sha256sum < ${path} | cut -d' ' -f1)" = ${sha256(value)}`;
}

describe("a secret reaches its step and nothing else", () => {
  it("IT13, IT20: no plaintext file here, no trace in image, history, config or on the engine's disk", async () => {
    const value = canary("build");
    const marker = await world.write("../marker", "");
    await dockerfile(
      world,
      `RUN --mount=type=secret,id=npm-token,required=true ${check(value, "/run/secrets/npm-token")}`,
      `RUN --mount=type=secret,id=npm-token cat /run/secrets/npm-token | base64 >/dev/null`,
    );
    const { result } = await built(world, {
      tags: [TAG],
      secrets: secretsOf({ "npm-token": value, unused: "u" }),
    });
    expect(result.opened).toEqual(new Map([["npm-token", 2]]));
    expect(result.tags).toEqual([TAG]);
    expect(await dockerOut(["image", "inspect", "-f", "{{.Id}}", TAG])).toBe(result.imageId);
    const engine = await theEngine();
    const saved = await buffer(await engine.saveImage(TAG));
    const told = [
      saved,
      await dockerOut(["history", "--no-trunc", TAG]),
      await dockerOut(["image", "inspect", TAG]),
    ];
    for (const text of told) expect(leaksIn(text, [value])).toEqual([]);
    const { dataRoot } = testEngine();
    if (dataRoot !== "") {
      const hits = await findOnDisk(dataRoot, [value], marker);
      expect(hits.filter((hit) => !hit.inMemory)).toEqual([]);
    }
  });

  it("IT13: nor in the provenance, which has the build's arguments", async (context) => {
    const isHeld = testEngine().variant.endsWith("-containerd");
    context.skip(!isHeld, "this engine's store holds no attestations");
    const [mounted, argument] = [canary("mounted"), canary("argument")];
    const mount = "RUN --mount=type=secret,id=token,required=true";
    await dockerfile(world, "ARG MARK", `${mount} ${check(mounted, "/run/secrets/token")}`);
    await built(world, {
      tags: [TAG],
      secrets: secretsOf({ token: mounted }),
      buildArgs: [`MARK=${argument}`],
      attests: ["type=provenance,mode=max"],
    });
    const secrets = Object.entries({ mounted, argument }).map(([name, value]) =>
      Secret.take(name, Buffer.from(value)),
    );
    const { findings, unseen } = await verify(
      engineImage(await theEngine(), TAG),
      secrets,
    ).report();
    expect(unseen).toEqual([]);
    // the argument shows that the provenance was there and searched
    expect(findings.map(({ secret }) => secret)).not.toContain("mounted");
    expect(findings).toContainEqual(
      expect.objectContaining({ secret: "argument", where: "attestation" }),
    );
  });

  it("IT17: the recipe of the docs works unchanged", async () => {
    const value = canary("recipe");
    await dockerfile(
      world,
      `RUN --mount=type=secret,id=tok,dst=/tmp/tok export TOKEN=$(cat /tmp/tok) && ` +
        `test "$(printf %s "$TOKEN" | sha256sum | cut -d' ' -f1)" = ${sha256(value)}`,
    );
    expect((await attempt(world, { secrets: secretsOf({ tok: value }) })).error).toBeNull();
  });

  it("IT17: env= works where the engine knows it", async () => {
    const value = canary("env");
    await dockerfile(
      world,
      `RUN --mount=type=secret,id=tok,env=TOKEN ` +
        `test "$(printf %s "$TOKEN" | sha256sum | cut -d' ' -f1)" = ${sha256(value)}`,
    );
    const { error } = await attempt(world, { secrets: secretsOf({ tok: value }) });
    if ((await engineVersion()).atLeast(27, 3)) expect(error).toBeNull();
    else expect(error).toMatchObject({ exitCode: 7, message: expect.stringContaining("env") });
  });

  it("IT18, IT19: id and dst decide; mode, uid and a tmpfs are the step's", async () => {
    const value = canary("dst");
    await dockerfile(
      world,
      `RUN --mount=type=secret,id=a/b,dst=/etc/app/key,uid=7,mode=0440 ${check(value, "/etc/app/key")} ` +
        `&& test "$(stat -c %u:%a /etc/app/key)" = 7:440 && grep -q ' /etc/app/key tmpfs ' /proc/mounts`,
      `RUN test ! -e /etc/app/key`,
      `RUN --mount=type=secret,id=a/b ${check(value, "/run/secrets/b")} && test "$(stat -c %a /run/secrets/b)" = 400`,
    );
    expect((await attempt(world, { secrets: secretsOf({ "a/b": value }) })).error).toBeNull();
  });

  it.each<[string, Buffer]>([
    ["empty", Buffer.alloc(0)],
    ["every byte", Buffer.from(Array.from({ length: 256 }, (_none, byte) => byte))],
    ["RI37: 500 KiB", randomBytes(512_000)],
  ])("%s arrives byte for byte", async (_name, value) => {
    await dockerfile(
      world,
      `RUN --mount=type=secret,id=v,required ${check(value, "/run/secrets/v")}`,
    );
    expect((await attempt(world, { secrets: secretsOf({ v: value }) })).error).toBeNull();
  });

  it("a step from the cache opens nothing", async () => {
    await dockerfile(world, `RUN --mount=type=secret,id=v true # ${TAG}`);
    const secrets = secretsOf({ v: "x" });
    expect((await built(world, { secrets })).result.opened.get("v")).toBe(1);
    expect((await built(world, { secrets, noCache: false })).result.opened.size).toBe(0);
  });

  it("an id that the manifest lacks is absent in the step, and a warning", async () => {
    await dockerfile(world, "RUN --mount=type=secret,id=nope test ! -e /run/secrets/nope");
    const { result, events } = await built(world, {
      secrets: secretsOf({ other: "x" }),
    });
    expect(result.opened.size).toBe(0);
    expect(result.warnings[0]).toMatch(/^Dockerfile:2: build secret nope is not in/);
    expect(events[0]).toMatchObject({ kind: "warning" });
  });

  it("IX29: a required id that the manifest lacks stops before the engine is asked for anything", async () => {
    await using fake = await fakeEngine();
    await dockerfile(world, "RUN \\", "  --mount=type=secret,id=nope,required=true \\", "  true");
    const engine = await Engine.connect(fake.endpoint);
    const { error } = await attempt(world, { engine });
    expect(error).toMatchObject({ code: "SECRET_MISSING", place: { file: "Dockerfile", line: 3 } });
    expect(fake.seen.filter((line) => !/_ping|version$/.test(line))).toEqual([]);
  });

  it("a secret asked for after 12 s: the session outlives the engine's health checks", async () => {
    const value = canary("late");
    await dockerfile(
      world,
      "RUN sleep 12",
      `RUN --mount=type=secret,id=late,required ${check(value, "/run/secrets/late")}`,
    );
    const { error, result } = await attempt(world, {
      secrets: secretsOf({ late: value }),
    });
    expect(error).toBeNull();
    expect(result?.opened.get("late")).toBe(1);
  });
});

describe("a secret that does not open", () => {
  it("is the build's error, not the engine's report of it", async () => {
    await dockerfile(world, "RUN --mount=type=secret,id=v true");
    const wrongKey = new UnsealError("UNSEAL_WRONG_KEY", "sealed for another key");
    const secrets = { ids: ["v"], open: async () => Promise.reject(wrongKey) };
    expect((await attempt(world, { secrets })).error).toBe(wrongKey);
  });

  it("RI37: is too large", async () => {
    await dockerfile(world, "RUN --mount=type=secret,id=v true");
    const { error } = await attempt(world, {
      secrets: secretsOf({ v: randomBytes(512_001) }),
    });
    expect(error).toMatchObject({ code: "BUILD_SECRET_SIZE", exitCode: 7 });
  });
});

/**
 * A build from the cache whose mask knows only what was opened for it. The image has a name: with the
 * containerd store, an engine that ends two nameless builds at one time fails one of them.
 */
async function masked(value: string, tag: string): Promise<Attempt> {
  const plain = secretsOf({ v: value });
  const opened = new Set<string>();
  const open = async (id: string): ReturnType<typeof plain.open> => {
    opened.add(value);
    return plain.open(id);
  };
  const mask = (text: string): string =>
    [...opened].reduce((left, one) => left.replaceAll(one, "***"), text);
  return attempt(world, { secrets: { ids: plain.ids, open }, mask, noCache: false, tags: [tag] });
}

describe("a build that fails", () => {
  it("IT3: names the step, its exit code and its last lines, all masked", async () => {
    const value = canary("echoed");
    await dockerfile(
      world,
      "RUN --mount=type=secret,id=v echo one; cat /run/secrets/v; echo; cat /run/secrets/v >&2; echo last; exit 3",
    );
    const { error, log, events } = await attempt(world, {
      secrets: secretsOf({ v: value }),
      mask: (text) => text.replaceAll(value, "***"),
    });
    expect(error).toMatchObject({
      code: "BUILD_FAILED",
      exitCode: 7,
      message: expect.stringMatching(/^the build failed at .*RUN.*: exit code 3$/),
      lines: expect.arrayContaining(["one", "***", "last"]) as unknown,
    });
    expect(log).toContain("***");
    expect(leaksIn(JSON.stringify([error, String(error), events]), [value])).toEqual([]);
  });

  it("masks what a cached step left behind, and what another build's step prints", async () => {
    const value = canary("left");
    const steps = [`RUN --mount=type=secret,id=v cp /run/secrets/v /left # ${TAG}`];
    await dockerfile(world, ...steps);
    await built(world, { secrets: secretsOf({ v: value }) });
    const uncached = `RUN cat /left && sleep 1 # ${canary("uncached")}`;
    await dockerfile(world, ...steps, uncached);
    // at the same time: the engine runs a step once for both, and asks one of them for the secret
    const pair = await Promise.all([1, 2].map(async (at) => masked(value, `${TAG}-${at}`)));
    for (const { log, error } of pair) expect([error, log]).toEqual([null, "***"]);
  });

  it("stops before output that it can't mask", async () => {
    const mount = "RUN --mount=type=secret,id=v true";
    await dockerfile(world, `${mount} # ${TAG}`);
    await built(world, { secrets: secretsOf({ v: "x" }) });
    await dockerfile(world, `${mount} # ${TAG}`, `RUN echo shown # ${canary("uncached")}`);
    const wrongKey = new UnsealError("UNSEAL_WRONG_KEY", "sealed for another key");
    const secrets = { ids: ["v"], open: async () => Promise.reject(wrongKey) };
    const { error, log } = await attempt(world, { secrets, noCache: false });
    expect([error, log]).toEqual([wrongKey, ""]);
  });

  it("has the place of a fault in the Dockerfile", async () => {
    await dockerfile(world, "RUN true", "RUM true");
    expect((await attempt(world)).error).toMatchObject({
      code: "BUILD_DOCKERFILE",
      place: { file: "Dockerfile", line: 3 },
    });
  });

  it("a base image that is not there", async () => {
    await world.write("Dockerfile", "FROM localhost:1/smtest/nope:1\n");
    expect((await attempt(world)).error).toMatchObject({ code: "BUILD_FAILED" });
  });

  it("a target that is not there", async () => {
    await dockerfile(world);
    expect((await attempt(world, { target: "nope" })).error).toMatchObject({ exitCode: 7 });
  });

  it("a malformed tag", async () => {
    await dockerfile(world);
    expect((await attempt(world, { tags: ["UPPER CASE"] })).error).toMatchObject({
      code: "DOCKER_REFUSED",
    });
  });
});

describe("stopping a build leaves nothing behind", () => {
  const seconds = `6${process.pid}.25`;

  // again when a busy machine took the second for itself
  it(
    "Ctrl-C while a step runs: within a second, and the step's process is gone",
    { retry: 2 },
    async () => {
      await dockerfile(world, `RUN --mount=type=secret,id=v sleep ${seconds}`);
      const stop = new AbortController();
      const running = attempt(world, {
        secrets: secretsOf({ v: "x" }),
        signal: stop.signal,
      });
      expect(await until(async () => isRunning(`sleep ${seconds}`), 20_000)).toBe(true);
      const start = performance.now();
      stop.abort();
      expect((await running).error).toMatchObject({ code: "INTERRUPTED", exitCode: 130 });
      expect(performance.now() - start).toBeLessThan(1_000);
      expect(await until(async () => !(await isRunning(`sleep ${seconds}`)), 10_000)).toBe(true);
    },
  );

  it("Ctrl-C before the start, and while the context is sent", async () => {
    await dockerfile(world, "COPY . /x");
    const { error } = await attempt(world, { signal: AbortSignal.abort() });
    expect(error).toMatchObject({ code: "INTERRUPTED" });
    for (let file = 0; file < 200; file += 1)
      await world.write(`f${file}`, Buffer.alloc(200_000, file));
    const early = await attempt(world, { signal: AbortSignal.timeout(15) });
    expect(early.error).toMatchObject({ code: "INTERRUPTED" });
  });

  it("Ctrl-C while a secret is being opened", async () => {
    await dockerfile(world, "RUN --mount=type=secret,id=v true");
    const stop = new AbortController();
    const secrets = {
      ids: ["v"],
      open: async () => {
        stop.abort();
        return new Promise<never>(() => undefined);
      },
    };
    const { error } = await attempt(world, { secrets, signal: stop.signal });
    expect(error).toMatchObject({ code: "INTERRUPTED" });
  });

  it.each(["/session", "/grpc"])(
    "%s lost: the build is cancelled, and the error says so",
    async (path) => {
      await dockerfile(world, `RUN sleep ${seconds} # ${path}`);
      const real = await theEngine();
      let cut: () => void = () => undefined;
      const engine = new Proxy(real, {
        get(target, name) {
          if (name !== "hijack") {
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === "function" ? (value.bind(target) as unknown) : value;
          }
          return async (...args: Parameters<Engine["hijack"]>) => {
            const socket = await target.hijack(...args);
            if (args[0] === path) cut = () => socket.destroy();
            return socket;
          };
        },
      });
      const running = attempt(world, { engine });
      expect(await until(async () => isRunning(`sleep ${seconds}`), 20_000)).toBe(true);
      cut();
      expect((await running).error).toMatchObject({ code: "DOCKER_SESSION_LOST", exitCode: 6 });
      expect(await until(async () => !(await isRunning(`sleep ${seconds}`)), 10_000)).toBe(true);
    },
  );
});

describe("an engine that can't", () => {
  it.each([
    ["has BuildKit switched off", { ping: { "Builder-Version": "1" } }],
    ["builds for Windows", { version: { Os: "windows" } }],
    ["has no sessions", { refuseSession: 404 }],
  ])("%s", async (_name, options) => {
    await using fake = await fakeEngine(options);
    await dockerfile(world);
    const { error } = await attempt(world, { engine: await Engine.connect(fake.endpoint) });
    expect(error).toMatchObject({ code: "DOCKER_NO_BUILDKIT", exitCode: 6 });
  });
});
