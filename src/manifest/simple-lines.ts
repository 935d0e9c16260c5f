import type { TomlMember, TomlNode } from "./tree-model.ts";

/**
 * The fast lane for rows in which no two TOML readers can differ, above all those that sealmount
 * writes itself: a bare key, and then a string without escapes, `{ encrypted = "…", … }` of such
 * strings, a list of them, a plain decimal number, or a boolean.
 *
 * A cold TOML parser costs about 0.06 ms for each such line, and there are two parsers: 1,000
 * secrets would cost more than three starts of Node. So these lines are taken out here, and only
 * the rest goes through the parsers (read-toml.ts, which also makes sure that none of them stood
 * inside a longer construct); when the rest is nothing but headers and comments, simple-file.ts
 * does not even load them. Tests hold both ways against the library alone.
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
export const PLAIN_STRING = String.raw`"([^"\\\u0000-\u0008\u000a-\u001f\u007f]*)"`;
export const BARE_KEY = "([A-Za-z0-9_-]+)";

const START = new RegExp(String.raw`^([ \t]*)${BARE_KEY}[ \t]*=[ \t]*`);
const STRING = new RegExp(PLAIN_STRING, "y");
// at most 15 digits, so that every reader gives the same number
const WORD = /(true|false)|0|-?[1-9][0-9]{0,14}/y;
const OPENING = /(?:\{|\[)[ \t]*/y;
const ATTRIBUTE = new RegExp(String.raw`${BARE_KEY}[ \t]*=[ \t]*${PLAIN_STRING}[ \t]*`, "y");
const ITEM = new RegExp(String.raw`${PLAIN_STRING}[ \t]*`, "y");
const COMMA = /,[ \t]*/y;
// built from a text: a literal with control characters in it looks like a mistake
const LINE_END = new RegExp(String.raw`[ \t]*(?:#[^\u0000-\u0008\u000a-\u001f\u007f]*)?$`, "y");

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

/** Whether from an offset on a line has nothing but white space and a comment. */
export function endsAt(line: string, offset: number): boolean {
  // nearly every line ends right there
  if (offset === line.length) return true;
  LINE_END.lastIndex = offset;
  return LINE_END.test(line);
}

/** Matches a sticky pattern at an offset. */
export function matchAt(pattern: RegExp, line: string, offset: number): RegExpExecArray | null {
  pattern.lastIndex = offset;
  return pattern.exec(line);
}

function readSimpleLine(line: string, number: number): SimpleLine | null {
  const match = START.exec(line);
  if (!match) return null;
  const [matched, indent = "", name = ""] = match;
  // such a name must reach the check in read-toml.ts
  if (name === "__proto__") return null;
  const value = readValue(line, matched.length, number);
  if (value === null || !endsAt(line, value.end)) return null;
  const at = { line: number, column: indent.length + 1 };
  return { line: number, name, member: { at, node: value.node } };
}

interface Value {
  readonly node: TomlNode;
  /** Offset behind it. */
  readonly end: number;
}

function readValue(line: string, offset: number, number: number): Value | null {
  const string = matchAt(STRING, line, offset);
  if (string) return { node: stringNode(string[1]), end: offset + string[0].length };
  const opening = matchAt(OPENING, line, offset)?.[0];
  if (opening !== undefined) {
    const from = offset + opening.length;
    return opening.startsWith("{") ? readAttributes(line, from, number) : readItems(line, from);
  }
  const word = matchAt(WORD, line, offset);
  if (!word) return null;
  const kind = word[1] === undefined ? "integer" : "boolean";
  return { node: { kind, text: word[0] }, end: offset + word[0].length };
}

function stringNode(value = ""): TomlNode {
  return { kind: "string", text: value };
}

/** Reads `NAME = "…", …}` behind the opening brace; null when anything else is in it. */
function readAttributes(line: string, from: number, number: number): Value | null {
  const members = new Map<string, TomlMember>();
  for (let offset: number | null = from; offset !== null;) {
    const match = matchAt(ATTRIBUTE, line, offset);
    if (!match) return null;
    const [matched, name = "", value] = match;
    if (members.has(name) || name === "__proto__") return null;
    members.set(name, { at: { line: number, column: offset + 1 }, node: stringNode(value) });
    const end = offset + matched.length;
    if (line[end] === "}") return { node: { kind: "table", members }, end: end + 1 };
    offset = behindComma(line, end);
  }
  return null;
}

/** Reads `"…", …]` behind the opening bracket; null when anything else is in it. */
function readItems(line: string, from: number): Value | null {
  const items: TomlNode[] = [];
  for (let offset: number | null = from; offset !== null;) {
    const match = matchAt(ITEM, line, offset);
    if (!match) return null;
    items.push(stringNode(match[1]));
    const end = offset + match[0].length;
    if (line[end] === "]") return { node: { kind: "array", items }, end: end + 1 };
    offset = behindComma(line, end);
  }
  return null;
}

function behindComma(line: string, offset: number): number | null {
  const comma = matchAt(COMMA, line, offset);
  return comma && offset + comma[0].length;
}
