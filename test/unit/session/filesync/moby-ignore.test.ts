import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { IgnoreFile } from "../../../../src/session/filesync/ignore.ts";
import {
  PatternMatcher,
  type ParentMatch,
} from "../../../../src/session/filesync/pattern-matcher.ts";
import { parseJson } from "../../../support/json.ts";

/** A line of the table that `moby/generate.go` wrote; it says what the signs mean. */
interface MobyCase {
  readonly file: string;
  readonly paths: readonly string[];
  readonly said: string;
}

const CASES = readFileSync(join(import.meta.dirname, "moby", "ignore.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => parseJson<MobyCase>(line));

/** What we say, in the same signs. */
function ours({ file, paths }: MobyCase): string {
  let matcher: PatternMatcher;
  try {
    matcher = new PatternMatcher(new IgnoreFile(file, ".dockerignore").patterns);
  } catch {
    return "";
  }
  return paths.map((path) => (isIgnored(matcher, path) ? "1" : "0")).join("");
}

function isIgnored(matcher: PatternMatcher, path: string): boolean {
  const parts = path.split("/");
  let parent: ParentMatch | undefined;
  let ignored = false;
  for (const at of parts.keys()) {
    const verdict = matcher.verdict(parts.slice(0, at + 1).join("/"), parent);
    parent = verdict.match;
    ignored = verdict.matched;
  }
  return ignored;
}

it("ignores what docker's own matcher ignores, in thousands of random cases", () => {
  const signs = CASES.map(({ said }) => said).join("");
  // both verdicts, each often
  expect(CASES.length).toBeGreaterThan(1_000);
  for (const sign of ["0", "1"]) expect(signs.split(sign).length).toBeGreaterThan(1_500);
  const different = CASES.map((one) => ({ ...one, ours: ours(one) })).filter(
    ({ said, ours: found }) => said !== found,
  );
  expect(different).toEqual([]);
});
