/**
 * The canary test with an engine: build, run and verify, good and bad, while everything is watched
 * where a secret could turn up. `test/unit/canary` is the part without an engine.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  badCases,
  CONTAINER,
  FORGED,
  goodCases,
  IMAGE,
  LEAKY,
  needsEngine,
} from "../canary/cases.ts";
import { playAll } from "../canary/play.ts";
import { CANARIES, copyStage, makeStage } from "../canary/stage.ts";
import { engineCases } from "../canary/verify-cases.ts";
import { dockerCli, dockerOut, engineHost, testEngine } from "../engine/current.ts";
import { type ArgvWatch, watchArguments } from "../support/argv-watch.ts";
import { leaksIn } from "../support/canary.ts";
import { sealmountOut } from "../support/cli.ts";
import { findOnDisk } from "../support/disk.ts";
import { parseJson } from "../support/json.ts";
import { makeWorld } from "../support/temp.ts";

const stage = await makeStage();
/** The place of files in memory for this test alone: others run beside it. */
const memory = await mkdtemp("/dev/shm/smtest-canary-");
const env = { DOCKER_HOST: engineHost(), XDG_RUNTIME_DIR: memory };
let watch: ArgvWatch;

/** A command of the app that succeeds. */
async function app(args: readonly string[]): Promise<void> {
  await using world = await copyStage(stage);
  await sealmountOut(args, { cwd: world.cwd, env: { ...world.env, ...env } });
}

/** By docker, which asks nobody; with none of those values that are looked for on the disk below. */
async function buildLeaky(): Promise<void> {
  await using world = await makeWorld();
  const { common, variable } = CANARIES;
  await world.write("file", `${common}\n${variable}\n`);
  const lines = [
    `ARG T='${common}'`,
    "COPY file /kept",
    "RUN cp /kept /deleted",
    "RUN rm /deleted",
    `ENV T='${variable}'`,
    `LABEL token='${common}'`,
  ];
  await world.write("Dockerfile", `FROM busybox:local\n${lines.join("\n")}\n`);
  await dockerOut(["build", "-q", "--network=none", "-t", LEAKY, "."], { cwd: world.cwd });
}

beforeAll(async () => {
  await app(["build", "-t", IMAGE, "."]);
  await buildLeaky();
  const { common, variable, file, build, pull, login } = CANARIES;
  watch = await watchArguments([common, variable, file, build, pull, login, stage.key]);
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", IMAGE, LEAKY]);
  await stage[Symbol.asyncDispose]();
  await rm(memory, { recursive: true });
});

describe("IX20: no output holds a canary", () => {
  beforeAll(async () => {
    await app(["run", "-d", "--env", "prod", "--name", CONTAINER, IMAGE]);
    // all but the mac
    const labels = await dockerOut(["inspect", "-f", "{{json .Config.Labels}}", CONTAINER]);
    const flags = Object.entries(parseJson<Record<string, string>>(labels))
      .filter(([name]) => name !== "sealmount.mac")
      .map(([name, text]) => `--label=${name}=${text}`);
    await dockerOut(["run", "-d", `--name=${FORGED}`, ...flags, "busybox:local", "sleep", "600"]);
  });
  afterAll(async () => {
    await dockerCli(["rm", "-f", FORGED]);
    await app(["down", "--timeout", "0", CONTAINER]);
  });

  const cases = [...goodCases(), ...engineCases(testEngine().plugins), ...badCases(stage)];
  playAll(
    stage,
    cases.filter((one) => needsEngine(one)),
    env,
  );
});

describe("elsewhere", () => {
  it("IX7, DO11: no process had a secret among its arguments", async () => {
    expect(await watch.stop()).toEqual([]);
  });

  it("nothing is left behind: no container, volume or tmpfs file", async () => {
    const label = ["--filter", "label=sealmount.run"];
    expect(await dockerOut(["ps", "-aq", ...label, "--filter", `ancestor=${IMAGE}`])).toBe("");
    // there were files in it: an app with one has just run
    expect(await readdir(memory)).toEqual(["sealmount"]);
    expect(await readdir(join(memory, "sealmount"))).toEqual([]);
  });

  it("IT13, RI18: build and file secrets are in no inspect, history or log, nor on disk", async () => {
    const { build, file, variable } = CANARIES;
    await using world = await copyStage(stage);
    const since = await world.write("since", "");
    const options = { cwd: world.cwd, env: { ...world.env, ...env } };
    await sealmountOut(["build", "--no-cache", "-t", IMAGE, "."], options);
    const args = ["run", "-d", "--name", `${IMAGE}-app`, "--env", "prod", IMAGE];
    const container = (await sealmountOut(args, options)).trim();
    const hidden = [build, file, stage.key];
    try {
      const inspected = await dockerOut(["inspect", container, IMAGE]);
      const shown = await Promise.all([
        dockerOut(["history", "--no-trunc", IMAGE]),
        dockerOut(["logs", container]),
        dockerOut(["diff", container]),
      ]);
      expect(leaksIn([inspected, ...shown].join("\n"), hidden)).toEqual([]);
      // a variable is in the container's configuration, as the help says
      expect(leaksIn(inspected, [variable])).not.toEqual([]);
      expect(await dockerOut(["exec", container, "cat", "/run/secrets/file"])).toBe(file);
      expect(await onDisk(hidden, since)).toEqual([]);
    } finally {
      await dockerCli(["rm", "-f", container]);
    }
    expect(await onDisk(hidden, since)).toEqual([]);
  });
});

/** Hits in the daemon's folders that are not in memory. */
async function onDisk(canaries: readonly string[], since: string): Promise<readonly string[]> {
  const { dataRoot, execRoot } = testEngine();
  const hits = await Promise.all(
    [dataRoot, execRoot].map((root) => findOnDisk(root, canaries, since)),
  );
  return hits.flat().flatMap(({ path, inMemory }) => (inMemory ? [] : [path]));
}
