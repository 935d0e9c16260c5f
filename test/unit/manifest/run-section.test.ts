import { describe, expect, it } from "vitest";

import { issuesOf, parse, summary } from "./fixtures.ts";

describe("[run]", () => {
  it.each([
    ["", undefined],
    ["[run]\n", {}],
    ['[run]\nenv = "plain"\n', { env: "plain" }],
    ['[run]\nenv = "hidden"\n', { env: "hidden" }],
    ['run = { env = "file" }\n', { env: "file" }],
  ])("%j", (text, run) => {
    expect(parse(text).run).toEqual(run);
  });

  it.each([
    ['[run]\nenv = "hiden"\n', "2:1 run.env MANIFEST_INVALID", "did you mean hidden?"],
    ['[run]\nenv = "secret"\n', "2:1 run.env MANIFEST_INVALID", "known are: plain, hidden, file"],
    ["[run]\nenv = true\n", "2:1 run.env MANIFEST_INVALID", undefined],
    ['[run]\nenvs = "hidden"\n', "2:1 run.envs MANIFEST_INVALID", "did you mean env?"],
    ['run = "hidden"\n', "1:1 run MANIFEST_INVALID", undefined],
  ])("%j", (text, problem, hint) => {
    const issues = issuesOf(text);
    expect(summary(issues)).toEqual([problem]);
    expect(issues[0]?.hint).toBe(hint);
  });

  it("is nearly what a misspelt section meant", () => {
    expect(parse('[runs]\nenv = "hidden"\n').warnings).toHaveLength(1);
  });
});
