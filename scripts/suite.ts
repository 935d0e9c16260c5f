/** Runs the parts of `npm test`: programs, and vitest with its report. */
import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { parseJson } from "../test/support/json.ts";

const ROOT = join(import.meta.dirname, "..");

/** How a part ended. */
export interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** Why it did not run at all. */
  readonly skipped?: string;
  /** Tests of things that this engine does not know, by their whole names. */
  readonly left?: readonly string[];
  readonly failures?: readonly Failure[];
  /** What failed at first and passed when its file ran again: a test, or the product, that is not steady. */
  readonly unsteady?: readonly Failure[];
}

/** A test that failed. */
export interface Failure {
  /** Path of its file in the project. */
  readonly file: string;
  readonly title: string;
  /** The first line of what it said. */
  readonly message: string;
}

/** How to call a program. */
interface Call {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** One program that passes or fails as a whole. */
export async function check(name: string, run: () => Promise<number | null>): Promise<Outcome> {
  const started = Date.now();
  const code = await run().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    return 1;
  });
  const passed = code === 0 ? 1 : 0;
  return { name, passed, failed: 1 - passed, seconds: secondsSince(started) };
}

/** A vitest run: how to call it, and where its reports go. */
export interface SuiteCall extends Omit<Call, "name"> {
  readonly folder: string;
  /** Whether files of which a few tests failed run again, once, by themselves. */
  readonly secondTry?: boolean;
}

/** More tests than this don't fail by chance at one time. */
const FEW = 3;

/** A vitest run; its tests count one by one. */
export async function suite(name: string, call: SuiteCall): Promise<Outcome> {
  const started = Date.now();
  const first = await vitest(name, call);
  const files = call.secondTry === true ? filesToTryAgain(first) : [];
  const run =
    files.length === 0
      ? first
      : afterSecondTry(
          first,
          await vitest(`${name} again`, { ...call, args: [...call.args, ...files] }),
        );
  return { name, seconds: secondsSince(started), ...countsOf(run), unsteady: steadied(first, run) };
}

/** A vitest run that ended. */
export interface SuiteRun {
  readonly code: number | null;
  /** What is used of vitest's report. */
  readonly files: readonly FileReport[];
}

/** What vitest reports of a file. */
export interface FileReport {
  /** The whole path. */
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages?: readonly string[];
  }[];
}

/** The files that a few tests failed in; none when so much failed that it can't be by chance. */
export function filesToTryAgain({ files }: SuiteRun): readonly string[] {
  const failures = files.flatMap(failuresOf);
  return failures.length > FEW ? [] : [...new Set(failures.map(({ file }) => file))];
}

/** What counts when some files ran again: for each file its last run. */
export function afterSecondTry(first: SuiteRun, second: SuiteRun): SuiteRun {
  const again = new Set(second.files.map(({ name }) => name));
  const files = [...first.files.filter(({ name }) => !again.has(name)), ...second.files];
  return { code: second.code, files };
}

/** What failed in the first run and not in the last. */
export function steadied(first: SuiteRun, last: SuiteRun): readonly Failure[] {
  const still = new Set(last.files.flatMap(failuresOf).map(({ file, title }) => file + title));
  return first.files.flatMap(failuresOf).filter(({ file, title }) => !still.has(file + title));
}

/** Counts the tests of a run. */
export function countsOf({ code, files }: SuiteRun): Omit<Outcome, "name" | "seconds"> {
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const failures = files.flatMap(failuresOf);
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    // a run that breaks off has failed without a test
    failed: code === 0 ? 0 : Math.max(failures.length, 1),
    left: tests.flatMap(({ status, fullName }) => (status === "skipped" ? [fullName] : [])),
    failures,
  };
}

async function vitest(name: string, { folder, ...call }: SuiteCall): Promise<SuiteRun> {
  const file = join(folder, `${name.replaceAll(" ", "-")}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  await rm(file, { force: true });
  const args = ["run", ...call.args, ...reporters];
  const code = await program({ ...call, name: "vitest", args }, name);
  const text = await readFile(file, "utf8").catch(() => "{}");
  const { testResults = [] } = parseJson<{ readonly testResults?: readonly FileReport[] }>(text);
  return { code, files: testResults };
}

function failuresOf({ name, status, message, assertionResults }: FileReport): readonly Failure[] {
  const file = relative(ROOT, name);
  const failures = assertionResults
    .filter((test) => test.status === "failed")
    .map(({ fullName, failureMessages: [text = ""] = [] }) => ({
      file,
      title: fullName,
      message: firstLine(text),
    }));
  if (failures.length > 0 || status !== "failed") return failures;
  // it can't be loaded, or a set-up failed: that has no test
  return [{ file, title: "the file as a whole", message: firstLine(message) }];
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

/**
 * Runs a program of node_modules; returns its exit code.
 *
 * @param title - stands in front of every line that it prints: several run at a time
 */
export async function program({ name, args, env }: Call, title: string): Promise<number | null> {
  const child = spawn(join(ROOT, "node_modules", ".bin", name), args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  showLines(child.stdout, title);
  showLines(child.stderr, title);
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
}

function showLines(stream: Readable, title: string): void {
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on("line", (line) => process.stdout.write(`${title}| ${line}\n`));
}

/** Whole seconds from a time in milliseconds until now. */
export function secondsSince(started: number): number {
  return Math.round((Date.now() - started) / 1000);
}
