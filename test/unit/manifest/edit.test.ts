import { describe, expect, it } from "vitest";
import { formOf, removeEntry, setEntry } from "../../../src/manifest/edit.ts";
import { CANARY, summary, thrownIssues } from "./fixtures.ts";

const PROD = ["env", "prod"];
const VALUE = '{ encrypted = "bmV3" }';

/** Text before, section, and the text after setting A there. */
type Case = readonly [before: string, after: string, section?: readonly string[]];

const SETS: Readonly<Record<string, Case>> = {
  "replaces a string": ['[env.prod]\nA = "old"\n', `[env.prod]\nA = ${VALUE}\n`],
  "replaces an inline table before a comment": [
    '[env.prod]\nA = { encrypted = "b2xk" } # why\n',
    `[env.prod]\nA = ${VALUE} # why\n`,
  ],
  "replaces and keeps tabs and odd spaces": [
    '\t[ env . prod ]\n\tA\t=\t"old"\t# x\n',
    `\t[ env . prod ]\n\tA\t=\t${VALUE}\t# x\n`,
  ],
  "replaces with CRLF": [
    '[env.prod]\r\nA = "old" # x\r\nB = 1\r\n',
    `[env.prod]\r\nA = ${VALUE} # x\r\nB = 1\r\n`,
  ],
  "replaces behind a BOM": ['\uFEFFenv.prod.A = "old"\n', `\uFEFFenv.prod.A = ${VALUE}\n`],
  "replaces without a final line end": ['[env.prod]\nA = "old"', `[env.prod]\nA = ${VALUE}`],
  "replaces a multi-line string": [
    '[env.prod]\nA = """\nold\n[env.prod]\nA = "x"\n""" # c\nB = 1\n',
    `[env.prod]\nA = ${VALUE} # c\nB = 1\n`,
  ],
  "replaces a literal string": ["[env.prod]\nA = 'o\"ld'\n", `[env.prod]\nA = ${VALUE}\n`],
  "replaces a date, a number": [
    "[env.prod]\nB = 0x1F\nA = 1979-05-27 07:32:00\n",
    `[env.prod]\nB = 0x1F\nA = ${VALUE}\n`,
  ],
  "replaces in an inline section": [
    'env = { prod = { B = 1, A = "old", C = 2 } }\n',
    `env = { prod = { B = 1, A = ${VALUE}, C = 2 } }\n`,
  ],
  "replaces a dotted key": ['env.prod.A = "old" # c\n', `env.prod.A = ${VALUE} # c\n`],
  "replaces a dotted key in its section": ['[env]\nprod.A = "old"\n', `[env]\nprod.A = ${VALUE}\n`],
  "replaces a quoted key": ['[env.prod]\n"\\u0041" = 1\n', `[env.prod]\n"\\u0041" = ${VALUE}\n`],
  "replaces behind astral characters": [
    '[env.prod]\nE = "👩‍👩‍👧"\nX = { "😀" = "🙅", y = 1 }\n"😀".z = "🧪"\nA = "old" # 🙅\n',
    `[env.prod]\nE = "👩‍👩‍👧"\nX = { "😀" = "🙅", y = 1 }\n"😀".z = "🧪"\nA = ${VALUE} # 🙅\n`,
  ],
  "replaces on a line with astral characters": [
    '"😀" = { "👩‍👧" = "🧪", A = "old" } # 🙅\n',
    `"😀" = { "👩‍👧" = "🧪", A = ${VALUE} } # 🙅\n`,
    ["😀"],
  ],
  "is not led astray by a header in a string": [
    'x = """\n[env.prod]\nA = "fake"\n"""\n[env.prod]\nA = "old"\n',
    `x = """\n[env.prod]\nA = "fake"\n"""\n[env.prod]\nA = ${VALUE}\n`,
  ],
  "adds behind the last key, before the next section's comment": [
    "[env.prod]\nB = 1 # b\n\n# about common\n[env.common]\nC = 1\n",
    `[env.prod]\nB = 1 # b\nA = ${VALUE}\n\n# about common\n[env.common]\nC = 1\n`,
  ],
  "adds with the indentation of the section": [
    "[env.prod]\n  B = 1\n\n[x]\n",
    `[env.prod]\n  B = 1\n  A = ${VALUE}\n\n[x]\n`,
  ],
  "adds to an empty section": [
    "[env.prod]\n[x]\ny = 1\n",
    `[env.prod]\nA = ${VALUE}\n[x]\ny = 1\n`,
  ],
  "adds to an empty section at the end of the file": ["[env.prod]", `[env.prod]\nA = ${VALUE}`],
  "adds to a section of comments": [
    "[env.prod] # here\n# nothing yet\n",
    `[env.prod] # here\nA = ${VALUE}\n# nothing yet\n`,
  ],
  "adds with CRLF": ["[env.prod]\r\nB = 1\r\n", `[env.prod]\r\nB = 1\r\nA = ${VALUE}\r\n`],
  "adds without a final line end": ["[env.prod]\nB = 1", `[env.prod]\nB = 1\nA = ${VALUE}`],
  "adds behind a multi-line value": [
    '[env.prod]\nB = """\nx\n"""\n\n[x]\n',
    `[env.prod]\nB = """\nx\n"""\nA = ${VALUE}\n\n[x]\n`,
  ],
  "adds beside dotted keys": [
    "env.prod.B = 1\nport = 3000\n\n[x]\ny = 1\n",
    `env.prod.B = 1\nenv.prod.A = ${VALUE}\nport = 3000\n\n[x]\ny = 1\n`,
  ],
  "adds beside dotted keys at the end of the file": [
    "env.prod.B = 1",
    `env.prod.B = 1\nenv.prod.A = ${VALUE}`,
  ],
  "adds beside dotted keys of another environment": [
    "env.common.B = 1\nport = 3000\n",
    `env.common.B = 1\nenv.prod.A = ${VALUE}\nport = 3000\n`,
  ],
  "adds beside dotted keys in [env]": [
    "[env]\nprod.B = 1\ncommon.C = 1\n",
    `[env]\nprod.B = 1\nprod.A = ${VALUE}\ncommon.C = 1\n`,
  ],
  "adds to an inline section": [
    "[env]\nprod = { B = 1 } # x\n",
    `[env]\nprod = { B = 1, A = ${VALUE} } # x\n`,
  ],
  "adds to an empty inline section": ["[env]\nprod = {}\n", `[env]\nprod = { A = ${VALUE} }\n`],
  "adds a section to an inline one": [
    "env = { common = { B = 1 } }\n",
    `env = { common = { B = 1 }, prod = { A = ${VALUE} } }\n`,
  ],
  "makes a missing section": [
    "[env.common]\nB = 1\n\n# the end\n",
    `[env.common]\nB = 1\n\n# the end\n\n[env.prod]\nA = ${VALUE}\n`,
  ],
  "makes a section without a final line end": [
    "[env.common]\r\nB = 1",
    `[env.common]\r\nB = 1\r\n\r\n[env.prod]\r\nA = ${VALUE}`,
  ],
  "makes a section in an empty file": ["", `[env.prod]\nA = ${VALUE}\n`],
  "makes a section behind a BOM": ["\uFEFF", `\uFEFF[env.prod]\nA = ${VALUE}\n`],
  "makes a section in a file of comments": ["# hi\n", `# hi\n\n[env.prod]\nA = ${VALUE}\n`],
  "makes a section behind a blank line": ["x = 1\n\n", `x = 1\n\n[env.prod]\nA = ${VALUE}\n`],
  "makes a section behind an array of tables": [
    "[[a]]\nb = 1\n[a.env.prod]\nA = 1\n[[a]]\nb = 2\n",
    `[[a]]\nb = 1\n[a.env.prod]\nA = 1\n[[a]]\nb = 2\n\n[env.prod]\nA = ${VALUE}\n`,
  ],
  "makes a section above its sub-tables": [
    '[env.prod.B]\nencrypted = "eA"\n',
    `[env.prod.B]\nencrypted = "eA"\n\n[env.prod]\nA = ${VALUE}\n`,
  ],
  "edits one attribute of an inline table": [
    '[env.prod]\nX = { A = "old", mode = "0440" }\n',
    `[env.prod]\nX = { A = ${VALUE}, mode = "0440" }\n`,
    ["env", "prod", "X"],
  ],
  "edits one attribute of a section of its own": [
    '[env.prod.X] # own\nmode = "0440"\nA = "old" # c\n',
    `[env.prod.X] # own\nmode = "0440"\nA = ${VALUE} # c\n`,
    ["env", "prod", "X"],
  ],
  "edits sections that are out of order": [
    "[env.prod.Y]\nb = 1\n[seal]\n[env.prod]\nB = 1\n[env.common]\n",
    `[env.prod.Y]\nb = 1\n[seal]\n[env.prod]\nB = 1\nA = ${VALUE}\n[env.common]\n`,
  ],
  "quotes section names where needed": [
    "x = 1\n",
    `x = 1\n\n[registries."ghcr.io"]\nA = ${VALUE}\n`,
    ["registries", "ghcr.io"],
  ],
};

describe("setEntry", () => {
  it.each(Object.entries(SETS))("IX2: %s", (_, [before, after, section = PROD]) => {
    expect(setEntry(before, { section, name: "A", value: VALUE })).toBe(after);
  });

  it.each(Object.entries(SETS))("setting the same again changes nothing: %s", (_, [, text, at]) => {
    expect(setEntry(text, { section: at ?? PROD, name: "A", value: VALUE })).toBe(text);
  });

  it.each(["your-build.id", "ключ", "a b", "1", "constructor", 'q"q', "😀"])(
    "IT14: the name %j is found again",
    (name) => {
      const o = { section: ["build_secrets"], name };
      const text = setEntry("[build_secrets]\nB = 1\n", { ...o, value: "1" });
      expect(text.split("\n")).toHaveLength(4);
      expect(setEntry(text, { ...o, value: "2" })).toBe(text.replace(/1\n$/, "2\n"));
      expect(removeEntry(text, o)).toBe("[build_secrets]\nB = 1\n");
    },
  );

  it.each([
    ["a table of its own", `[env.prod.A]\nx = "${CANARY}"\n`],
    ["an array of tables", `[[env.prod]]\nx = "${CANARY}"\n`],
    ["a section that is a value", `env.prod = "${CANARY}"\n`],
    ["a section above that is a value", `env = "${CANARY}"\n`],
  ])("refuses %s", (_, text) => {
    const issues = thrownIssues(() => setEntry(text, { section: PROD, name: "A", value: VALUE }));
    expect(summary(issues)).toEqual(["0:0 env.prod.A MANIFEST_EDIT_REFUSED"]);
  });

  it("refuses to work on text that is not valid", () => {
    const text = `[env.prod]\nA = "${CANARY}"\nA = "${CANARY}"\n`;
    const issues = thrownIssues(() => setEntry(text, { section: PROD, name: "A", value: VALUE }));
    expect(summary(issues)).toEqual(["3:1 env.prod.A MANIFEST_DUPLICATE"]);
  });

  it("refuses a result that is too large", () => {
    const value = `"${CANARY.repeat(90_000)}"`;
    const issues = thrownIssues(() => setEntry("", { section: PROD, name: "A", value }));
    expect(summary(issues)).toEqual(["1:1 MANIFEST_TOO_LARGE"]);
  });
});

const REMOVALS: Readonly<Record<string, readonly [string, string]>> = {
  "a line, with its own comment": [
    "[env.prod]\n# above\nA = 1 # own\n# below\nB = 1\n",
    "[env.prod]\n# above\n# below\nB = 1\n",
  ],
  "with CRLF": ["[env.prod]\r\nA = 1\r\nB = 1\r\n", "[env.prod]\r\nB = 1\r\n"],
  "the last line, without a final line end": ["[env.prod]\nB = 1\nA = 1", "[env.prod]\nB = 1"],
  "the only line of a file": ["env.prod.A = 1", ""],
  "behind a BOM": ["\uFEFFenv.prod.A = 1\nx = 1\n", "\uFEFFx = 1\n"],
  "a value of several lines": [
    '[env.prod]\nA = """\n[x]\n"""\nB = [\n1 ]\n',
    "[env.prod]\nB = [\n1 ]\n",
  ],
  "the first of an inline table": ["env.prod = { A = 1, B = 2 }\n", "env.prod = { B = 2 }\n"],
  "the middle of an inline table": [
    "env.prod = { B = 2, A = 1, C = 3 }\n",
    "env.prod = { B = 2, C = 3 }\n",
  ],
  "the last of an inline table": [
    "env.prod = { B = 2, A = 1 } # c\n",
    "env.prod = { B = 2 } # c\n",
  ],
  "all of an inline table": ["env.prod = { A = 1 }\n", "env.prod = {}\n"],
  "a section of its own": [
    '[env.prod.A]\nencrypted = "x"\n# kept\nmode = "0440"\n\n[env.prod]\nB = 1\n',
    "# kept\n\n[env.prod]\nB = 1\n",
  ],
  "dotted attributes, wherever they stand": [
    '[env.prod]\nA.encrypted = "x"\nB = 1\nA.mode = "0440"\n',
    "[env.prod]\nB = 1\n",
  ],
};

describe("removeEntry", () => {
  it.each(Object.entries(REMOVALS))("IX24: removes %s", (_, [before, after]) => {
    expect(removeEntry(before, { section: PROD, name: "A" })).toBe(after);
  });

  it.each(["", "[env.common]\nA = 1\n", "[env.prod]\n# A = 1\nAA = 1\n", 'x = "env.prod.A = 1"\n'])(
    "IX24: gives null when it is not there (%j)",
    (text) => {
      expect(removeEntry(text, { section: PROD, name: "A" })).toBeNull();
    },
  );
});

describe("formOf", () => {
  it.each([
    ["[env.prod]\nA = { }\n", "table"],
    ["[env.prod.A]\n", "table"],
    ["env.prod.A.b = 1\n", "table"],
    ["[env.prod]\nA = 1\n", "value"],
    ["[env.prod]\n", null],
    ["env = 1\n", null],
  ])("%j is a %s", (text, form) => {
    expect(formOf(text, { section: PROD, name: "A" })).toBe(form);
  });
});
