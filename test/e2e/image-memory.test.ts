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

async function runOnce(cache: string): Promise<Run> {
  await using recorder = await recordEngine();
  const { stdout, warnings } = await runIn({
    engine: recorder.engine,
    env: { ...ENV, XDG_CACHE_HOME: cache },
    image: APP_IMAGE,
    delivery: "bind",
    entries: [secret("keys/a", "purr", ENTRY)],
    container: { rm: true, user: "0" },
    command: ["sh", "-c", "cat /etc/app/a; stat -c %u /etc/app/a; ls /etc/app"],
  });
  const made = recorder.sent().match(/^POST \S+\/containers\/create/gm) ?? [];
  return { stdout: stdout.toString(), warnings, made: made.length };
}

describe("an image that is known", () => {
  it("is not asked again, and the run is the same: owner by name, warnings, neighbours", async () => {
    await using world = await makeWorld();
    const cache = join(world.home, ".cache");
    const first = await runOnce(cache);
    expect(first.stdout).toBe("purr1300\na\nother.conf\n");
    expect(first.warnings.join()).toContain("/etc/app (other.conf)");
    // the app, and a helper that is asked
    expect(first.made).toBe(2);
    expect(await runOnce(cache)).toEqual({ ...first, made: 1 });
  });

  it("is asked each time where nothing can be kept", async () => {
    const first = await runOnce("/dev/null");
    expect(first.made).toBe(2);
    expect(await runOnce("/dev/null")).toEqual(first);
  });
});
