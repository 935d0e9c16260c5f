import type { TomlMember, TomlNode } from "./tree.ts";

/**
 * The fast lane for the lines that sealmount itself writes: `NAME = "…"` and
 * `NAME = { encrypted = "…", … }`, with bare keys and strings without escapes.
 *
 * A cold TOML parser costs about 0.06 ms for each such line, and there are two parsers: 1,000
 * secrets would cost more than three starts of Node. So these lines, in which no TOML reader can
 * differ, are taken out here and only the rest goes through the parsers (read-toml.ts, which also
 * makes sure that none of them stood inside a longer construct).
 */
export interface SimpleLine {
  readonly line: number;
  readonly name: string;
  readonly member: TomlMember;
}

export interface SplitText {
  /** The lines that are left, joined by LF. */
  readonly rest: string;
  /** Line n (from 1) of {@link rest} is line `restLines[n - 1]` of the file. */
  readonly restLines: readonly number[];
  /** In file order. */
  readonly simple: readonly SimpleLine[];
}

// characters of a basic string that stand for themselves (TOML 1.0 `basic-unescaped`)
const PLAIN_STRING = String.raw`"([^"\\\u0000-\u0008\u000a-\u001f\u007f]*)"`;
const BARE_KEY = "([A-Za-z0-9_-]+)";
const ATTRIBUTE = String.raw`${BARE_KEY}[ \t]*=[ \t]*${PLAIN_STRING}[ \t]*`;

const LINE = new RegExp(
  String.raw`^([ \t]*)${BARE_KEY}[ \t]*=[ \t]*` +
    String.raw`(?:${PLAIN_STRING}|\{[ \t]*(?=[A-Za-z0-9_-]))`,
);
const ATTRIBUTES = new RegExp(ATTRIBUTE, "y");
// built from a text: a literal with control characters in it looks like a mistake
const LINE_END = new RegExp(String.raw`[ \t]*(?:#[^\u0000-\u0008\u000a-\u001f\u007f]*)?$`, "y");
const COMMA = /,[ \t]*/y;

/** Takes the simple lines out of a text whose line ends are LF. */
export function splitSimpleLines(text: string): SplitText {
  const rest: string[] = [];
  const restLines: number[] = [];
  const simple: SimpleLine[] = [];
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    const found = readSimpleLine(line, number);
    if (found) simple.push(found);
    else {
      rest.push(line);
      restLines.push(number);
    }
  }
  return { rest: rest.join("\n"), restLines, simple };
}

function readSimpleLine(line: string, number: number): SimpleLine | null {
  const match = LINE.exec(line);
  if (!match) return null;
  const [matched, indent = "", name = "", text] = match;
  const column = indent.length + 1;
  const value: Value | null =
    text === undefined
      ? readAttributes(line, matched.length, number)
      : { node: { kind: "string", text }, end: matched.length };
  // such a name must reach the check in read-toml.ts
  if (value === null || name === "__proto__" || !endsAt(line, value.end)) return null;
  return { line: number, name, member: { at: { line: number, column }, node: value.node } };
}

interface Value {
  readonly node: TomlNode;
  /** Offset behind it. */
  readonly end: number;
}

/** Reads `NAME = "…", …}` behind the opening brace; null when anything else is in it. */
function readAttributes(line: string, from: number, number: number): Value | null {
  const members = new Map<string, TomlMember>();
  let offset: number | null = from;
  while (offset !== null) {
    ATTRIBUTES.lastIndex = offset;
    const match = ATTRIBUTES.exec(line);
    if (!match) return null;
    const [matched, name = "", text = ""] = match;
    if (members.has(name) || name === "__proto__") return null;
    members.set(name, { at: { line: number, column: offset + 1 }, node: { kind: "string", text } });
    const end = offset + matched.length;
    if (line[end] === "}") return { node: { kind: "table", members }, end: end + 1 };
    offset = behindComma(line, end);
  }
  return null;
}

function behindComma(line: string, offset: number): number | null {
  COMMA.lastIndex = offset;
  return COMMA.test(line) ? COMMA.lastIndex : null;
}

function endsAt(line: string, offset: number): boolean {
  LINE_END.lastIndex = offset;
  return LINE_END.test(line);
}
