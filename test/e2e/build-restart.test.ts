import { beforeEach, expect, it } from "vitest";

import { restartEngine } from "../engine/engine.ts";
import { needsOwnEngine, testEngine } from "../engine/current.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import type { World } from "../support/temp.ts";
import {
  attempt,
  dockerfile,
  isRunning,
  secretsOf,
  until,
  worldWithImage,
} from "./build-harness.ts";

const TAG = `smtest-restart-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

it("an engine that is restarted ends the builds of it at once, in clear words", async (context) => {
  const engine = testEngine();
  needsOwnEngine(context);
  const seconds = `25.${process.pid}`; // engines leave it running: it ends by itself
  const env = { ...world.env, DOCKER_HOST: engine.host };
  await dockerfile(world, `RUN --mount=type=secret,id=v sleep ${seconds}`);
  const ended: number[] = [];
  const note = <T>(what: T): T => {
    ended.push(performance.now());
    return what;
  };
  await sealmountOut(["init", "--app", "cats"], { cwd: world.cwd, env });
  const library = attempt(world, { secrets: secretsOf({ v: "x" }), tags: [TAG] }).then(note);
  const other = ["build", "--network=none", "--no-cache", "--progress=plain", "-t", TAG, "."];
  const command = sealmount(other, { cwd: world.cwd, env }).then(note);
  expect(await until(async () => isRunning(`sleep ${seconds}`), 20_000)).toBe(true);

  await restartEngine(engine);
  const back = performance.now();
  const { error, result } = await library;
  const ran = await command;

  expect(result).toBeNull();
  expect(error).toMatchObject({
    code: expect.stringMatching(/^DOCKER_(?:SESSION_LOST|UNREACHABLE)$/),
    exitCode: 6,
    hint: expect.stringMatching(/./),
  });
  expect(ran).toMatchObject({ code: 6, signal: null });
  expect(ran.stderr).toMatch(/^sealmount: error: .*\[DOCKER_(?:SESSION_LOST|UNREACHABLE)\]$/m);
  expect(ran.stderr).toMatch(/^sealmount: hint: /m);
  expect(ran.stderr).not.toMatch(/^ +at .*:\d+:\d+/m);
  expect(Math.max(...ended) - back).toBeLessThan(5_000);

  // and the next build finds the engine as it was
  await dockerfile(world, "RUN true");
  expect((await attempt(world, { tags: [TAG] })).error).toBeNull();
});
