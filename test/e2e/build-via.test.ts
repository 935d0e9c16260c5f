import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";

import { beforeEach, describe, expect, it } from "vitest";

import type { ViaTool } from "../../src/build/via-plan.ts";
import { buildVia } from "../../src/build/via.ts";
import { dockerEnvironment } from "../engine/engine.ts";
import { testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import type { World } from "../support/temp.ts";
import { BASE, isRunning, secretsOf, theEngine, until, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-via-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

async function childEnv(): Promise<Record<string, string>> {
  const { docker } = testEngine();
  const tools = docker.includes("/") ? `${join(docker, "..")}:` : "";
  return {
    ...world.env,
    PATH: `${tools}${process.env["PATH"] ?? ""}`,
    ...(await dockerEnvironment(testEngine(), world.root)),
  };
}

async function run(
  tool: ViaTool,
  value: string,
  extra: readonly string[] = [],
): Promise<{ readonly output: string; readonly error: unknown; readonly opened: unknown }> {
  const stdout = new PassThrough();
  const output = text(stdout);
  const outcome = await buildVia({
    tool,
    context: ".",
    cwd: world.cwd,
    env: {},
    childEnv: await childEnv(),
    secrets: secretsOf({ tok: value, unused: "u" }),
    tags: [TAG],
    network: "none",
    noCache: true,
    extra,
    output: { stdout, stderr: stdout },
  }).then(
    ({ opened }) => ({ error: null, opened }),
    (error: unknown) => ({ error, opened: null }),
  );
  stdout.end();
  return { output: await output, ...outcome };
}

describe.each<ViaTool>(["docker", "buildx"])("build --via %s", (tool) => {
  it("gives the secret to the step, twice, and leaves it nowhere", async () => {
    const value = canary("via");
    const hash = createHash("sha256").update(value).digest("hex");
    const check = `test "$(sha256sum < /run/secrets/tok | cut -d' ' -f1)" = ${hash}`;
    const mount = "RUN --mount=type=secret,id=tok,required=true";
    await world.write("Dockerfile", `FROM ${BASE}\n${mount} ${check}\n${mount} ${check} && true\n`);
    const { output, error, opened } = await run(tool, value, ["--progress", "plain"]);
    expect(output).toContain("/run/secrets/tok");
    expect(error).toBeNull();
    expect(opened).toEqual(new Map([["tok", 1]]));
    expect(await (await theEngine()).inspectImage(TAG)).not.toBeNull();
    expect(leaksIn(output, [value])).toEqual([]);
  });

  it("reports that the builder failed", async () => {
    await world.write("Dockerfile", `FROM ${BASE}\nRUN exit 3\n`);
    expect((await run(tool, "x")).error).toMatchObject({ code: "BUILD_FAILED", exitCode: 7 });
  });
});

it("the secret outlives our own SIGKILL exactly as long as the builder, and never has a name", async () => {
  const value = canary("killed");
  const before = await readdir("/dev/shm");
  await world.write("Dockerfile", `FROM ${BASE}\nRUN --mount=type=secret,id=tok true\n`);
  const mark = `7${process.pid}.5`;
  const script = `#!/bin/sh\nsleep 1.${process.pid}\ncat /dev/fd/3 > "$PWD/../got"\nexec sleep ${mark}\n`;
  await world.write("bin/docker", script, 0o755);
  const path = `${world.cwd}/bin:/usr/bin:/bin`;
  const child = spawn(process.execPath, [
    join(import.meta.dirname, "via-child.ts"),
    world.cwd,
    path,
    value,
  ]);
  expect(await until(async () => isRunning(`sleep 1.${process.pid}`), 10_000)).toBe(true);
  child.kill("SIGKILL");
  expect(await until(async () => isRunning(`sleep ${mark}`), 20_000)).toBe(true);
  expect(await readFile(join(world.root, "got"), "utf8")).toBe(value);
  const pid = await pidOf(`sleep ${mark}`);
  expect(await readFile(`/proc/${pid}/fd/3`, "utf8")).toBe(value);
  process.kill(pid, "SIGKILL");
  expect(await until(async () => !(await isRunning(`sleep ${mark}`)), 10_000)).toBe(true);
  // the folder for files of containers, which no build makes: others may run beside this one
  const known = [...before, `sealmount-${process.getuid?.()}`];
  const after = (await readdir("/dev/shm")).filter((name) => !known.includes(name));
  expect(after.filter((name) => name.includes("sealmount"))).toEqual([]);
});

async function pidOf(command: string): Promise<number> {
  for (const name of await readdir("/proc")) {
    const line = await readFile(`/proc/${name}/cmdline`, "latin1").catch(() => "");
    if (line.replaceAll("\0", " ").trim() === command) return Number(name);
  }
  throw new Error(`${command} does not run`);
}
