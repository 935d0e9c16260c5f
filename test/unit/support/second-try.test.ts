import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  afterSecondTry,
  countsOf,
  type FileReport,
  filesToTryAgain,
  steadied,
  type SuiteRun,
} from "../../../scripts/suite.ts";
import { summary } from "../../../scripts/summary.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const MESSAGE = "AssertionError: expected 1 to be 2";

/** @param tests - the state of each, by its title */
function fileOf(name: string, tests: Readonly<Record<string, string>>, message = ""): FileReport {
  const states = Object.entries(tests);
  const isGood = message === "" && states.every(([, status]) => status !== "failed");
  return {
    name: join(ROOT, name),
    status: isGood ? "passed" : "failed",
    message,
    assertionResults: states.map(([fullName, status]) => ({
      fullName,
      status,
      failureMessages: status === "failed" ? [`${MESSAGE}\n  at a line`] : [],
    })),
  };
}

function runOf(...files: readonly FileReport[]): SuiteRun {
  return { code: files.every(({ status }) => status === "passed") ? 0 : 1, files };
}

const good = fileOf("good", { one: "passed", two: "skipped" });
const bad = (title: string, name = "bad"): FileReport =>
  fileOf(name, { [title]: "failed", other: "passed" });
const unloaded = fileOf("bad", { one: "skipped" }, "no such module\nmore");

describe("what fails on an engine", () => {
  it.each([
    ["nothing", runOf(good), []],
    ["one test", runOf(good, bad("a")), ["bad"]],
    ["a file as a whole", runOf(good, unloaded), ["bad"]],
    ["too much for chance", runOf(...["1", "2", "3", "4"].map((name) => bad("a", name))), []],
    ["a run that broke off", { code: 1, files: [] }, []],
  ])("runs again when it is little: %s", (_, first, files) => {
    expect(filesToTryAgain(first)).toEqual(files);
  });

  it.each([
    ["a test", bad("a"), "a"],
    ["a file as a whole", unloaded, "the file as a whole"],
  ])("counts as its last run, and is told of: %s", (_, file, title) => {
    const first = runOf(good, file);
    const last = afterSecondTry(first, runOf(fileOf("bad", { a: "passed", other: "passed" })));
    expect(countsOf(last)).toEqual({ passed: 3, failed: 0, left: ["two"], failures: [] });
    expect(steadied(first, last)).toMatchObject([{ file: "bad", title }]);
  });

  it("has failed when anything fails again", () => {
    const first = runOf(good, bad("a"));
    const last = afterSecondTry(first, runOf(bad("b")));
    expect(countsOf(last)).toMatchObject({ passed: 2, failed: 1, failures: [{ title: "b" }] });
    expect(steadied(first, last)).toMatchObject([{ title: "a" }]);
  });

  it("has failed when the run broke off", () => {
    expect(countsOf({ code: 1, files: [] })).toMatchObject({ passed: 0, failed: 1 });
  });
});

describe("the summary", () => {
  it("ends with what was unsteady and what failed, where, and what it said", () => {
    const first = runOf(good, bad("a"), bad("b", "worse"));
    const last = afterSecondTry(first, runOf(fileOf("bad", { a: "passed" }), bad("b", "worse")));
    const outcome = {
      name: "e2e on trixie",
      seconds: 5,
      ...countsOf(last),
      unsteady: steadied(first, last),
    };
    const text = summary({ outcomes: [outcome], variants: ["trixie"], seconds: 9 });
    expect(text.split("\n").slice(-7)).toEqual([
      "e2e on trixie           3 passed, 1 failed, 5 s",
      "!!! UNSTEADY, passed when run again: e2e on trixie, bad: a",
      `    ${MESSAGE}`,
      "!!! FAILED: e2e on trixie, worse: b",
      `    ${MESSAGE}`,
      "",
      "3 passed, 1 failed",
    ]);
  });

  it("says once what several engines don't know", () => {
    const outcomes = ["one", "other"].map((name) => ({
      name,
      seconds: 1,
      ...countsOf(runOf(good)),
    }));
    const text = summary({ outcomes, variants: ["one"], seconds: 1 });
    expect(text.match(/.*two$/gm)).toEqual(["    one, other: two"]);
  });
});
