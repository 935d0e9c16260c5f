/**
 * Splits a Dockerfile into instructions, as BuildKit's parser does: directives, continuation lines,
 * comments inside them, here-documents. Pure; knows nothing of what an instruction means.
 */

/** One instruction with its continuation lines joined. */
export interface Instruction {
  /** Upper case: `RUN`, `FROM`, … */
  readonly name: string;
  /** Leading `--flag` words, quotes and escapes undone. */
  readonly flags: readonly string[];
  /** Everything after the flags, continuation lines joined, here-documents left out. */
  readonly rest: string;
  /** First line of the instruction, from 1. */
  readonly line: number;
  /** Line of each flag: a long RUN has its mounts on different lines. */
  readonly flagLines: readonly number[];
}

/** What the comments on top say. */
export interface Directives {
  /** `# syntax=`: another front end, which may understand more than ours knows. */
  readonly syntax?: string;
  /** `# escape=`: the continuation character, backslash unless set to a backtick. */
  readonly escape: "\\" | "`";
}

/** A Dockerfile, split. */
export interface SplitDockerfile {
  readonly directives: Directives;
  readonly instructions: readonly Instruction[];
}

/** A logical line, and for each physical line where it starts in it. */
interface LogicalLine {
  readonly text: string;
  readonly line: number;
  readonly starts: readonly { readonly offset: number; readonly line: number }[];
}

const COMMENT = /^\s*#/;
const HEREDOC_INSTRUCTIONS = new Set(["RUN", "COPY", "ADD"]);

/** Never throws: what BuildKit would refuse is left for BuildKit to refuse, with its own excerpt. */
export function splitDockerfile(text: string): SplitDockerfile {
  const lines = text
    .replace(/^\ufeff/, "")
    .split("\n")
    .map((line) => line.replace(/\r$/, ""));
  const directives = readDirectives(lines);
  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length;) {
    const { logical, next } = readLogicalLine(lines, at, directives.escape);
    at = next;
    if (logical === null) continue;
    const instruction = toInstruction(logical);
    instructions.push(instruction);
    at = skipHeredocs(lines, at, heredocsOf(instruction, logical.text));
  }
  return { directives, instructions };
}

/** Directives stand on top, one a line; the first line that is none ends them. */
function readDirectives(lines: readonly string[]): Directives {
  const found = new Map<string, string>();
  for (const line of lines) {
    const match = /^#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/.exec(line);
    if (match === null) break;
    found.set((match[1] ?? "").toLowerCase(), match[2] ?? "");
  }
  const syntax = found.get("syntax");
  return {
    escape: found.get("escape") === "`" ? "`" : "\\",
    ...(syntax !== undefined && { syntax }),
  };
}

/** Joins continuation lines; comment lines and empty lines among them are dropped, as docker does. */
function readLogicalLine(
  lines: readonly string[],
  start: number,
  escape: string,
): { readonly logical: LogicalLine | null; readonly next: number } {
  const first = lines[start] ?? "";
  if (first.trim() === "" || COMMENT.test(first)) return { logical: null, next: start + 1 };
  let piece = cutContinuation(first.trimStart(), escape);
  const starts = [{ offset: 0, line: start + 1 }];
  let { text } = piece;
  let next = start + 1;
  for (; piece.continues && next < lines.length; next += 1) {
    const line = lines[next] ?? "";
    if (COMMENT.test(line) || line.trim() === "") continue;
    piece = cutContinuation(line, escape);
    starts.push({ offset: text.length, line: next + 1 });
    text += piece.text;
  }
  return { logical: { text, line: start + 1, starts }, next };
}

/** A line continues when it ends in one escape character (not two), blanks after it allowed. */
function cutContinuation(
  line: string,
  escape: string,
): { readonly text: string; readonly continues: boolean } {
  const body = line.replace(/[ \t]*$/, "");
  const continues = body.endsWith(escape) && body.at(-2) !== escape;
  return continues ? { text: body.slice(0, -1), continues } : { text: line, continues };
}

function toInstruction(logical: LogicalLine): Instruction {
  const match = /^\S+/.exec(logical.text);
  const word = match?.[0] ?? "";
  const { flags, offsets, end } = readFlags(logical.text, word.length);
  return {
    name: word.toUpperCase(),
    flags,
    rest: logical.text.slice(end).trim(),
    line: logical.line,
    flagLines: offsets.map((offset) => lineAt(logical, offset)),
  };
}

function lineAt(logical: LogicalLine, offset: number): number {
  return logical.starts.findLast((start) => start.offset <= offset)?.line ?? logical.line;
}

/** Reads the `--flag` words at the start of an instruction's arguments. */
export function readFlags(
  text: string,
  start: number,
): { readonly flags: string[]; readonly offsets: number[]; readonly end: number } {
  const flags: string[] = [];
  const offsets: number[] = [];
  let at = start;
  for (;;) {
    while (/\s/.test(text.charAt(at))) at += 1;
    if (!text.startsWith("--", at)) return { flags, offsets, end: at };
    const { word, end } = readWord(text, at);
    // a bare `--` ends the flags
    if (word === "--") return { flags, offsets, end };
    flags.push(word);
    offsets.push(at);
    at = end;
  }
}

/** One word; quotes join, and the backslash escapes whatever the escape directive says. */
function readWord(text: string, start: number): { readonly word: string; readonly end: number } {
  let word = "";
  let quote = "";
  let at = start;
  for (; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === "\\") {
      at += 1;
      word += text.charAt(at);
    } else if (quote !== "") {
      if (character === quote) quote = "";
      else word += character;
    } else if (/\s/.test(character)) break;
    else if (character === '"' || character === "'") quote = character;
    else word += character;
  }
  return { word, end: at };
}

interface Heredoc {
  readonly name: string;
  /** `<<-`: tabs before the end mark are dropped. */
  readonly chomp: boolean;
}

function heredocsOf(instruction: Instruction, text: string): Heredoc[] {
  if (!text.includes("<<")) return [];
  const inner = instruction.name === "ONBUILD" ? /^\S*/.exec(instruction.rest)?.[0] : undefined;
  if (!HEREDOC_INSTRUCTIONS.has((inner ?? instruction.name).toUpperCase())) return [];
  // the JSON form has no shell, so no here-document either
  if (instruction.rest.startsWith("[")) return [];
  return rawWords(instruction.rest).flatMap((word) => {
    const match = /^\d*<<(-?)([^<]+)$/.exec(word);
    if (match === null) return [];
    return [{ name: (match[2] ?? "").replace(/["']/g, ""), chomp: match[1] === "-" }];
  });
}

/** Words with their quotes: a quoted `<<` starts no here-document. */
function rawWords(text: string): string[] {
  return text.match(/(?:"(?:\\.|[^"\\])*"?|'[^']*'?|\\.|[^\s"'\\])+/g) ?? [];
}

function skipHeredocs(
  lines: readonly string[],
  start: number,
  heredocs: readonly Heredoc[],
): number {
  let at = start;
  for (const heredoc of heredocs) {
    const isEnd = (line: string): boolean =>
      (heredoc.chomp ? line.replace(/^\t+/, "") : line) === heredoc.name;
    while (at < lines.length && !isEnd(lines[at] ?? "")) at += 1;
    at += 1;
  }
  return at;
}
