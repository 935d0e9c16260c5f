/** Runs the parts of `npm test`: programs, and vitest with its report. */
import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
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

/** One vitest run; its tests count one by one. */
export async function suite(
  name: string,
  call: Omit<Call, "name">,
  folder: string,
): Promise<Outcome> {
  const file = join(folder, `${name.replaceAll(" ", "-")}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const started = Date.now();
  await rm(file, { force: true });
  const args = ["run", ...call.args, ...reporters];
  const code = await program({ ...call, name: "vitest", args }, name);
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
