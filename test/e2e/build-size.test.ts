import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "vitest";

import { engineHost } from "../engine/current.ts";
import { cliCommand, sealmountOut } from "../support/cli.ts";
import { run } from "../support/process.ts";
import type { World } from "../support/temp.ts";
import { dockerfile, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-size-${process.pid}`;
const SLOW = (process.env["SLOW"] ?? "") !== "";
/** Node alone has 45 MB; what counts is that it does not grow with the context. */
const MAX_MEMORY_KB = 160 * 1024;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

/** Builds with the command line; returns its peak memory in KiB. */
async function build(): Promise<number> {
  const env = { ...world.env, DOCKER_HOST: engineHost() };
  await sealmountOut(["init", "--app", "cats"], { cwd: world.cwd, env });
  const [program, main] = cliCommand();
  // the peak of a process is known to who waits for it
  const script =
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); " +
    "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); " +
    "sys.exit(code)";
  const flags = ["build", "-q", "--network=none", "--allow-plaintext", "-t", TAG, "."];
  const timeout = SLOW ? 900_000 : 60_000;
  const options = { cwd: world.cwd, env, timeout };
  const ran = await run("/usr/bin/python3", ["-c", script, program, main, ...flags], options);
  expect(ran).toMatchObject({ code: 0 });
  return Number(/^peak (\d+)$/m.exec(ran.stderr)?.[1]);
}

// a bind mount wants the whole context, and copies none of it
const MOUNT = "RUN --mount=type=bind,target=/c";

describe(`a large context${SLOW ? "" : ", small without SLOW=1"}, in flat memory`, () => {
  it("of 100,000 files", { timeout: 1_000_000 }, async () => {
    const count = SLOW ? 100_000 : 1_000;
    for (let folder = 0; folder < 100; folder += 1) {
      await mkdir(join(world.cwd, `d${folder}`));
      const names = Array.from({ length: count / 100 }, (_none, at) => `d${folder}/f${at}`);
      await Promise.all(names.map(async (name) => writeFile(join(world.cwd, name), name)));
    }
    await dockerfile(world, `${MOUNT} test "$(find /c -type f -name 'f*' | wc -l)" = ${count}`);
    expect(await build()).toBeLessThan(MAX_MEMORY_KB);
  });

  it("with a file of 4 GB", { timeout: 1_000_000 }, async () => {
    const size = SLOW ? 4 * 2 ** 30 : 64 * 2 ** 20;
    await world.write("huge", "start");
    await truncate(join(world.cwd, "huge"), size);
    await dockerfile(world, `${MOUNT} test "$(stat -c %s /c/huge)" = ${size}`);
    expect(await build()).toBeLessThan(MAX_MEMORY_KB);
  });
});
