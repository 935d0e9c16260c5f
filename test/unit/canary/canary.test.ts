/**
 * The canary test without an engine: manifests, keys, values and arguments, good and bad, on pipes and
 * on a terminal, with --debug and --json. `test/e2e/canary.test.ts` is the part with an engine.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { badCases, goodCases, needsEngine } from "../../canary/cases.ts";
import { playAll } from "../../canary/play.ts";
import { CANARIES, copyStage, makeStage, needlesWritten, snapshot } from "../../canary/stage.ts";
import { sourceCases } from "../../canary/verify-cases.ts";
import { type ArgvWatch, watchArguments } from "../../support/argv-watch.ts";

const stage = await makeStage();
let watch: ArgvWatch;

beforeAll(async () => {
  // all but `loose`, which cases type as an argument themselves
  const { common, variable, file, build, pull, login } = CANARIES;
  watch = await watchArguments([common, variable, file, build, pull, login, stage.key]);
});

afterAll(() => stage[Symbol.asyncDispose]());

describe("IX20: no output holds a canary", () => {
  const cases = [...goodCases(), ...badCases(stage), ...sourceCases(stage)];
  playAll(
    stage,
    cases.filter((one) => !needsEngine(one)),
  );
});

it("IX7, DO11: no process had a secret among its arguments", async () => {
  expect(await watch.stop()).toEqual([]);
});

it("the registry of these cases did get a login to talk about", () => {
  const login = Buffer.from(`bot:${CANARIES.login}`).toString("base64");
  expect(stage.registry.logins.some((text) => text.includes(login))).toBe(true);
});

it("what a command would write into a file, a name or a cache is seen", async () => {
  await using world = await copyStage(stage);
  const before = await snapshot(world);
  expect(await needlesWritten(stage, world, before)).toBe(0);
  await world.write("../tmp/a", Buffer.from(CANARIES.file).toString("base64"));
  expect(await needlesWritten(stage, world, before)).toBeGreaterThan(0);
  await world.write("../tmp/a", "");
  await world.write(`../home/${encodeURIComponent(CANARIES.build)}`, "");
  expect(await needlesWritten(stage, world, before)).toBeGreaterThan(0);
});
