import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findCommand } from "../../../src/cli/find-command.ts";
import { parseWords } from "../../../src/cli/parse.ts";
import type { CommandSpec } from "../../../src/cli/spec.ts";
import { splitPlainWords } from "../../../src/cli/split-plain.ts";
import { splitWords } from "../../../src/cli/split-words.ts";
import { SPECS } from "../../../src/cli/specs.ts";
import { GLOBAL } from "../../../src/cli/specs/options.ts";
import { type Parsed, Values } from "../../../src/cli/values.ts";

const HUSH = "hush-4711-never-printed";

function specOf(name: string): CommandSpec {
  const spec = SPECS.find((one) => one.name === name);
  if (spec === undefined) throw new Error(`no command ${name}`);
  return spec;
}

async function parse(name: string, ...words: string[]): ReturnType<typeof parseWords> {
  const spec = specOf(name);
  return parseWords(spec, [...spec.options, ...GLOBAL], words);
}

describe("finding the command", () => {
  it.each([
    [["ls"], "ls", []],
    [["ls", "--json"], "ls", ["--json"]],
    [["--json", "ls"], "ls", ["--json"]],
    [["-C", "ls", "check", "A"], "check", ["-C", "ls", "A"]],
    [["--env", "prod", "run", "ls"], "run", ["--env", "prod", "ls"]],
    [["key", "new", "--app", "a"], "key new", ["--app", "a"]],
    [["--debug", "key", "ls"], "key ls", ["--debug"]],
    [["run", "image", "--help"], "run", ["image", "--help"]],
    [["exec", "--", "x", "--help"], "exec", ["--", "x", "--help"]],
  ])("%j is %s with %j", (argv, name, words) => {
    expect(findCommand(argv, SPECS)).toMatchObject({
      kind: "command",
      spec: { name },
      words,
    });
  });

  it.each([
    [["--help"], { kind: "overview", asked: true }],
    [["help"], { kind: "overview", asked: true }],
    [[], { kind: "overview", asked: false }],
    [["--json"], { kind: "overview", asked: false }],
    [["--version"], { kind: "version" }],
    [["key", "--help"], { kind: "group", group: "key" }],
    [["set", "--help"], { kind: "help", spec: { name: "set" } }],
    [["--help", "set"], { kind: "help", spec: { name: "set" } }],
    [["set", "NAME", "--help"], { kind: "help", spec: { name: "set" } }],
    [["run", "--rm", "--help", "image"], { kind: "help", spec: { name: "run" } }],
    [["run", "-itv", "/a:/b", "--help", "i"], { kind: "help", spec: { name: "run" } }],
    [["run", "-va", "--help", "i"], { kind: "help", spec: { name: "run" } }],
    [["run", "-va", "i", "--help"], { kind: "command", spec: { name: "run" } }],
    [["key"], { kind: "problem", problem: { message: "sealmount key has no such command" } }],
    [["key", HUSH], { kind: "problem", problem: { hint: "sealmount key --help" } }],
    [["sett", "A"], { kind: "problem", problem: { message: "sealmount has no such command" } }],
  ])("%j is %j", (argv, expected) => {
    expect(findCommand(argv, SPECS)).toMatchObject(expected);
  });

  it.each([
    [["ls", "--json"], true],
    [["run", "image", "--json"], false],
    [["run", "--json", "image"], true],
    [["exec", "--", "x", "--json"], false],
    [["nope", "--json"], true],
    [["ls"], false],
  ])("%j wants JSON: %s", (argv, expected) => {
    expect(findCommand(argv, SPECS).wantsJson).toBe(expected);
  });
});

describe("parsing", () => {
  it.each([
    ["set", ["N", "--env", "prod"], { env: ["prod"] }, ["N"]],
    ["set", ["--build", "N", "--stdin"], { build: true, stdin: true }, ["N"]],
    ["run", ["--only", "A", "--only=B", "i", "-v", "x"], { only: ["A", "B"] }, ["i", "-v", "x"]],
    ["run", ["-it", "--rm", "i"], { interactive: true, tty: true, rm: true }, ["i"]],
    ["run", ["-eA=1", "-e", "B", "i"], { "env-var": ["A=1", "B"] }, ["i"]],
    ["run", ["--no-mask", "--no-common", "i"], { "no-mask": true, "no-common": true }, ["i"]],
    ["run", ["i", "--", "printenv", "X"], {}, ["i", "--", "printenv", "X"]],
    ["exec", ["--env", "a", "--", "x", "--env", "b"], { env: ["a"] }, ["x", "--env", "b"]],
    ["exec", ["x", "--json"], {}, ["x", "--json"]],
    ["check", [], {}, []],
    ["check", ["A", "--strict", "B"], { strict: true }, ["A", "B"]],
    ["build", ["-t", "a", "-t", "b", "-q", "."], { tag: ["a", "b"], quiet: true }, ["."]],
    ["ls", ["--no-color", "-C", "x"], { "no-color": true, cwd: ["x"] }, []],
  ])("%s %j gives %j and %j", async (name, words, parsed, operands) => {
    expect(await parse(name, ...words)).toEqual({ parsed, operands });
  });

  it.each([
    ["set", ["N", HUSH]],
    ["set", ["N", HUSH, HUSH]],
    ["set", [`N=${HUSH}`]],
    ["set", ["N", `--value=${HUSH}`]],
    ["set", ["N", "--value", HUSH]],
    ["set", ["N", "-v", HUSH]],
    ["set", ["N", `--stdin=${HUSH}`]],
    ["set", ["N", `--${HUSH}=x`]],
    ["set", ["--env", "prod", "N", "--", HUSH]],
    ["key import", [HUSH]],
  ])("IX7, RI6: %s with a value as an argument is refused: %#", async (name, words) => {
    const result = await parse(name, ...words);
    expect(result).toMatchObject({ problem: { code: "USAGE_VALUE_AS_ARGUMENT" } });
    const { hint } = (result as { problem: { hint: string } }).problem;
    for (const way of ["hidden prompt", "--stdin", "--value-file"]) expect(hint).toContain(way);
    expect(JSON.stringify(result)).not.toContain("4711");
  });

  it.each([
    ["set", [], "sealmount set needs NAME"],
    ["set", ["N", "--env"], "option --env needs a value"],
    ["ls", ["-C"], "option --cwd needs a value"],
    ["ls", [HUSH], "sealmount ls takes no argument, not 1"],
    ["rm", ["A", HUSH], "sealmount rm takes at most 1 argument, not 2"],
    ["run", [], "sealmount run needs IMAGE"],
    [
      "build",
      ["--progress", HUSH, "."],
      "--progress takes one of: auto, plain, tty, quiet, none, rawjson",
    ],
    ["build", ["--squash", "."], "sealmount build can't do --squash"],
    ["build", ["--memory=1g", "."], "sealmount build can't do --memory"],
    ["build", ["--builder", "other", "."], "--builder takes one of: default"],
    ["ls", ["--foo"], "sealmount ls has no such option --foo"],
    ["ls", [`--foo=${HUSH}`], "sealmount ls has no such option --foo"],
    ["ls", [`--${HUSH}`], "sealmount ls has no such option"],
    ["set", ["N", `--${HUSH}`], "sealmount set has no such option"],
    ["set", ["N", `-${HUSH}`], "sealmount set has no such option"],
  ])("%s %j: %s", async (name, words, message) => {
    const result = await parse(name, ...words);
    expect(result).toMatchObject({ problem: { message } });
    const { guess: _typed, ...shown } = (result as { problem: { guess?: object } }).problem;
    expect(JSON.stringify(shown)).not.toContain("4711");
  });
});

describe("an option that may stand alone", () => {
  it.each([
    [["--sbom", "."], "true"],
    [["--sbom=false", "."], "false"],
    [["-q", "--sbom", "."], "true"],
  ])("%j", async (words, sbom) => {
    const build = specOf("build");
    const result = await parseWords(build, [...build.options, ...GLOBAL], words);
    expect(result).toMatchObject({ parsed: { sbom: [sbom] }, operands: ["."] });
  });

  it("is left alone behind --", async () => {
    const build = specOf("build");
    const words = ["--via", "buildx", ".", "--", "--sbom"];
    const result = await parseWords(build, [...build.options, ...GLOBAL], words);
    expect(result).toMatchObject({ operands: [".", "--sbom"] });
  });
});

describe("plain words", () => {
  const spec = specOf("run");
  const options = [...spec.options, ...GLOBAL];
  const word = fc.oneof(
    fc.constantFrom(...options.map(({ long }) => `--${long}`)),
    fc.constantFrom(...options.flatMap(({ short }) => (short ? [`-${short}`, `-${short}x`] : []))),
    fc.constantFrom(
      "--",
      "-",
      "",
      "a",
      "a=b",
      "--env=",
      "--env=a=b",
      "--rm=1",
      "--nope",
      "-5",
      "=",
      "--=x",
    ),
    fc.string({ maxLength: 5 }),
  );

  it.each([true, false])("are split as commander does, operands ending options: %s", (stops) => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 7 }), (words) => {
        const plain = splitPlainWords(options, words, stops);
        // docker's `--rm=1` and `-v=x`, which commander does not know; to it `-5` is an operand
        fc.pre(!words.some((one) => /^-(?:[^-].*=|\d)/.test(one) || one === "--rm=1"));
        if (plain !== null) expect(plain).toEqual(splitWords(options, words, stops));
        else expect(splitWords(options, words, stops)).toHaveProperty("mistake");
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [["-it", "i"], { interactive: true, tty: true }, ["i"]],
    [["-itv", "/a:/b", "i"], { interactive: true, tty: true, volume: ["/a:/b"] }, ["i"]],
    [["-p=1:2", "-p1:2", "-p", "1:2", "i"], { publish: ["1:2", "1:2", "1:2"] }, ["i"]],
    [["-eA=1", "-e=B=2", "i"], { "env-var": ["A=1", "B=2"] }, ["i"]],
    [["--rm=true", "i", "--rm=x"], { rm: ["true"] }, ["i", "--rm=x"]],
    [["--rm", "--rm=False", "i"], { rm: ["False"] }, ["i"]],
    [["--init=0", "--init", "i"], { init: true }, ["i"]],
    [["--memory-swap", "-1", "i"], { "memory-swap": ["-1"] }, ["i"]],
  ])("as docker writes them: %j", (words, parsed, operands) => {
    expect(splitPlainWords(options, words, true)).toEqual({ parsed, operands });
  });

  it.each([
    [["--rm=maybe", "i"], "sealmount run has no such option --rm"],
    [["--rm=true", "--nope", "i"], "sealmount run has no such option --nope"],
    [["-tz", "i"], "sealmount run has no such option -z"],
  ])("%j: %s", async (words, message) => {
    const result = await parse("run", ...words);
    expect(result).toMatchObject({ problem: { message } });
    expect(JSON.stringify(result)).toContain("--via docker");
  });

  it.each([
    [["--rm=false"], false],
    [["--rm=t"], true],
    [["--rm=false", "--rm"], true],
  ])("%j is %s", async (words, on) => {
    const result = await parse("run", ...words, "i");
    const { parsed } = result as { parsed: Parsed };
    expect(new Values(options, parsed, {}).flag("rm")).toBe(on);
  });

  it("include the usual calls, so that these never load commander", () => {
    const usual = ["--rm", "--env", "prod", "--only=A", "image", "-v"];
    expect(splitPlainWords(options, usual, true)).toEqual({
      parsed: { rm: true, env: ["prod"], only: ["A"] },
      operands: ["image", "-v"],
    });
  });
});

describe("values", () => {
  const specs = specOf("run").options;
  const values = new Values(
    specs,
    { only: ["A", "B"], env: ["first", "last"], rm: true },
    { SEALMOUNT_ENV: "other", SEALMOUNT_MANIFEST: "m.toml", SEALMOUNT_APPLING: "" },
  );

  it("takes the typed value before the variable, and the last of several", () => {
    expect(values.get("env")).toBe("last");
    expect(values.get("manifest")).toBe("m.toml");
    expect(values.list("only")).toEqual(["A", "B"]);
    expect(values.flag("rm")).toBe(true);
  });

  it("takes an empty variable as unset", () => {
    expect(values.get("appling")).toBeUndefined();
    expect(values.list("except")).toEqual([]);
    expect(values.flag("no-mask")).toBe(false);
  });

  it("refuses an option that the spec does not declare", () => {
    expect(() => values.get("nope")).toThrow("not declared");
    expect(() => values.flag("nope")).toThrow("not declared");
  });

  it("takes what docker takes without effect, and platforms in two ways", async () => {
    const words = ["--rm", "--force-rm", "--compress", "--platform", "a", "--platform=b,c", "."];
    const result = await parse("build", ...words);
    expect(result).toMatchObject({ operands: ["."], parsed: { platform: ["a", "b,c"] } });
  });
});
