import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SPECS } from "../../src/cli/specs.ts";
import { GLOBAL } from "../../src/cli/specs/options.ts";
import { ERROR_CODES, EXIT } from "../../src/errors.ts";
import { ENCODINGS } from "../../src/needles/needle.ts";
import { needlesOf } from "../../src/needles/variants.ts";
import { Secret } from "../../src/secret/secret.ts";

/** The documents say what the program does. */

const ROOT = join(import.meta.dirname, "..", "..");

async function textOf(...path: string[]): Promise<string> {
  return readFile(join(ROOT, ...path), "utf8");
}

describe("docs/errors.md", () => {
  it("has every code with its exit code, and no other", async () => {
    const rows = (await textOf("docs", "errors.md")).matchAll(/^\| `([A-Z_0-9]+)` +\| (\d+)/gm);
    const documented = Object.fromEntries(
      Array.from(rows, ([, code = "", exit]) => [code, Number(exit)]),
    );
    expect(documented).toEqual(ERROR_CODES);
  });
});

describe("docs/build.md", () => {
  it("says of each of docker's flags which engine can do it", async () => {
    const spec = SPECS.find(({ name }) => name === "build");
    const text = await textOf("docs", "build.md");
    const own = new Set([
      "via",
      "verify",
      "env",
      "record",
      "secret-cache",
      "allow-plaintext",
      "dry-run",
      "key-file",
      "json",
    ]);
    const engine = new Set(["host", "context", "manifest", "appling"]);
    const flags = (spec?.options ?? []).filter(
      ({ long, hidden }) => !own.has(long) && !engine.has(long) && hidden !== true,
    );
    const missing = flags.filter(({ long, short }) => {
      const row = new RegExp(`^\\|.*\`(?:--${long}|-${short ?? "-"})[ \`]`, "m");
      return !row.test(text);
    });
    expect(missing.map(({ long }) => long)).toEqual([]);
    expect(flags.length).toBeGreaterThan(30);
  });
});

describe("docs/verify.md", () => {
  it("has a row for every disguise, with an example that is one", async () => {
    const table =
      /## Disguises\n([\s\S]*?)\n## /.exec(await textOf("docs", "verify.md"))?.[1] ?? "";
    const rows = Array.from(table.matchAll(/^\| `([\w-]+)` .* `([^`]+)` \|$/gm));
    expect(rows.map(([, form]) => form)).toEqual(ENCODINGS);
    const value = /forms of `([^`]+)`/.exec(table)?.[1] ?? "";
    const needles = needlesOf(Secret.take("S", Buffer.from(value), "bot"));
    // the others are parts of other values, or bytes that can't be shown
    const shown = rows.filter(([, form = ""]) => !["utf16", "pem", "line", "jwt"].includes(form));
    const wrong = shown.filter(([, form, example = ""]) => {
      const own = needles.filter(({ encoding }) => encoding === form);
      // an encoding that is the same in both alphabets has one name
      const all = form === "base64url" ? needles : own;
      return !all.some(({ bytes }) => Buffer.from(example).includes(bytes));
    });
    expect(wrong.map(([, form]) => form)).toEqual([]);
  });
});

describe("ARCHITECTURE.md", () => {
  it("says of every dependency what it is for", async () => {
    const table =
      /## Dependencies\n([\s\S]*?)\n## /.exec(await textOf("ARCHITECTURE.md"))?.[1] ?? "";
    const rows = Array.from(table.matchAll(/^\| ([@a-z][\w/-]+) +\|/gm), ([, name]) => name);
    const { dependencies } = JSON.parse(await textOf("package.json")) as { dependencies: object };
    expect(rows.slice(1).toSorted()).toEqual(Object.keys(dependencies).toSorted());
  });
});

describe("README.md", () => {
  it("has every exit code", async () => {
    const table = /## Exit codes\n([\s\S]*?)\n## /.exec(await textOf("README.md"))?.[1] ?? "";
    const codes = Array.from(table.matchAll(/\| (\d+) /g), ([, code]) => Number(code));
    expect(new Set(codes)).toEqual(new Set(Object.values(EXIT)));
  });

  it("IX35: names only commands and options that --help has", async () => {
    const { unknown, options } = callsIn(await textOf("README.md"));
    expect(unknown).toEqual([]);
    expect(options).toBeGreaterThan(20);
  });
});

it("every page names only commands and options that --help has", async () => {
  const pages = [...(await globbed("docs/*.md")), ...(await globbed("examples/**/*.{md,yml}"))];
  const unknown = await Promise.all(
    pages.map(async (page) => {
      const text = await textOf(page);
      // a pipeline's file is one fence
      return callsIn(page.endsWith(".yml") ? `\`\`\`yaml\n${text}\`\`\`` : text).unknown;
    }),
  );
  expect(unknown.flat()).toEqual([]);
  expect(pages.length).toBeGreaterThan(10);
});

async function globbed(pattern: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const path of glob(pattern, { cwd: ROOT })) paths.push(path);
  return paths;
}

/** The calls of sealmount in the fences of a page: those that --help lacks, and how many options. */
function callsIn(page: string): { readonly unknown: string[]; readonly options: number } {
  const fences = page.matchAll(/^```(?:sh|console|yaml)\n([\s\S]*?)^```/gm);
  const calls = Array.from(fences, ([, block = ""]) => block)
    .join("")
    .matchAll(/\bsealmount ((?:key )?[a-z]+)([^|#\n]*)/g);
  const unknown: string[] = [];
  let seen = 0;
  for (const [call, name = "", rest = ""] of calls) {
    const spec = SPECS.find((one) => one.name === name);
    const options = spec === undefined ? [] : [...spec.options, ...GLOBAL];
    // behind a lone -- the words are another program's
    for (const [, long, short] of (rest.split(" -- ")[0] ?? "").matchAll(
      / (?:--([\w-]+)|-(\w))/g,
    )) {
      seen++;
      if (!options.some((one) => one.long === long || one.short === short)) unknown.push(call);
    }
    if (spec === undefined && name !== "install") unknown.push(call);
  }
  return { unknown, options: seen };
}
