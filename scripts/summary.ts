/** The end of `npm test`, as text. */
import { leftOut, ON_ONE, ON_TWO } from "../test/engine/files.ts";
import type { Failure, Outcome } from "./suite.ts";

/** What a summary tells about. */
export interface SummaryOptions {
  readonly outcomes: readonly Outcome[];
  /** All engines of the run, oldest first. */
  readonly variants: readonly string[];
  readonly seconds: number;
}

/** What did not run comes first and what failed last: the end is what is read, or all that is kept. */
export function summary({ outcomes, variants, seconds }: SummaryOptions): string {
  const total = (key: "passed" | "failed"): number =>
    outcomes.reduce((sum, outcome) => sum + outcome[key], 0);
  return [
    "== not run",
    ...leftTitles(outcomes),
    ...(variants.length > 1 ? leftFiles(variants) : []),
    "",
    `== summary (${seconds} s)`,
    ...outcomes.map(lineOf),
    ...outcomes.flatMap(({ name, unsteady = [] }) =>
      unsteady.map((failure) => `!!! UNSTEADY, passed when run again: ${describe(name, failure)}`),
    ),
    ...outcomes.flatMap(({ name, failures = [] }) =>
      failures.map((failure) => `!!! FAILED: ${describe(name, failure)}`),
    ),
    "",
    `${total("passed")} passed, ${total("failed")} failed`,
  ].join("\n");
}

function lineOf({ name, passed, failed, seconds, skipped }: Outcome): string {
  const title = name.padEnd(24);
  return skipped === undefined
    ? `${title}${passed} passed, ${failed} failed, ${seconds} s`
    : `${title}!!! NOT RUN, THE ENGINE DID NOT START: ${skipped} !!!`;
}

function describe(name: string, { file, title, message }: Failure): string {
  return `${name}, ${file}: ${title}\n    ${message}`;
}

/** Each test once, with the engines that don't know what it is about. */
function leftTitles(outcomes: readonly Outcome[]): readonly string[] {
  const pairs = outcomes.flatMap(({ name, left = [] }) => left.map((title) => ({ name, title })));
  return [...Map.groupBy(pairs, ({ title }) => title)].map(
    ([title, places]) => `    ${places.map(({ name }) => name).join(", ")}: ${title}`,
  );
}

/** Which files did not run on every engine, and why. */
function leftFiles(variants: readonly string[]): readonly string[] {
  return Object.entries({ ...ON_TWO, ...ON_ONE }).map(([file, why]) => {
    const where = variants.filter(
      (variant) => !leftOut(variant, variants).includes(`test/e2e/${file}`),
    );
    return `    only on ${where.join(" and ")}: ${file} (${why})`;
  });
}
