import { describe, expect, it } from "vitest";
import { EXIT } from "../../../src/index.ts";
import { EXIT_MEANING, renderCommand, renderGroup, renderOverview } from "../../../src/cli/help.ts";
import { SPECS } from "../../../src/cli/specs.ts";
import { GLOBAL } from "../../../src/cli/specs/options.ts";

const WIDEST = 92;

describe.each(SPECS.map((spec) => [spec.name, spec] as const))("help of %s", (name, spec) => {
  const help = renderCommand(spec);
  const unwrapped = help.replaceAll(/\s+/g, " ");

  it("has three examples, each a call of this very command", () => {
    expect(spec.examples).toHaveLength(3);
    for (const { line } of spec.examples) expect(line).toContain(`sealmount ${name}`);
  });

  it("lists its exit codes in order, with 0 and 2", () => {
    expect(spec.exits).toEqual([...spec.exits].toSorted((a, b) => a - b));
    expect(spec.exits).toEqual(expect.arrayContaining([0, 2]));
    for (const code of spec.exits) expect(help).toContain(EXIT_MEANING[code]);
  });

  it("IX35: shows every option with its variable and default", () => {
    for (const option of [...spec.options, ...GLOBAL].filter(({ hidden }) => hidden !== true)) {
      expect(help).toContain(`--${option.long}`);
      expect(unwrapped).toContain(option.about);
      for (const fact of [option.variable, option.fallback])
        expect(unwrapped).toContain(fact ?? "");
      expect(option.about).toMatch(/^[a-z]/);
      expect(option.about).not.toMatch(/\.$/);
    }
  });

  it("has no option twice, long or short", () => {
    const options = [...spec.options, ...GLOBAL];
    const longs = options.map(({ long }) => long);
    const shorts = options.flatMap(({ short }) => short ?? []);
    expect(new Set(longs).size).toBe(longs.length);
    expect(new Set(shorts).size).toBe(shorts.length);
  });

  it("repeats only its last argument, and none is required after an optional one", () => {
    const repeats = spec.arguments.map(({ repeat }) => repeat === true);
    expect(repeats.lastIndexOf(true)).toBe(repeats.includes(true) ? repeats.length - 1 : -1);
    const optional = spec.arguments.map((argument) => argument.optional === true);
    expect(optional).toEqual(optional.toSorted());
  });

  it("is no wider than a usual terminal, examples aside", () => {
    const examples = spec.examples.map(({ line }) => `  ${line}`);
    const lines = help.split("\n").filter((line) => !examples.includes(line));
    expect(lines.filter((line) => line.length > WIDEST)).toEqual([]);
  });
});

describe("help", () => {
  it("knows a meaning for every exit code of the library", () => {
    expect(
      Object.keys(EXIT_MEANING)
        .map(Number)
        .toSorted((a, b) => a - b),
    ).toEqual(Object.values(EXIT).toSorted((a, b) => a - b));
  });

  it("names every command in the overview", () => {
    const overview = renderOverview(SPECS, "1.2.3");
    expect(overview).toMatch(/^sealmount 1\.2\.3: /);
    for (const { name, summary } of SPECS) {
      expect(overview).toContain(`  ${name} `);
      expect(summary).toMatch(/^[a-z].*[^.]$/);
    }
  });

  it("shows a group", () => {
    const keys = SPECS.filter(({ name }) => name.startsWith("key "));
    expect(renderGroup("key", keys)).toMatch(/^sealmount key: new, ls, export, import\n/);
  });

  it("reads as a page", () => {
    const rm = SPECS.find(({ name }) => name === "rm");
    expect(rm && renderCommand(rm)).toMatchInlineSnapshot(`
      "sealmount rm: remove a value from the manifest; comments stay

      Usage:
        sealmount rm [OPTIONS] NAME

      Arguments:
        NAME  name to remove

      Options:
        --env NAME       environment to remove it from (default: the only scope that has the name)
        --common         remove it from the common values
        --build          remove the build secret
        --force          also when something still uses it
        --manifest FILE  the manifest to use (variable: SEALMOUNT_MANIFEST; default: iterapp.toml
                         here or in a folder above)
        --appling NAME   the app inside the app (variable: SEALMOUNT_APPLING; default: the one
                         whose folder this is)
        --json           data as JSON on stdout, errors as JSON on stderr

      Options of every command:
        -C, --cwd DIR  work as if started in DIR (default: the current folder)
        --debug        show the stack of an unexpected error (variable: SEALMOUNT_DEBUG)
        --no-color     no color, also on a terminal (variable: NO_COLOR)
        --help         show this help

      Examples:
        # from the one scope that has it
        sealmount rm API_KEY
        # from one environment
        sealmount rm API_KEY --env prod
        # a build secret
        sealmount rm npm-token --build

      Exit codes:
        0  done
        2  wrong usage
        3  manifest invalid, or a secret is missing
        9  refused by policy
      "
    `);
    const doctor = SPECS.find(({ name }) => name === "key export");
    expect(doctor && renderCommand(doctor)).toMatchInlineSnapshot(`
      "sealmount key export: print the private key, for the one variable of a CI store

      Usage:
        sealmount key export [OPTIONS]

      Options:
        --app NAME        app that the key is for (default: [seal] app of the manifest)
        --public-key KEY  only the private half of this key (default: every key of the app)
        --yes             print it on a terminal, too
        --manifest FILE   the manifest to use (variable: SEALMOUNT_MANIFEST; default: iterapp.toml
                          here or in a folder above)
        --appling NAME    the app inside the app (variable: SEALMOUNT_APPLING; default: the one
                          whose folder this is)
        --json            errors as JSON on stderr; the key itself stays plain

      Options of every command:
        -C, --cwd DIR  work as if started in DIR (default: the current folder)
        --debug        show the stack of an unexpected error (variable: SEALMOUNT_DEBUG)
        --no-color     no color, also on a terminal (variable: NO_COLOR)
        --help         show this help

      Examples:
        # into a CI store
        sealmount key export | gh secret set SEALMOUNT_KEY
        # onto another machine
        sealmount key export | ssh host sealmount key import --app cats --stdin
        # on the screen, on purpose
        sealmount key export --app cats --yes

      Exit codes:
        0  done
        2  wrong usage
        3  manifest invalid, or a secret is missing
        4  no usable key
      "
    `);
  });
});
