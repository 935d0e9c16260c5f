import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeWorld, type World } from "../../support/temp.ts";
import { call } from "./in-process.ts";

const HUSH = "hush-4711-never-printed";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

describe("the program", () => {
  it.each([
    [["--help"], 0, /^sealmount 1\.2\.3: /, ""],
    [["help"], 0, /^sealmount 1\.2\.3: /, ""],
    [["--version"], 0, /^1\.2\.3\n$/, ""],
    [["set", "--help"], 0, /^sealmount set: /, ""],
    [["key", "--help"], 0, /^sealmount key: /, ""],
    [[], 2, /^$/, /^sealmount 1\.2\.3: /],
    [
      ["sett", "A"],
      2,
      /^$/,
      "sealmount: error: sealmount has no such command [USAGE_UNKNOWN]\nsealmount: hint: did you mean set? see sealmount --help\n",
    ],
    [["key", "lss"], 2, /^$/, /did you mean key ls\?/],
    [
      [HUSH],
      2,
      /^$/,
      "sealmount: error: sealmount has no such command [USAGE_UNKNOWN]\nsealmount: hint: sealmount --help\n",
    ],
    [["set", "A", "--stdn"], 2, /^$/, /hint: did you mean --stdin\?/],
    [
      ["ls", "--jsn"],
      2,
      /^$/,
      /no such option --jsn \[USAGE_UNKNOWN\]\nsealmount: hint: did you mean --json\?/,
    ],
    [
      ["set", "A", HUSH],
      2,
      /^$/,
      /\[USAGE_VALUE_AS_ARGUMENT\]\nsealmount: hint: .*prompt.*--stdin.*--value-file/,
    ],
  ])("%j exits %i", async (argv, code, stdout, stderr) => {
    const ran = await call(world, argv);
    expect(ran.code).toBe(code);
    expect(ran.stdout).toMatch(stdout);
    if (typeof stderr === "string") expect(ran.stderr).toBe(stderr);
    else expect(ran.stderr).toMatch(stderr);
    expect(ran.stdout + ran.stderr).not.toContain("4711");
  });

  it("gives errors as JSON on stderr with --json", async () => {
    const ran = await call(world, ["ls", "--jso", "--json"]);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(JSON.parse(ran.stderr)).toEqual({
      error: {
        code: "USAGE_UNKNOWN",
        message: "sealmount ls has no such option --jso",
        hint: "did you mean --json? see sealmount ls --help",
      },
    });
  });

  it("is a docker plugin: metadata, and docker's words in front", async () => {
    const metadata = await call(world, ["docker-cli-plugin-metadata"], {
      program: "docker-sealmount",
    });
    expect(JSON.parse(metadata.stdout)).toMatchObject({ SchemaVersion: "0.1.0", Version: "1.2.3" });
    const ran = await call(world, ["-H", "unix:///x", "sealmount", "--version"], {
      program: "docker-sealmount",
    });
    expect(ran).toEqual({ code: 0, stdout: "1.2.3\n", stderr: "" });
  });
});
