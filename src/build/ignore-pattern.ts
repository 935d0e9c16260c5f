/** One ignore pattern: Go's path cleaning, and the way moby/patternmatcher turns it into a test. */

/** True when a clean relative path matches. */
export type PathTest = (path: string) => boolean;

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
 * @returns null when Go's `filepath.Match` would call the pattern malformed
 */
export function compilePattern(pattern: string): PathTest | null {
  if (!wellFormed(pattern)) return null;
  const { source, kind } = translate(pattern);
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
  const tail = (/[^*?[\]\\^]*$/.exec(pattern)?.[0] ?? "").replace(/^\//, "");
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
}

function translate(pattern: string): { readonly source: string; readonly kind: Kind } {
  // by code points: `?` matches one character, also one outside of the basic plane
  const t: Translation = {
    characters: Array.from(pattern),
    at: 0,
    source: "",
    kind: "exact",
    inClass: false,
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
    const escaped = t.characters[t.at] ?? "";
    t.at += 1;
    t.source += literal(escaped, t.inClass);
    t.kind = "expression";
  } else if (character === "[" || character === "]") {
    bracket(t, character);
  } else {
    t.source += plain(character, t.inClass);
  }
}

/** In a class, `-` and `^` keep their meaning. Upstream leaves `^` alone elsewhere too. */
function plain(character: string, inClass: boolean): string {
  const kept = character === "^" || (inClass && character === "-");
  return kept ? character : literal(character, inClass);
}

function bracket(t: Translation, character: "[" | "]"): void {
  t.kind = "expression";
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
