/**
 * `npm test`: everything that must hold before a push, on every supported engine. Goes through all of
 * it even when something fails, then prints a table and `N passed, N failed`.
 *
 * SEALMOUNT_TEST_ENGINES names other engines than all four: `SEALMOUNT_TEST_ENGINES=trixie npm test`.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeBaseImages, startEngine, VARIANTS } from "../test/engine/engine.ts";
import { parseJson } from "../test/support/json.ts";
import { build } from "./build.ts";

const ROOT = join(import.meta.dirname, "..");

interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** Why it did not run at all. */
  readonly skipped?: string;
  /** Tests of things that this engine does not know, by their whole names. */
  readonly left?: readonly string[];
}

/** An engine that is still moving: it may fail to start without a fault of ours. */
const MAY_BE_MISSING = /^forky/;

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "sealmount-test-"));
  const outcomes: Outcome[] = [];
  try {
    outcomes.push(await check("types", () => program("tsc", ["--noEmit"])));
    outcomes.push(await check("lint", () => program("oxlint", ["--type-aware"])));
    outcomes.push(await check("format", () => program("prettier", ["--check", "."])));
    outcomes.push(await check("build", async () => build().then(() => 0)));
    outcomes.push(await suite("unit", ["--project", "unit"], {}, folder));
    for (const variant of variantsToTest()) outcomes.push(await endToEnd(variant, folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return report(outcomes);
}

function variantsToTest(): readonly string[] {
  const asked = process.env["SEALMOUNT_TEST_ENGINES"]
    ?.split(/[\s,]+/)
    .filter((word) => word !== "");
  return asked === undefined || asked.length === 0 ? VARIANTS : asked;
}

/** The suite `e2e` on one engine. */
async function endToEnd(variant: string, folder: string): Promise<Outcome> {
  const name = `e2e on ${variant}`;
  try {
    await makeBaseImages(await startEngine(variant));
  } catch (error) {
    const skipped = error instanceof Error ? error.message : String(error);
    const failed = MAY_BE_MISSING.test(variant) ? 0 : 1;
    return { name, passed: 0, failed, seconds: 0, skipped };
  }
  return suite(name, ["--project", "e2e"], { SEALMOUNT_TEST_ENGINE: variant }, folder);
}

/** One vitest run; its tests count one by one. */
async function suite(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  folder: string,
): Promise<Outcome> {
  const file = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const started = Date.now();
  await rm(file, { force: true });
  const code = await titled(name, () => program("vitest", ["run", ...args, ...reporters], env));
  const text = await readFile(file, "utf8").catch(() => "{}");
  const {
    numPassedTests: passed = 0,
    numFailedTests = 0,
    testResults = [],
  } = parseJson<Report>(text);
  // a file that can't be loaded, or a set-up that fails, has no test that failed
  const failed = code === 0 ? 0 : Math.max(numFailedTests, 1);
  const left = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .flatMap(({ status, fullName }) => (status === "skipped" ? [fullName] : []));
  return { name, passed, failed, seconds: secondsSince(started), left };
}

/** What is used of vitest's report. */
interface Report {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
  readonly testResults?: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** One program that passes or fails as a whole. */
async function check(name: string, run: () => Promise<number | null>): Promise<Outcome> {
  const started = Date.now();
  const code = await titled(name, run).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    return 1;
  });
  const passed = code === 0 ? 1 : 0;
  return { name, passed, failed: 1 - passed, seconds: secondsSince(started) };
}

async function titled<T>(name: string, run: () => Promise<T>): Promise<T> {
  process.stdout.write(`\n== ${name}\n`);
  return run();
}

async function program(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number | null> {
  const child = spawn(join(ROOT, "node_modules", ".bin", name), args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
}

function report(outcomes: readonly Outcome[]): number {
  const total = (key: "passed" | "failed" | "seconds"): number =>
    outcomes.reduce((sum, outcome) => sum + outcome[key], 0);
  const lines = outcomes.flatMap(({ name, passed, failed, seconds, skipped, left = [] }) =>
    skipped === undefined
      ? [
          `${name.padEnd(24)}${passed} passed, ${failed} failed, ${seconds} s`,
          ...left.map((title) => `    not run: ${title}`),
        ]
      : [`${name.padEnd(24)}!!! NOT RUN, THE ENGINE DID NOT START: ${skipped} !!!`],
  );
  process.stdout.write(`\n== summary (${total("seconds")} s)\n${lines.join("\n")}\n\n`);
  process.stdout.write(`${total("passed")} passed, ${total("failed")} failed\n`);
  return total("failed") === 0 ? 0 : 1;
}

function secondsSince(started: number): number {
  return Math.round((Date.now() - started) / 1000);
}

process.exitCode = await main();
