/** `build` on this test run's engine: events collected, leftovers looked for. */
import { readFile, readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { onTestFinished } from "vitest";

import { build } from "../../src/build/build.ts";
import type { BuildEvent } from "../../src/build/events.ts";
import type { BuildOptions, BuildResult } from "../../src/build/options.ts";
import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { Secret } from "../../src/secret/secret.ts";
import { engineHost, engineVersion } from "../engine/current.ts";
import { makeWorld, type World } from "../support/temp.ts";

export const BASE = "busybox:local";

let engine: Promise<Engine> | undefined;

/** One connection for a test file. */
export async function theEngine(): Promise<Engine> {
  engine ??= resolveEndpoint({ host: engineHost(), env: {}, home: "/" }).then(async (endpoint) =>
    Engine.connect(endpoint),
  );
  return engine;
}

/** What this run's engine can do, by the first version that could when it was tried. */
export async function engineSkills(): Promise<{
  /** Answers `--check` without a front end that the Dockerfile names. */
  readonly checks: boolean;
  /** Writes several outputs of one build. */
  readonly manyOutputs: boolean;
}> {
  const version = await engineVersion();
  return { checks: version.atLeast(27, 1), manyOutputs: version.atLeast(26, 0) };
}

/** A world for one test; afterwards it is gone, and so is the image of that name. */
export async function worldWithImage(tag: string): Promise<World> {
  const world = await makeWorld();
  onTestFinished(async () => {
    await (await theEngine()).removeImage(tag, { force: true });
    await world[Symbol.asyncDispose]();
  });
  return world;
}

/** Build secrets from plain values, as the vault would offer them. */
export function secretsOf(
  values: Readonly<Record<string, string | Buffer>>,
): BuildOptions["secrets"] {
  return {
    ids: Object.keys(values),
    async open(id) {
      const value = values[id];
      return value === undefined ? null : Secret.take(id, Buffer.from(value));
    },
  };
}

export interface Attempt {
  readonly result: BuildResult | null;
  readonly error: unknown;
  readonly events: readonly BuildEvent[];
  /** Everything that steps printed. */
  readonly log: string;
}

/** Builds in a world's working folder; never throws. The image is removed when the test is over. */
export async function attempt(world: World, more: Partial<BuildOptions> = {}): Promise<Attempt> {
  const events: BuildEvent[] = [];
  const options: BuildOptions = {
    engine: await theEngine(),
    context: ".",
    cwd: world.cwd,
    // the cache folder is the world's, too
    env: { XDG_CACHE_HOME: world.env["XDG_CACHE_HOME"] },
    secrets: secretsOf({}),
    network: "none",
    // a step from the cache would prove nothing
    noCache: true,
    onProgress: (event) => events.push(event),
    ...more,
  };
  let result: BuildResult | null = null;
  onTestFinished(async () => {
    const id = result?.imageId ?? "";
    if (id !== "") await (await theEngine()).removeImage(id, { force: true });
  });
  let error: unknown = null;
  try {
    result = await build(options);
  } catch (thrown) {
    error = thrown;
  }
  const log = events.flatMap((event) => (event.kind === "log" ? event.lines : [])).join("\n");
  return { result, error, events, log };
}

/** Builds and wants it to succeed. */
export async function built(
  world: World,
  more: Partial<BuildOptions> = {},
): Promise<Attempt & { readonly result: BuildResult }> {
  const made = await attempt(world, more);
  if (made.result === null) throw made.error;
  return { ...made, result: made.result };
}

/** Writes the Dockerfile of a world, on the base image. */
export async function dockerfile(world: World, ...lines: readonly string[]): Promise<void> {
  await world.write("Dockerfile", [`FROM ${BASE}`, ...lines, ""].join("\n"));
}

/** True while some process of this machine, in a container or not, has `text` in its arguments. */
export async function isRunning(text: string): Promise<boolean> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")),
  );
  return lines.some((line) => line.replaceAll("\0", " ").includes(text));
}

/** Waits until a condition holds; false when it does not within the time. */
export async function until(condition: () => Promise<boolean>, ms: number): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(25)) {
    if (await condition()) return true;
  }
  return condition();
}
