import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { SPECS } from "../../src/cli/specs.ts";
import { EXIT, SealmountError } from "../../src/errors.ts";
import * as library from "../../src/index.ts";
import { ENCODINGS } from "../../src/needles/needle.ts";
import { needlesOf } from "../../src/needles/variants.ts";
import { Secret } from "../../src/secret/secret.ts";
import { assertClean } from "../../src/verify/assert-clean.ts";
import { verdictOf } from "../../src/verify/model.ts";
import { readSourceName } from "../../src/verify/sources/source-name.ts";
import { run } from "../support/process.ts";
import { makeWorld } from "../support/temp.ts";
import { ociArchive } from "./verify/archives.ts";
import { CLEAN, INCOMPLETE, LEAKY, UNPROVED } from "./verify/reports.ts";

/** What the pages on the proof say is what the program does. */

const ROOT = join(import.meta.dirname, "..", "..");

async function textOf(path: string): Promise<string> {
  return readFile(join(ROOT, path), "utf8");
}

/** The section of that title, without it. */
async function section(path: string, title: string): Promise<string> {
  const text = await textOf(path);
  const body = text.split(/^## /mu).find((part) => part.startsWith(`${title}\n`));
  if (body === undefined) throw new Error(`${path} has no section ${title}`);
  return body;
}

const codesIn = (text = ""): string[] =>
  Array.from(text.matchAll(/`([^`]+)`/gu), ([, c = ""]) => c);

describe("docs/verify.md", () => {
  it("names what is unpacked, and what is told", async () => {
    const text = await section("docs/verify.md", "Inside of files");
    const source = await textOf("src/verify/members/kinds.ts");
    const kinds = /^export type Kind = (.*);$/mu.exec(source)?.[1] ?? "";
    const known = Array.from(kinds.matchAll(/"(\w+)"/gu), ([, kind]) => kind);
    const unpacked = codesIn(/Unpacked are (.*?), one within the other/su.exec(text)?.[1]);
    // a script is opened as the zip behind it
    expect([...unpacked, "script"].toSorted()).toEqual(known.toSorted());
    const unreadable = Array.from(source.matchAll(/unreadable: "(\w+)"/gu), ([, kind]) => kind);
    const told = codesIn(/Not unpacked, and told .*?: (.*?);/su.exec(text)?.[1]);
    expect(told.toSorted()).toEqual([...new Set(unreadable)].toSorted());
  });

  it("says which forms of a large value are looked for", async () => {
    const text = await section("docs/verify.md", "Disguises");
    const named = codesIn(/Of values over 64 KiB only (.*?) are looked for/su.exec(text)?.[1]);
    const base64 = randomBytes(60_000).toString("base64");
    const pem = `-----BEGIN PRIVATE KEY-----\n${base64.replaceAll(/.{64}/gu, "$&\n")}\n-----END PRIVATE KEY-----\n`;
    const part = randomBytes(40_000).toString("base64url");
    const token = `eyJhbGciOiJub25lIn0.${part}.${part}`;
    const found = [pem, token, randomBytes(70_000)].flatMap((value) =>
      needlesOf(Secret.take("S", Buffer.from(value), "bot")).map(({ encoding }) => encoding),
    );
    expect(named).toEqual(ENCODINGS.filter((encoding) => found.includes(encoding)));
  });
});

describe("docs/verify-sources.md", () => {
  it("has a row for every way to an engine's image, in the order in which they are tried", async () => {
    const text = await section("docs/verify-sources.md", "Images of an engine");
    const rows = Array.from(text.matchAll(/^\| `(\w+)` /gmu), ([, name]) => name);
    const route = SPECS.find(({ name }) => name === "verify")?.options.find(
      ({ long }) => long === "route",
    );
    expect(["auto", ...rows]).toEqual(route?.choices);
    const source = await textOf("src/verify/sources/engine.ts");
    const auto = Array.from(
      (/^const AUTO: .* = \[(.*)\];$/mu.exec(source)?.[1] ?? "").matchAll(/"(\w+)"/gu),
      ([, name]) => name,
    );
    expect(rows.slice(0, auto.length)).toEqual(auto);
  });

  it.each([
    ["an image of the engine", "engine", ["cats", "ghcr.io/cats/api:1", "docker-daemon:name"]],
    ["an image in a registry", "registry", ["docker://HOST:5000/name:TAG", "docker://HOST/name"]],
    ["an archive; or the folder", "path", ["/x", "./x", "../x", "x.tar", "x.tar.gz", "x.tgz"]],
    ["an archive: what kind", "archive", ["docker-archive:FILE", "oci-archive:FILE"]],
    ["an OCI image layout", "layout", ["oci:FOLDER"]],
    ["an archive from standard input", "stdin", ["-"]],
  ] as const)("%s is what such an operand is", async (about, kind, operands) => {
    const row = (await textOf("docs/verify-sources.md"))
      .split("\n")
      .find((line) => line.startsWith("|") && line.includes(about));
    expect(row).toBeDefined();
    for (const operand of operands) expect(readSourceName(operand).kind).toBe(kind);
  });
});

describe("docs/verify-reports.md", () => {
  it.each([CLEAN, UNPROVED, INCOMPLETE, LEAKY])(
    "says with which code each verdict ends",
    async (report) => {
      const text = await section("docs/verify-reports.md", "The verdict");
      const verdict = verdictOf(report);
      const row = text.split("\n").find((line) => line.startsWith(`| \`${verdict}\``)) ?? "";
      const [lax, strict] = [false, true].map((isStrict) => codeOf(report, isStrict));
      const last = row.split("|").at(-2)?.trim() ?? "";
      const expected = lax === strict ? `${lax}` : `${lax}; ${strict} with \`--strict\``;
      expect(last.split(",")[0]).toBe(expected);
    },
  );
});

function codeOf(report: library.VerifyReport, strict: boolean): number {
  try {
    assertClean(report, { strict });
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof SealmountError)) throw error;
    return error.exitCode;
  }
}

/** A figure of a page, and the line of the source that it repeats. */
const FIGURES: readonly (readonly [page: string, words: string, file: string, line: string])[] = [
  ["verify.md", "| 4 levels ", "members/limits.ts", "depth: 4,"],
  ["verify.md", "| 64 MiB", "members/limits.ts", "file: 64 * MIB,"],
  ["verify.md", "| 32 MiB", "members/limits.ts", "inner: 32 * MIB,"],
  ["verify.md", "| 96 MiB", "members/limits.ts", "held: 96 * MIB,"],
  ["verify.md", "| 256 MiB ", "members/limits.ts", "output: 256 * MIB,"],
  ["verify.md", "| 1,000 times, or to 4 MiB", "members/limits.ts", "growth: 1000,"],
  ["verify.md", "| 1,000 times, or to 4 MiB", "members/limits.ts", "freeGrowth: 4 * MIB,"],
  ["verify.md", "| 8 GiB ", "members/limits.ts", "layer: 8 * 1024 * MIB,"],
  ["verify.md", "| 200,000 ", "members/limits.ts", "zipEntries: 200_000,"],
  ["verify.md", "64, 70 or 76", "../needles/forms.ts", "WRAP_COLUMNS = [64, 70, 76]"],
  ["verify.md", "over 64 KiB", "../needles/forms.ts", "LONGEST_ESCAPED = 64 * 1024;"],
  ["verify.md", "than 8 bytes", "../needles/provability.ts", "SHORTEST_PROVABLE = 8;"],
  ["verify.md", "of 4 bytes or more that", "pairs.ts", "TELLING_LENGTH = 4;"],
  ["verify.md", "values from 4 bytes", "../needles/collector.ts", "mask: { raw: 4,"],
  ["verify-sources.md", "up to three times", "sources/registry/client.ts", "TRIES = 4;"],
  ["verify-sources.md", "at most 60 s", "sources/registry/client.ts", "LONGEST_PAUSE_MS = 60_000;"],
  ["verify-sources.md", "silent for 30 s", "sources/registry/http.ts", "SILENCE_MS = 30_000;"],
  ["verify-sources.md", "has 5 minutes for that", "routes/save.ts", "FIRST_MS = 300_000;"],
  ["verify-sources.md", "1 s more for each 10 MB", "routes/save.ts", "BYTES_PER_MS = 10_000;"],
  ["verify-sources.md", "silent for 60 s", "routes/save.ts", "NEXT_MS = 60_000;"],
  ["verify-sources.md", "60 s for `content`", "routes/content.ts", "SILENCE_MS = 60_000;"],
  ["verify-sources.md", "5 minutes for `push`", "routes/push.ts", "SILENCE_MS = 300_000;"],
  ["verify-sources.md", "than 1 KiB", "sources/registry/http.ts", "LEAST_BYTES = 1024;"],
  ["verify-reports.md", "20 places of a secret", "report.ts", "PLACES_SHOWN = 20;"],
  ["verify-reports.md", "10 files that", "report.ts", "MEMBERS_SHOWN = 10;"],
  ["verify-reports.md", "20 are listed for each layer", "members/unread.ts", "NAMED = 20;"],
];

it.each(FIGURES)("docs/%s: %s", async (page, words, file, line) => {
  expect(await textOf(`docs/${page}`)).toContain(words);
  expect(await textOf(`src/verify/${file}`)).toContain(line);
});

describe("the code on the pages", () => {
  const PAGES = ["README.md", "docs/library.md", "docs/verify-reports.md"];
  const codeOfPage = async (page: string): Promise<string[]> =>
    Array.from((await textOf(page)).matchAll(/^```ts\n([\s\S]*?)^```/gmu), ([, code = ""]) => code);

  it.each(PAGES)("of %s imports what there is", async (page) => {
    const imports = (await codeOfPage(page)).flatMap((code) =>
      Array.from(
        code.matchAll(/^import \{ (.*) \} from "sealmount";$/gmu),
        ([, names = ""]) => names,
      ),
    );
    expect(imports.length).toBeGreaterThan(0);
    const missing = imports
      .flatMap((names) => names.split(", "))
      .filter((name) => !(name in library));
    expect(missing).toEqual([]);
  });

  it.each([
    ["README.md", 0],
    ["docs/library.md", 1],
    ["docs/verify-reports.md", 1],
  ] as const)("of %s verifies an archive as it stands", async (page, code) => {
    const [example = ""] = (await codeOfPage(page)).filter((one) => one.includes('"cats.tar"'));
    await using world = await makeWorld();
    const value = randomBytes(16).toString("hex");
    await world.write("cats.tar", await ociArchive({ layers: [{ "app/key": value }] }));
    const index = pathToFileURL(join(ROOT, "src", "index.ts")).href;
    await world.write("example.ts", example.replace('"sealmount"', JSON.stringify(index)));
    const env = { ...world.env, TOKEN: value };
    const ran = await run(process.execPath, ["example.ts"], { cwd: world.cwd, env });
    expect(ran.code).toBe(code);
    expect(ran.stderr.includes("LEAK_FOUND")).toBe(code === 1);
    if (page === "docs/verify-reports.md") {
      expect(await readFile(join(world.cwd, "leaks.sarif"), "utf8")).toContain("secret-in-layer");
    } else {
      expect(ran.stdout).toContain("token is in /app/key");
    }
    expect(ran.bytes.includes(value)).toBe(false);
  });
});
