/** One ignore pattern: Go's path cleaning, and the way moby/patternmatcher turns it into a test. */

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

/**
 * Compiles a cleaned pattern. Upstream compares literally where it can, which also keeps thousands
 * of plain patterns fast; so do we.
 *
 * @returns null when Go's `filepath.Match` would call the pattern malformed, or its `regexp` the
 *   expression that upstream makes of it
 */
export function compilePattern(pattern: string): CompiledPattern | null {
  if (!wellFormed(pattern)) return null;
  const { source, kind, broken } = translate(pattern);
  if (broken) return null;
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
  const head = /^[^*?[\]\\^]*/.exec(pattern)?.[0] ?? "";
  // the slash of a final `**/name` may stand for no folder at all
  const end = /^(?:\\[^]|[^\\])*?([^*?[\]\\^]*)$/.exec(pattern)?.[1] ?? "";
  const tail = end.replace(/^\//, "");
  try {
    const expression = new RegExp(`^${source}$`, "u");
    return (path) => path.startsWith(head) && path.endsWith(tail) && expression.test(path);
  } catch {
    return null;
  }
}

/** State of the translation, character by character. */
interface Translation {
  readonly characters: readonly string[];
  at: number;
  source: string;
  kind: Kind;
  inClass: boolean;
  /** An escape that Go's `regexp` does not know. */
  broken: boolean;
}

function translate(pattern: string): Translation {
  // by code points: `?` matches one character, also one outside of the basic plane
  const t: Translation = {
    characters: Array.from(pattern),
    at: 0,
    source: "",
    kind: "exact",
    inClass: false,
    broken: false,
  };
  while (t.at < t.characters.length) {
    const first = t.at === 0;
    const character = t.characters[t.at] ?? "";
    t.at += 1;
    if (character === "*" && !t.inClass) star(t, first);
    else other(t, character);
  }
  return t;
}

function star(t: Translation, first: boolean): void {
  if (t.characters[t.at] !== "*") {
    t.source += "[^/]*";
    t.kind = "expression";
    return;
  }
  t.at += 1;
  // `**/` is `**`: it matches any number of folders, also none
  if (t.characters[t.at] === "/") t.at += 1;
  if (t.at < t.characters.length) {
    t.source += "(?:[^\\n]*/)?";
    t.kind = first ? "suffix" : "expression";
  } else if (t.kind === "exact") {
    t.kind = first ? "suffix" : "prefix";
  } else {
    t.source += "[^\\n]*";
    t.kind = "expression";
  }
}

function other(t: Translation, character: string): void {
  if (character === "?" && !t.inClass) {
    t.source += "[^/]";
    t.kind = "expression";
  } else if (character === "\\") {
    escape(t, t.characters[t.at] ?? "");
  } else if (character === "[" || character === "]") {
    bracket(t, character);
  } else {
    t.source += plain(character, t.inClass);
  }
}

/**
 * Upstream hands an escape on to Go's `regexp`, where letters mean something else than themselves:
 * `\d` is a digit, and `\q` an error. Only escapes with an argument (`\x41`, `\pL`) are errors here
 * and not there.
 */
function escape(t: Translation, escaped: string): void {
  t.at += 1;
  t.kind = "expression";
  const meaning = ESCAPES.get(escaped) ?? (t.inClass ? undefined : ANCHORS.get(escaped));
  if (meaning !== undefined) {
    t.source += t.inClass ? meaning.inClass : meaning.outside;
  } else if (/^[!-/:-@[-`{-~ ]$/.test(escaped)) {
    t.source += literal(escaped, t.inClass);
  } else {
    t.broken = true;
  }
}

interface Meaning {
  readonly outside: string;
  readonly inClass: string;
}

const same = (text: string): Meaning => ({ outside: text, inClass: text });

/** Go's own sets, which are ASCII: `\s` of JavaScript has more. */
const ESCAPES: ReadonlyMap<string, Meaning> = new Map([
  ...["d", "D", "w", "W", "f", "n", "r", "t", "v"].map((letter): [string, Meaning] => [
    letter,
    same(`\\${letter}`),
  ]),
  ["a", same("\\x07")],
  ["s", { outside: "[\\t\\n\\f\\r ]", inClass: "\\t\\n\\f\\r " }],
  ["S", { outside: "[^\\t\\n\\f\\r ]", inClass: "\\S" }],
]);

/** What stands for a place, not a character. */
const ANCHORS: ReadonlyMap<string, Meaning> = new Map([
  ["b", same("\\b")],
  ["B", same("\\B")],
  ["A", same("^")],
  ["z", same("$")],
]);

/** In a class, `-` and `^` keep their meaning. Upstream leaves `^` alone elsewhere too. */
function plain(character: string, inClass: boolean): string {
  const kept = character === "^" || (inClass && character === "-");
  return kept ? character : literal(character, inClass);
}

function bracket(t: Translation, character: "[" | "]"): void {
  t.kind = "expression";
  if (character === "[" && t.inClass && namedSet(t)) return;
  if (character === "[" && !t.inClass) {
    t.source += "[";
    t.inClass = true;
  } else if (character === "]" && t.inClass) {
    t.source += "]";
    t.inClass = false;
  } else {
    t.source += `\\${character}`;
  }
}

/** Takes `:alpha:]` after a `[` in a class. @returns false when there is no such thing */
function namedSet(t: Translation): boolean {
  const ahead = t.characters.slice(t.at, t.at + 12).join("");
  const found = /^:(\^?[a-z]+):\]/.exec(ahead);
  if (found === null) return false;
  const characters = ASCII_SETS[found[1] ?? ""];
  t.broken ||= characters === undefined;
  t.source += characters ?? "";
  t.at += found[0].length;
  return true;
}

/** `[[:alpha:]]`: no part of ignore files by their documentation, but of Go's `regexp`. */
const ASCII_SETS: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

/** A character without its meaning in a regular expression with the `u` flag. */
function literal(character: string, inClass: boolean): string {
  const special = inClass ? /[\\\]^-]/ : /[\\^$.*+?()[\]{}|/]/;
  return special.test(character) ? `\\${character}` : character;
}

/** The syntax check of Go's `filepath.Match`: classes closed and not empty, no final backslash. */
function wellFormed(pattern: string): boolean {
  const range = String.raw`(?:\\[^]|[^\]\\-])(?:-(?:\\[^]|[^\]\\-]))?`;
  const whole = new RegExp(String.raw`^(?:\[\^?(?:${range})+\]|\\[^]|[^[\\])*$`, "u");
  return whole.test(pattern);
}
