/**
 * The canary test without an engine: manifests, keys, values and arguments, good and bad, on pipes and
 * on a terminal, with --debug and --json. `test/e2e/canary.test.ts` is the part with an engine.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { badCases, goodCases, needsEngine } from "../../canary/cases.ts";
import { playAll } from "../../canary/play.ts";
import { CANARIES, makeStage } from "../../canary/stage.ts";
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
  const cases = [...goodCases(), ...badCases(stage)];
  playAll(
    stage,
    cases.filter((one) => !needsEngine(one)),
  );
});

it("IX7, DO11: no process had a secret among its arguments", async () => {
  expect(await watch.stop()).toEqual([]);
});
