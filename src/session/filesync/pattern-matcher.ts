/**
 * An ordered list of patterns, with the semantics of moby/patternmatcher: the last that matches
 * wins, `!` takes back, and what matched a folder matches all that is in it.
 *
 * @see https://pkg.go.dev/github.com/moby/patternmatcher
 */
import { cleanPath, compilePattern, trimSpace, type PathTest } from "./ignore-pattern.ts";

/** Which patterns matched a folder; its children inherit that. One byte a {@link Run}. */
export type ParentMatch = Uint8Array;

/** What the patterns say of one path. */
export interface Verdict {
  readonly matched: boolean;
  readonly match: ParentMatch;
}

/** A pattern that can't be used. */
export class PatternError extends Error {
  readonly problem: "malformed" | "bare-exception";
  /** Counts from 0, in the list that was given. */
  readonly index: number;

  constructor(problem: PatternError["problem"], index: number) {
    super(`${problem} pattern`);
    this.problem = problem;
    this.index = index;
  }
}

/**
 * Neighbours of the same kind. Which of them matched makes no difference to any verdict, neither
 * here nor below, so that thousands of patterns need one byte a folder and mostly one look-up.
 */
interface Run {
  /** `!`: takes matching paths back. */
  readonly exception: boolean;
  readonly exact: Set<string>;
  readonly tests: PathTest[];
  /** Folders below which its patterns can match; null when that may be anywhere. */
  prefixes: string[] | null;
}

/** Patterns, ready to match. */
export class PatternMatcher {
  readonly #runs: readonly Run[];
  readonly #none: ParentMatch;

  /** @throws {@link PatternError} for a malformed pattern, or a `!` with nothing behind it */
  constructor(patterns: readonly string[]) {
    const runs: Run[] = [];
    for (const [index, pattern] of patterns.entries()) add(runs, pattern, index);
    this.#runs = runs;
    this.#none = new Uint8Array(runs.length);
  }

  /**
   * Decides on one path.
   *
   * @param path - relative, with `/`, clean
   * @param parent - the parent folder's {@link Verdict.match}; undefined on the top level
   */
  verdict(path: string, parent?: ParentMatch): Verdict {
    let match = this.#none;
    let matched = false;
    for (const [index, run] of this.#runs.entries()) {
      let hit = parent?.[index] === 1;
      // a pattern that could not change the verdict is not evaluated, nor inherited: as upstream
      if (!hit && run.exception === matched) hit = hits(run, path);
      if (!hit) continue;
      if (match === this.#none) match = new Uint8Array(this.#runs.length);
      match[index] = 1;
      matched = !run.exception;
    }
    return { matched, match };
  }

  /**
   * Whether patterns of a kind can match below a folder that they don't match itself; when not, the
   * folder need not be read.
   */
  mayMatchBelow(folder: string, kind: "pattern" | "exception"): boolean {
    const inside = `${folder}/`;
    return this.#runs.some(
      ({ exception, prefixes }) =>
        exception === (kind === "exception") &&
        (prefixes === null || prefixes.some((prefix) => prefix.startsWith(inside))),
    );
  }
}

/** @throws {@link PatternError} as {@link PatternMatcher} does */
export function checkPatterns(patterns: readonly string[]): void {
  for (const [index, pattern] of patterns.entries()) add([], pattern, index);
}

function hits(run: Run, path: string): boolean {
  return run.exact.has(path) || run.tests.some((test) => test(path));
}

function add(runs: Run[], text: string, index: number): void {
  const trimmed = trimSpace(text);
  if (trimmed === "") return;
  const clean = cleanPath(trimmed);
  const exception = clean.startsWith("!");
  const pattern = exception ? clean.slice(1) : clean;
  if (pattern === "") throw new PatternError("bare-exception", index);
  const compiled = compilePattern(pattern);
  if (compiled === null) throw new PatternError("malformed", index);
  const run = runFor(runs, exception);
  if (compiled.exact) run.exact.add(pattern);
  else run.tests.push(compiled.test);
  const prefix = prefixOf(pattern);
  if (prefix === null) run.prefixes = null;
  else run.prefixes?.push(`${prefix}/`);
}

function runFor(runs: Run[], exception: boolean): Run {
  const last = runs.at(-1);
  if (last?.exception === exception) return last;
  const run: Run = { exception, exact: new Set(), tests: [], prefixes: [] };
  runs.push(run);
  return run;
}

/** As fsutil: a pattern without wildcards (but a trailing one) matches below one folder only. */
function prefixOf(pattern: string): string | null {
  const folder = pattern.replace(/\/\*\*$/, "").replace(/\/\*$/, "");
  return /[*[\]?^\\]/.test(folder) ? null : folder;
}
