import { describe, expect, it } from "vitest";
import { ERROR_CODES, type ErrorCode, ManifestError, SealmountError } from "../../../src/index.ts";
import { failureOf as failureOrBug } from "../../../src/cli/failure.ts";
import {
  bugOf,
  escapeControls,
  type Failure,
  renderJson,
  renderText,
} from "../../../src/cli/render-error.ts";

const plain = (text: string): string => text;
function failureOf(error: SealmountError, debug: boolean): Failure {
  return failureOrBug(error, debug) ?? bugOf(error, debug);
}
const codes = Object.keys(ERROR_CODES) as ErrorCode[];

describe("rendering of errors", () => {
  it.each(codes)("%s: two lines, the place first, the code last", (code) => {
    const error = new SealmountError(code, "this is wrong", {
      place: { file: "iterapp.toml", line: 14, column: 1, key: "env.prod.API_KEY" },
      hint: "do that",
    });
    const failure = failureOf(error, false);
    expect(renderText(failure, plain)).toBe(
      `sealmount: error: iterapp.toml:14:1: this is wrong [${code}]\nsealmount: hint: do that\n`,
    );
    expect(failure.exitCode).toBe(ERROR_CODES[code]);
    expect(JSON.parse(renderJson(failure))).toEqual({
      error: {
        code,
        message: "this is wrong",
        file: "iterapp.toml",
        line: 14,
        column: 1,
        key: "env.prod.API_KEY",
        hint: "do that",
      },
    });
  });

  it.each([
    [{}, ""],
    [{ key: "env.prod.A" }, ""],
    [{ file: "a.toml" }, "a.toml: "],
    [{ file: "a.toml", line: 3 }, "a.toml:3: "],
  ])("place %j is shown as %j", (place, shown) => {
    const error = new SealmountError("MANIFEST_INVALID", "this is wrong", { place });
    expect(renderText(failureOf(error, false), plain)).toBe(
      `sealmount: error: ${shown}this is wrong [MANIFEST_INVALID]\n`,
    );
  });

  it("lists every problem of a manifest", () => {
    const error = new ManifestError([
      { code: "MANIFEST_SYNTAX", message: "one", place: { file: "a.toml", line: 1, column: 2 } },
      {
        code: "MANIFEST_INVALID",
        message: "two",
        place: { file: "a.toml", line: 3 },
        hint: "mend",
      },
    ]);
    expect(renderText(failureOf(error, false), plain)).toBe(
      "sealmount: error: a.toml:1:2: one [MANIFEST_SYNTAX]\n" +
        "sealmount: error: a.toml:3: two [MANIFEST_INVALID]\nsealmount: hint: mend\n",
    );
    const { error: json } = JSON.parse(renderJson(failureOf(error, false))) as {
      error: { message: string; issues: { message: string }[] };
    };
    expect(json.message).toBe("one");
    expect(json.issues.map(({ message }) => message)).toEqual(["one", "two"]);
  });

  it("escapes what a daemon or a file may have put into a message", () => {
    const error = new SealmountError("BUILD_FAILED", "red \u001b[31m\r\nnext\u202e", {
      place: { file: "a\u0007.toml" },
      hint: "see \u009b2J",
    });
    const text = renderText(failureOf(error, false), plain);
    expect(text.split("\n")).toHaveLength(3);
    expect(text).not.toMatch(/[^\n\x20-\x7e]/);
    expect(JSON.parse(renderJson(failureOf(error, false)))).toMatchObject({
      error: { message: escapeControls(error.message) },
    });
  });

  it("escapes what steers a terminal or reorders text", () => {
    expect(escapeControls("a\n\u001b[2J\u200e\u200f\u061c\u2028\u202eé")).toBe(
      String.raw`a\u000a\u001b[2J\u200e\u200f\u061c\u2028\u202eé`,
    );
  });

  it("says that an unexpected error is a bug of ours, and what it says only with --debug", () => {
    const error = new TypeError("quotes a file: hush-4711");
    const quiet = bugOf(error, false);
    expect(quiet.exitCode).toBe(1);
    expect(renderText(quiet, plain)).toMatch(
      /^sealmount: error: a bug of sealmount: unexpected TypeError \[BUG\]\nsealmount: hint: .*--debug.*\n$/,
    );
    expect(renderJson(quiet)).not.toContain("hush-4711");
    expect(renderText(bugOf(error, true), plain)).toMatch(/hush-4711\n\s+at /);
    expect(renderText(bugOf("thrown text", true), plain)).toContain("unexpected string");
  });
});
