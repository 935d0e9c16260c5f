import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { makeWorld } from "../support/temp.ts";
import { ENV, expectClean, recordEngine, runIn, secret } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

beforeAll(buildImages);
afterAll(removeImages);
afterEach(expectClean);

/** What one run is told and finds, and how many containers it made. */
interface Run {
  readonly stdout: string;
  readonly warnings: readonly string[];
  readonly made: number;
}

const ENTRY = { path: "/etc/app/a", ownFolder: true, owner: "other" };

type Recorder = Awaited<ReturnType<typeof recordEngine>>;

async function runOnce(recorder: Recorder, cache: string): Promise<Run> {
  const before = madeBy(recorder);
  const { stdout, warnings } = await runIn({
    engine: recorder.engine,
    env: { ...ENV, XDG_CACHE_HOME: cache },
    image: APP_IMAGE,
    delivery: "bind",
    entries: [secret("keys/a", "purr", ENTRY)],
    container: { rm: true, user: "0" },
    command: ["sh", "-c", "cat /etc/app/a; stat -c %u /etc/app/a; ls /etc/app"],
  });
  return { stdout: stdout.toString(), warnings, made: madeBy(recorder) - before };
}

function madeBy(recorder: Recorder): number {
  return recorder.sent().match(/^POST \S+\/containers\/create/gm)?.length ?? 0;
}

describe("an image that is known", () => {
  it("is not asked again, and the run is the same: owner by name, warnings, neighbours", async () => {
    await using world = await makeWorld();
    await using recorder = await recordEngine();
    const cache = join(world.home, ".cache");
    const first = await runOnce(recorder, cache);
    expect(first.stdout).toBe("purr1300\na\nother.conf\n");
    expect(first.warnings.join()).toContain("/etc/app (other.conf)");
    // the app, and a helper that is asked
    expect(first.made).toBe(2);
    expect(await runOnce(recorder, cache)).toEqual({ ...first, made: 1 });
  });

  it("is asked on every engine: what one says must not count on another", async () => {
    await using world = await makeWorld();
    const cache = join(world.home, ".cache");
    for (const _ of ["one", "another"]) {
      await using recorder = await recordEngine();
      expect(await runOnce(recorder, cache)).toMatchObject({ made: 2 });
    }
  });

  it("is asked each time where nothing can be kept", async () => {
    await using recorder = await recordEngine();
    const first = await runOnce(recorder, "/dev/null");
    expect(first.made).toBe(2);
    expect(await runOnce(recorder, "/dev/null")).toEqual(first);
  });
});
