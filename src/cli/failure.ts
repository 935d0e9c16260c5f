import { nearMiss, SealmountError } from "../index.ts";
import { bugOf, type Failure, failureOf } from "./render-error.ts";
import type { UsageProblem } from "./usage.ts";

/** What a failure needs of the library; loaded when there is one, never for help. */

/** An exception as a failure: one of ours, or a bug. */
export function toFailure(error: unknown, debug: boolean): Failure {
  return error instanceof SealmountError ? failureOf(error, debug) : bugOf(error, debug);
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
