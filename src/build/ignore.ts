/**
 * `.dockerignore`: reading and matching, with the semantics of moby/patternmatcher (ordered
 * patterns, `!`, `**`, Go's filepath.Match classes and escapes, inheritance from matched parents).
 *
 * @see https://pkg.go.dev/github.com/moby/patternmatcher
 */
import { BuildError } from "../errors.ts";
import { cleanPath, compilePattern, type PathTest } from "./ignore-pattern.ts";

/** One line of the file. */
interface Pattern {
  /** `!`: takes matching paths back in. */
  readonly exception: boolean;
  readonly test: PathTest;
  /** For exceptions: the folder below which they can match, or null when that may be anywhere. */
  readonly prefix: string | null;
}

/** Which patterns matched a folder; its children inherit that. */
export type ParentMatch = Uint8Array;

/** What the patterns say of one path. */
export interface Verdict {
  readonly ignored: boolean;
  readonly match: ParentMatch;
}

/** The patterns of one ignore file, ready to match. */
export class IgnoreFile {
  readonly #patterns: readonly Pattern[];

  /**
   * @param file - name for errors
   * @throws {@link BuildError} BUILD_CONTEXT for a malformed pattern, with its line
   */
  constructor(text: string, file: string) {
    this.#patterns = readLines(text).map(({ pattern, line }) =>
      parsePattern(pattern, { file, line }),
    );
  }

  /** True when nothing can be ignored. */
  get empty(): boolean {
    return this.#patterns.length === 0;
  }

  /**
   * Decides on one path. The last pattern that matches wins; a pattern that matched the parent
   * folder matches all that is in it.
   *
   * @param path - relative, with `/`, clean
   * @param parent - the parent folder's {@link Verdict.match}; undefined on the top level
   */
  verdict(path: string, parent?: ParentMatch): Verdict {
    const match = new Uint8Array(this.#patterns.length);
    let ignored = false;
    for (const [index, pattern] of this.#patterns.entries()) {
      let hit = parent?.[index] === 1;
      // a pattern that could not change the verdict is not evaluated, nor inherited: as upstream
      if (!hit && pattern.exception === ignored) hit = pattern.test(path);
      if (!hit) continue;
      match[index] = 1;
      ignored = !pattern.exception;
    }
    return { ignored, match };
  }

  /** False when nothing below an ignored folder can be taken back in: then it need not be read. */
  mayHoldExceptions(folder: string): boolean {
    return this.#patterns.some(
      ({ exception, prefix }) =>
        exception && (prefix === null || `${prefix}/`.startsWith(`${folder}/`)),
    );
  }
}

/** The file's patterns. A comment has `#` in its very first column; blanks around are dropped. */
function readLines(text: string): { readonly pattern: string; readonly line: number }[] {
  return text
    .replace(/^\ufeff/, "")
    .split("\n")
    .map((pattern, index) => ({ pattern, line: index + 1 }))
    .filter(({ pattern }) => !pattern.startsWith("#"))
    .map(({ pattern, line }) => ({ pattern: pattern.trim(), line }))
    .filter(({ pattern }) => pattern !== "");
}

function parsePattern(
  text: string,
  place: { readonly file: string; readonly line: number },
): Pattern {
  const exception = text.startsWith("!");
  const body = exception ? text.slice(1).trim() : text;
  if (body === "") {
    throw new BuildError("BUILD_CONTEXT", "an exception needs a pattern after the !", { place });
  }
  const clean = cleanPath(body);
  const pattern = clean.length > 1 && clean.startsWith("/") ? clean.slice(1) : clean;
  const test = compilePattern(pattern);
  if (test === null) {
    throw new BuildError("BUILD_CONTEXT", "malformed pattern", {
      place,
      hint: "close every [ with ], and put a backslash only before the character it escapes",
    });
  }
  return { exception, test, prefix: prefixOf(pattern) };
}

/** As fsutil: an exception without wildcards (but a trailing one) matches below one folder only. */
function prefixOf(pattern: string): string | null {
  const folder = pattern.replace(/\/\*\*$/, "").replace(/\/\*$/, "");
  return /[*[\]?^\\]/.test(folder) ? null : folder;
}
