import { type ManifestIssue, nearMiss, SealmountError } from "../index.ts";
import type { Failure } from "./render-error.ts";
import type { UsageProblem } from "./usage.ts";

/** What a failure needs of the library; loaded when there is one, never for help. */

/**
 * An error of the library as data; its messages hold no value, so its stack may be shown.
 *
 * @returns null for any other exception: a bug
 */
export function failureOf(error: unknown, debug: boolean): Failure | null {
  if (!(error instanceof SealmountError)) return null;
  const { code, exitCode, message, place, hint } = error;
  const issues = "issues" in error ? { issues: error.issues as readonly ManifestIssue[] } : {};
  const stack = debug && error.stack !== undefined ? { stack: error.stack } : {};
  return { code, exitCode, message, place, hint, ...issues, ...stack };
}

/**
 * A wrong call as a failure, with the near miss if there is one. Only our own words are shown,
 * never what was typed.
 */
export function usageFailure({ guess, ...problem }: UsageProblem): Failure {
  const failure = { ...problem, exitCode: 2 };
  const near = guess && nearMiss(guess.typed, guess.known);
  if (near === undefined) return failure;
  return { ...failure, hint: `did you mean ${near}? see ${problem.hint}` };
}
