import { parse as oracle } from "@decimalturn/toml-patch";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { firstDifference } from "../../../src/manifest/cross-check.ts";
import { Problems } from "../../../src/manifest/problems.ts";
import { readToml } from "../../../src/manifest/read-toml.ts";
import { readSimpleFile } from "../../../src/manifest/simple-file.ts";
import { splitSimpleLines } from "../../../src/manifest/simple-lines.ts";
import { membersInOrder, newTable } from "../../../src/manifest/tree-model.ts";
import type { TomlTable } from "../../../src/manifest/tree-model.ts";
import { BOX } from "./fixtures.ts";

function read(text: string): TomlTable | null {
  return readToml(text, new Problems("f"));
}

/** Lines that are simple, lines that look like it, and lines that open or close something longer. */
const LINES = [
  'A = "1"',
  'A = "2" # note',
  "B = { encrypted = 'x' }",
  'B = { encrypted = "QUJD", mode = "0440" } # note',
  'B={encrypted="QUJD"}',
  'B = { encrypted = "a", encrypted = "b" }',
  'B = { encrypted = "a", }',
  'B = { a.b = "x" }',
  'C = "\\u0041"',
  'C = "x" D = "y"',
  'C = """',
  '"""',
  "'''",
  'D = "x" # """',
  "E = [",
  "]",
  '"a",',
  "F = '''",
  "[t]",
  "[t.A]",
  "[u]",
  "[[l]]",
  "[l.A]",
  "A.x = 1",
  't.A = "dotted"',
  "# comment",
  "",
  '  A = "indented"',
  '"A" = "quoted"',
  '__proto__ = "x"',
  'A = ""',
  "expires = 2027-01-31",
  "N = 42 # note",
  "N = -0",
  "N = 007",
  "T = true",
  "T = truest",
  'L = ["a", "b"]',
  "L = [ ]",
  'L = ["a",]',
  'L = ["a", 1]',
  '[ "q.r" . x ] # note',
  '["q.r"]',
  "[q.r",
  "[t.constructor]",
  "[]",
];

describe("the fast lane", { timeout: 60_000 }, () => {
  it("reads what the library alone reads, and refuses whatever it refuses", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...LINES), { maxLength: 9 }), (lines) => {
        const text = lines.join("\n");
        const [tree, simple] = [read(text), readSimpleFile(text)];
        let data: unknown;
        try {
          data = oracle(text);
        } catch {
          expect([tree, simple]).toEqual([null, null]);
          return;
        }
        if (simple) expect(simple).toEqual(tree);
        if (tree) expect(firstDifference(tree, data)).toBeNull();
        // TOML 1.1, __proto__ and what @iarna/toml can't read are refused beyond that
        else expect(text).toMatch(/, \}|__proto__|constructor/);
      }),
      { numRuns: 2000 },
    );
  });

  it("needs no library for what sealmount writes", () => {
    const text = [
      "# a manifest",
      "port = 3000",
      'applings = ["api"]',
      "debug = false",
      "",
      "[seal] # s",
      'app = "x"',
      "[env.common]",
      `A = { encrypted = "${BOX}", file = "a", mode = "0440" } # why`,
      '[registries."ghcr.io"]',
      'username = "bot"',
      "[env.prod]",
    ].join("\n");
    const simple = readSimpleFile(text);
    expect(simple).not.toBeNull();
    expect(simple).toEqual(read(text));
    expect(readSimpleFile("")).toEqual(newTable());
  });

  it("gives each member the line and column that the library gives", () => {
    const lines = ['  A = "x"', 'B = {  a = "x" ,b="y"} # c', "C = 1", '\tD = "z"'];
    const fast = read(lines.join("\n"));
    const full = read(lines.map((line) => line.replaceAll('"', "'")).join("\n"));
    const places = (tree: TomlTable | null): unknown =>
      tree &&
      membersInOrder(tree).map(([name, { at, node }]) => [
        name,
        at,
        node.kind === "table" ? membersInOrder(node).map(([inner, m]) => [inner, m.at]) : null,
      ]);
    expect(places(fast)).toEqual(places(full));
  });

  it("takes the lines that sealmount writes, and leaves everything else to the libraries", () => {
    const { simple, rest, restLines } = splitSimpleLines(
      `# c\n[a]\nA = { encrypted = "${BOX}" }\nB = 1\nC = "x" # y\nD = "\\n"\nE = 3_0\n`,
    );
    expect(simple.map(({ name, line }) => `${name}:${line}`)).toEqual(["A:3", "B:4", "C:5"]);
    expect(rest).toBe('# c\n[a]\nD = "\\n"\nE = 3_0\n');
    expect(restLines).toEqual([1, 2, 6, 7, 8]);
  });

  it("reads 1,000 sealed values in a small part of a start of Node", () => {
    const rows = Array.from({ length: 1000 }, (_, i) => `NAME_${i} = { encrypted = "${BOX}" }`);
    const text = `port = 3000\n[seal]\napp = "x"\n[env.common]\n${rows.join("\n")}\n`;
    read(text);
    const start = process.cpuUsage();
    for (let i = 0; i < 5; i++) read(text);
    const { user, system } = process.cpuUsage(start);
    // measured: 2 ms each when warm; the bound leaves room for a loaded machine
    expect((user + system) / 5000).toBeLessThan(25);
  });
});

describe("the two readers", () => {
  it.each([
    "a = { expires = 2027-01-31 }",
    "a = { expires = 2027-01-31, b = 1 }",
    "a = [2027-01-31,2027-02-01]",
    "a = { at = 1979-05-27T07:32:00Z }",
    "a = 1979-05-27 07:32:00.5\nb = 07:32:00\n",
    "a = 9223372036854775807\nb = 1e3\nc = -0.0\nd = inf\ne = nan\nf = 0xFF\ng = 0o17\nh = 0b1\n",
    'a = """\r\nx\r\n"""\r\n# c\r\n',
    "\uFEFFa = 1\r\n",
    "",
  ])("agree on %j", (text) => {
    expect(read(text)).not.toBeNull();
  });

  it.each([
    "a = 2027-01-31, 1",
    "a = { b = 2027-02-30 }",
    "[a.b.c]\nz = 9\n[a]\nb.c.t = 1\n",
    "[a.b.c.d]\nz = 9\n[a]\nb.c.d.k.t = 1\n",
    "[t1]\nt2.t3.v = 0\n[t1.t2]\n",
    "[[a.b]]\n[a]\nb.y = 2\n",
  ])("do not both accept %j", (text) => {
    expect(read(text)).toBeNull();
  });
});
