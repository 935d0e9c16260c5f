/** The engine of this test run: what `global-setup.ts` started, for the test files to use. */
import type { TestContext } from "vitest";

import { parseJson } from "../support/json.ts";
import { docker, type Ended, type TestEngine } from "./engine.ts";

// vitest starts its workers after the set-up, with the main process's environment
const VARIABLE = "SEALMOUNT_TEST_ENGINE_STARTED";

/** Called by the set-up, once. */
export function shareEngine(engine: TestEngine): void {
  process.env[VARIABLE] = JSON.stringify(engine);
}

/** The engine of this run. @throws Error outside of vitest's project e2e */
export function testEngine(): TestEngine {
  const shared = process.env[VARIABLE];
  if (shared === undefined) throw new Error("no engine: run this file in vitest's project e2e");
  return parseJson<TestEngine>(shared);
}

/** `DOCKER_HOST` of this run's engine. */
export function engineHost(): string {
  return testEngine().host;
}

/** The engine's version, such as 26.1.5 or 20.10.24: `atLeast(28, 0)` for what older ones lack. */
export async function engineVersion(): Promise<{
  readonly text: string;
  atLeast(major: number, minor: number): boolean;
}> {
  const { stdout } = await dockerCli(["version", "--format", "{{.Server.Version}}"]);
  const [major = 0, minor = 0] = stdout.split(".").map((part) => Number.parseInt(part, 10));
  return {
    text: stdout.trim(),
    atLeast: (wantedMajor, wantedMinor) =>
      major > wantedMajor || (major === wantedMajor && minor >= wantedMinor),
  };
}

/** Skips a test, and says why, on engines that lack what it is about. */
export async function needsEngine(
  context: TestContext,
  [major, minor]: readonly [major: number, minor: number],
  what: string,
): Promise<void> {
  const version = await engineVersion();
  context.skip(!version.atLeast(major, minor), `engine ${version.text} does not know ${what}`);
}

/** Skips a test, and says why, on an engine that was there before: only our own may be looked into. */
export function needsOwnEngine(context: TestContext): void {
  context.skip(testEngine().dataRoot === "", "the engine is not one that the tests have started");
}

/** Runs the docker client on this run's engine. */
export async function dockerCli(
  args: readonly string[],
  options?: Parameters<typeof docker>[2],
): Promise<Ended> {
  return docker(testEngine(), args, options);
}

/** Runs the docker client and wants it to succeed; returns its stdout, trimmed. */
export async function dockerOut(
  args: readonly string[],
  options?: Parameters<typeof docker>[2],
): Promise<string> {
  const ended = await dockerCli(args, options);
  if (ended.code !== 0) throw new Error(`docker ${args[0]} failed: ${ended.stderr.trim()}`);
  return ended.stdout.trim();
}
