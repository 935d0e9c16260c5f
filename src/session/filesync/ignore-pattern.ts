/** One ignore pattern: Go's path cleaning, and the way moby/patternmatcher turns it into a test. */
import { goRegExp } from "./go-regexp.ts";

/** True when a clean relative path matches. */
export type PathTest = (path: string) => boolean;

/** A pattern, ready to match. */
export interface CompiledPattern {
  /** It matches the path that reads as it does, and no other. */
  readonly exact: boolean;
  readonly test: PathTest;
}

/** Go's `filepath.Clean` with `/`: no `.`, no `..` that can be resolved, no doubled or final slash. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!rooted) kept.push(part);
  }
  const joined = kept.join("/");
  if (rooted) return `/${joined}`;
  return joined === "" ? "." : joined;
}

/** Go's `strings.TrimSpace`: `trim()` would take U+FEFF, and leave U+0085. */
export function trimSpace(text: string): string {
  return text.replace(OUTER_SPACE, "");
}

const SPACES = String.raw`[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+`;
const OUTER_SPACE = new RegExp(`^${SPACES}|${SPACES}$`, "g");

/**
 * Compiles a cleaned pattern. Upstream compares literally where it can, which also keeps thousands
 * of plain patterns fast; so do we.
 *
 * @returns null when Go's `filepath.Match` would call the pattern malformed, or its `regexp` the
 *   expression that upstream makes of it
 */
export function compilePattern(pattern: string): CompiledPattern | null {
  if (!wellFormed(pattern)) return null;
  const { source, kind } = translate(pattern);
  const test = testFor(kind, pattern, source);
  return test === null ? null : { exact: kind === "exact", test };
}

function testFor(kind: Kind, pattern: string, source: string): PathTest | null {
  if (kind === "exact") return (path) => path === pattern;
  if (kind === "expression") return testOf(source, pattern);
  if (kind === "prefix") {
    const prefix = pattern.slice(0, -2);
    return (path) => path.startsWith(prefix);
  }
  const suffix = pattern.slice(2);
  // `**/name` matches `name` on the top level too
  return (path) => path.endsWith(suffix) || (suffix.startsWith("/") && path === suffix.slice(1));
}

type Kind = "exact" | "prefix" | "suffix" | "expression";

/**
 * Most paths differ from a pattern in its plain start or end already; asking for those first makes
 * thousands of patterns about ten times as fast.
 */
function testOf(source: string, pattern: string): PathTest | null {
  const expression = goRegExp(`^${source}$`);
  if (expression === null) return null;
  // either of two, a repetition, an end that is none
  if (/[|{]|\\$/.test(pattern)) return (path) => expression.test(path);
  const head = /^[^*?[\]\\^]*/.exec(pattern)?.[0] ?? "";
  const end = /^(?:\\[^]|[^\\])*?([^*?[\]\\^]*)$/.exec(pattern)?.[1] ?? "";
  // the slash of a final `**/name` may stand for no folder at all
  const tail = end.replace(/^\//, "");
  return (path) => path.startsWith(head) && path.endsWith(tail) && expression.test(path);
}

interface Translation {
  /** For Go's `regexp`, without `^` and `$`. */
  readonly source: string;
  readonly kind: Kind;
}

/**
 * Upstream's way, to the letter: it knows no classes, so that a star in one is a star; what is
 * escaped stays so, and means to `regexp` what it may; and of the signs that it wants to escape it
 * misses `|`, `{` and `}`, as its set of them ends at 64.
 */
function translate(pattern: string): Translation {
  let kind: Kind = "exact";
  // its scanner takes a byte order mark for none of the characters
  const source = pattern.replace(/^\ufeff/, "").replace(TOKEN, (token, ...more) => {
    const [many, last, at] = more as [string | undefined, string | undefined, number];
    const isStart = many !== undefined && at === 0;
    if (isStart) kind = "suffix";
    else if (last !== undefined && kind === "exact") kind = "prefix";
    else if (SPECIAL.test(token)) kind = "expression";
    if (many !== undefined) return last === undefined ? "(.*/)?" : ".*";
    return REPLACED.get(token) ?? token;
  });
  return { source, kind };
}

/** `**` with its slash, and whether it is the end; what is escaped; any other sign that matters. */
const TOKEN = /(\*\*\/?)(?:($)|)|\\[^]|[*?[\].+()$]/gu;
const SPECIAL = /^(?:[*?[\]]|\\)/;
const REPLACED: ReadonlyMap<string, string> = new Map([
  ["*", "[^/]*"],
  ["?", "[^/]"],
  ...[".", "+", "(", ")", "$"].map((sign) => [sign, `\\${sign}`] as const),
]);

/**
 * Upstream's check of the syntax: Go's `filepath.Match` with the name `.`, which looks at the part in
 * front of the second star only when the part in front of the first matches. What it does not look
 * at is left to `regexp`, which takes more: `a*[b-]` is good, `*[b-]` is not.
 */
function wellFormed(pattern: string): boolean {
  const [first = "", second = ""] = Array.from(pattern.matchAll(PART), ([, part = ""]) => part);
  return SOUND.test(first) && (!matchesDot(first) || SOUND.test(second));
}

/** Stars, and what follows up to the next star outside of a class. */
const PART = /\**((?:\\[^]?|\[(?:\\[^]?|[^\]\\])*\]?|[^*\\[])*)/gu;

const RANGE = String.raw`(?:\\[^]|[^\]\\-])(?:-(?:\\[^]|[^\]\\-]))?`;
/** Classes closed and not empty, no final backslash. */
const SOUND = new RegExp(String.raw`^(?:\[(?:\^|(?!\^))(?:${RANGE})+\]|\\[^]|[^[\\])*$`, "u");

function matchesDot(part: string): boolean {
  const isClass = /^\[(?:\\[^]|[^\]\\])*\]$/u.test(part);
  return isClass ? goRegExp(`^${part}$`)?.test(".") === true : [".", "?", "\\."].includes(part);
}
