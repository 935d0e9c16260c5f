import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { removeEntry, setEntry } from "../../../src/manifest/edit.ts";
import { Problems } from "../../../src/manifest/problems.ts";
import { readToml } from "../../../src/manifest/read-toml.ts";
import { tomlKey, tomlString } from "../../../src/manifest/toml-text.ts";
import type { TomlNode } from "../../../src/manifest/tree-model.ts";

/** Plain data of a text, to compare with; places left out. */
function dataOf(text: string): unknown {
  const problems = new Problems("f");
  const table = readToml(text, problems);
  problems.throwIfAny();
  return table && plain(table);
}

function plain(node: TomlNode): unknown {
  if (node.kind === "table") {
    const members = [...node.members].map(([name, member]) => [name, plain(member.node)] as const);
    return new Map(members.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
  if (node.kind === "array") return node.items.map(plain);
  return `${node.kind}:${node.text}`;
}

const NAMES = ["A", "B", "NAME_3", "a-b", "x.y", "ключ", "😀", "👩‍👧 z", "1"];
const VALUES = [
  '"text"',
  "'lit\"eral'",
  '"esc \\u0041 \\\\ \\" \\n"',
  '"""\n[env.prod]\nA = "fake"\n"""',
  "'''\n# not a comment\nB = 1'''",
  '{ encrypted = "QUJD" }',
  '{ encrypted = "QUJD", mode = "0440", "😀" = 1 }',
  "{ x.y = 1, z = {} }",
  "[1, 2]",
  '[\n  "a", # one\n  { b = 1 },\n]',
  "3_000",
  "-1.5e3",
  "true",
  "2027-01-31",
  "1979-05-27T07:32:00Z",
  "{ expires = 2027-01-31, a = 1 }",
];
const NOISE = ["", "# comment 😀", "  # [env.prod]", '\t# A = "x"', "   "];

const name = fc.constantFrom(...NAMES);
const value = fc.constantFrom(...VALUES);
const noise = fc.array(fc.constantFrom(...NOISE), { maxLength: 2 });
const rows = fc.uniqueArray(fc.record({ name, value, noise, comment: fc.boolean() }), {
  selector: (row) => row.name,
  maxLength: 4,
});

const ENVIRONMENTS = ["common", "prod", "x.y"];

/** One environment in one of the forms that TOML has for it. */
const environment = fc.record({
  form: fc.constantFrom("header", "dotted", "inline", "sub-tables"),
  rows,
  noise,
});

function inline(values: string): boolean {
  return !values.includes("\n");
}

type Rows = typeof rows extends fc.Arbitrary<infer R> ? R : never;

function rowLines(list: Rows, prefix: string): string[] {
  return list.flatMap((row) => [
    ...row.noise,
    `${prefix}${tomlKey(row.name)} = ${row.value}${row.comment ? " # why" : ""}`,
  ]);
}

interface Environment {
  readonly form: string;
  readonly rows: Rows;
  readonly noise: readonly string[];
}

/** Root lines and section lines of one environment. */
function linesOf(environmentName: string, o: Environment): { root: string[]; sections: string[] } {
  const path = `env.${tomlKey(environmentName)}`;
  if (o.form === "header") {
    return { root: [], sections: [...o.noise, `[${path}]`, ...rowLines(o.rows, "")] };
  }
  if (o.form === "dotted") return { root: rowLines(o.rows, `${path}.`), sections: [] };
  if (o.form === "sub-tables") {
    const sections = o.rows.flatMap((row) => [
      `[${path}.${tomlKey(row.name)}]`,
      ...row.noise,
      `encrypted = "QUJD"`,
    ]);
    return { root: [], sections };
  }
  const items = o.rows
    .filter((row) => inline(row.value))
    .map((row) => `${tomlKey(row.name)} = ${row.value}`);
  return { root: [`${path} = { ${items.join(", ")} }`], sections: [] };
}

const file = fc
  .record({
    environments: fc.tuple(environment, environment, environment),
    head: noise,
    tail: noise,
    arrays: fc.boolean(),
    eol: fc.constantFrom("\n", "\r\n"),
    bom: fc.boolean(),
    final: fc.boolean(),
  })
  .map((o) => {
    const parts = o.environments.map((part, i) => linesOf(ENVIRONMENTS[i] ?? "", part));
    const before = o.arrays ? ["[[list]]", 'A = "1"', "[[list.inner]]", "B = 2"] : [];
    const after = o.arrays ? ["[[list]]", 'A = "2"'] : [];
    const lines = [
      ...o.head,
      "port = 3000",
      ...parts.flatMap(({ root }) => root),
      ...before,
      ...parts.flatMap(({ sections }) => sections),
      ...after,
      ...o.tail,
    ];
    // a lone CR would stay in a multi-line string; all line ends are of one kind
    const text = lines.join("\n").replaceAll("\n", o.eol);
    return `${o.bom ? "\uFEFF" : ""}${text}${o.final ? o.eol : ""}`;
  });

const target = fc.record({ environment: fc.constantFrom(...ENVIRONMENTS, "new"), name });
const RUNS = { numRuns: 150 };

/** What the data should be after an edit. */
function expected(before: unknown, path: readonly string[], node: unknown): unknown {
  const [first = "", ...rest] = path;
  const table = new Map(before instanceof Map ? (before as Map<string, unknown>) : []);
  if (rest.length === 0 && node === undefined) table.delete(first);
  else table.set(first, rest.length === 0 ? node : expected(table.get(first), rest, node));
  return new Map([...table].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function withoutEmpty(data: unknown): unknown {
  if (!(data instanceof Map)) return data;
  const env: unknown = data.get("env");
  if (!(env instanceof Map)) return data;
  const kept = [...env].filter(([, section]) => !(section instanceof Map) || section.size > 0);
  const result = new Map(data as Map<string, unknown>);
  if (kept.length === 0) result.delete("env");
  else result.set("env", new Map(kept));
  return result;
}

function hasPlainEnd(text: string): boolean {
  return /(?<!\r)\n/.test(text);
}

describe("edits of any legal file", { timeout: 60_000 }, () => {
  it("IX2: set exactly the one key, keep the ends of the text, and can be taken back", () => {
    fc.assert(
      fc.property(file, target, fc.constantFrom(...VALUES.filter(inline)), (text, at, to) => {
        const o = { section: ["env", at.environment], name: at.name };
        const path = [...o.section, o.name];
        const isTable = dataAt(dataOf(text), path) instanceof Map && !hasRow(text, o);
        fc.pre(!isTable);
        const result = setEntry(text, { ...o, value: to });
        const wanted = expected(dataOf(text), path, dataAt(dataOf(`v = ${to}`), ["v"]));
        expect(withoutEmpty(dataOf(result))).toEqual(withoutEmpty(wanted));
        expect(result.startsWith("\uFEFF")).toBe(text.startsWith("\uFEFF"));
        if (text.trim() !== "") expect(result.endsWith("\n")).toBe(text.endsWith("\n"));
        // one line without an end says nothing of the others
        if (text.includes("\n")) expect(hasPlainEnd(result)).toBe(hasPlainEnd(text));
        expect(setEntry(result, { ...o, value: to })).toBe(result);
        const isNew = dataAt(dataOf(text), path) === undefined;
        if (isNew) expect(keptLines(text, result)).toBe(true);
      }),
      RUNS,
    );
  });

  it("IX24: remove exactly the one key", () => {
    fc.assert(
      fc.property(file, target, (text, at) => {
        const o = { section: ["env", at.environment], name: at.name };
        const path = [...o.section, o.name];
        const before = dataOf(text);
        const result = removeEntry(text, o);
        const isThere = dataAt(before, path) !== undefined;
        expect(result !== null).toBe(isThere);
        if (result === null) return;
        const wanted = withoutEmpty(expected(before, path, undefined));
        expect(withoutEmpty(dataOf(result))).toEqual(wanted);
      }),
      RUNS,
    );
  });

  it("refuses or does, and never shows a part of the file, whatever the text is", () => {
    const soup = fc.array(
      fc.constantFrom(...VALUES, ...NAMES, "[", "]", "=", "\n", "\r", '"', "#"),
    );
    fc.assert(
      fc.property(soup, (parts) => {
        const o = { section: ["env", "prod"], name: "A" };
        try {
          setEntry(parts.join(" "), { ...o, value: tomlString("x") });
        } catch (error) {
          expect(error).toHaveProperty("issues");
        }
      }),
      RUNS,
    );
  });
});

function dataAt(data: unknown, path: readonly string[]): unknown {
  return path.reduce(
    (at, part) => (at instanceof Map ? (at.get(part) as unknown) : undefined),
    data,
  );
}

/** Whether a table entry is written as a value (`{ … }`), not as a section of its own. */
function hasRow(
  text: string,
  { section, name: entry }: { section: string[]; name: string },
): boolean {
  return !text.includes(`[env.${tomlKey(section[1] ?? "")}.${tomlKey(entry)}]`);
}

/** Whether every old line is still there, in order (or got a longer inline table). */
function keptLines(before: string, after: string): boolean {
  const lines = after.split("\n");
  let at = 0;
  for (const line of before.split("\n")) {
    if (/= \{.*\}/.test(line) || line.trim() === "") continue;
    at = lines.findIndex(
      (other, i) => i >= at && other.replace(/\r$/, "") === line.replace(/\r$/, ""),
    );
    if (at < 0) return false;
    at++;
  }
  return true;
}
