/**
 * `.dockerignore`: reading, and matching with the semantics of moby/patternmatcher (ordered
 * patterns, `!`, `**`, Go's filepath.Match classes and escapes, inheritance from matched parents).
 *
 * @see https://pkg.go.dev/github.com/moby/patternmatcher
 */
import { BuildError } from "../../errors.ts";
import { cleanPath, trimSpace } from "./ignore-pattern.ts";
import { checkPatterns, PatternError } from "./pattern-matcher.ts";

/** One line of the file that holds a pattern. */
interface Line {
  readonly pattern: string;
  /** Counts from 1. */
  readonly line: number;
}

/** The patterns of one ignore file, each of which can be used. */
export class IgnoreFile {
  /** As the engine gets them: clean, in file order. */
  readonly patterns: readonly string[];

  /**
   * @param file - name for errors
   * @throws {@link BuildError} BUILD_CONTEXT for a malformed pattern, with its line
   */
  constructor(text: string, file: string) {
    const lines = readLines(text);
    this.patterns = lines.map(({ pattern }) => pattern);
    try {
      checkPatterns(this.patterns);
    } catch (error) {
      throw error instanceof PatternError ? refusal(error, lines[error.index], file) : error;
    }
  }
}

/** The file's patterns. A comment has `#` in its very first column; blanks around are dropped. */
function readLines(text: string): Line[] {
  return text
    .replace(/^\ufeff/, "")
    .split("\n")
    .map((pattern, index) => ({ pattern, line: index + 1 }))
    .filter(({ pattern }) => !pattern.startsWith("#"))
    .map(({ pattern, line }) => ({ pattern: normalize(trimSpace(pattern)), line }))
    .filter(({ pattern }) => pattern !== "");
}

/** A pattern is relative to the context, also when it starts with a slash. */
function normalize(text: string): string {
  const exception = text.startsWith("!");
  const body = exception ? trimSpace(text.slice(1)) : text;
  if (body === "") return text;
  const clean = cleanPath(body);
  const pattern = clean.length > 1 && clean.startsWith("/") ? clean.slice(1) : clean;
  return exception ? `!${pattern}` : pattern;
}

function refusal(error: PatternError, at: Line | undefined, file: string): BuildError {
  const place = { file, ...(at !== undefined && { line: at.line }) };
  if (error.problem === "bare-exception") {
    return new BuildError("BUILD_CONTEXT", "an exception needs a pattern after the !", { place });
  }
  return new BuildError("BUILD_CONTEXT", "malformed pattern", {
    place,
    hint: "close every [ with ], and put a backslash only before the sign it escapes",
  });
}
