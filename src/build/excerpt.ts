/**
 * The lines of a Dockerfile around a fault, as BuildKit tells them and as docker shows them. Pure.
 */
import { bytesOf, numberOf, readFields, textOf, WireError } from "../session/protobuf.ts";

/** Lines of a file, from 1; both ends belong to it. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
}

/** A file, and which of its lines are meant. */
export interface SourceText {
  /** As the engine names it. */
  readonly file: string;
  readonly text: string;
  readonly lines: readonly LineRange[];
}

/** One detail of an RPC error, `google.protobuf.Any`. */
export interface ErrorDetail {
  readonly typeUrl: string;
  readonly value: Buffer;
}

/** Name of BuildKit's typed error; engines send it as JSON and add `+json` (26.1, 28.5: measured). */
const SOURCE_TYPE = "errdefs.Source";
const JSON_SUFFIX = "+json";
const RULE = "-".repeat(20);
const HIDDEN = "***";

/**
 * Where the engine says that a build failed: the typed errors `errdefs.Source`, which Solve attaches
 * from Engine 23 on. Details of other types, and damaged ones, are passed over: they only explain an
 * error that is reported anyway. The text is not masked yet.
 */
export function decodeSourceInfo(details: readonly ErrorDetail[]): SourceText[] {
  return details.flatMap(({ typeUrl, value }) => {
    const isJson = typeUrl.endsWith(JSON_SUFFIX);
    const name = isJson ? typeUrl.slice(0, -JSON_SUFFIX.length) : typeUrl;
    if (!name.endsWith(SOURCE_TYPE)) return [];
    const source = isJson ? sourceFromJson(value) : sourceFromProto(value);
    return source === null || source.lines.length === 0 ? [] : [source];
  });
}

/**
 * Reads a file (pb.SourceInfo) and its ranges (pb.Range); an empty or absent file name is
 * `Dockerfile`.
 */
export function sourceOf(info: Buffer, ranges: readonly Buffer[]): SourceText {
  let file = "";
  let text = "";
  for (const { number, value } of readFields(info)) {
    if (number === 1) file = textOf(value);
    if (number === 2) text = textOf(value);
  }
  return { file: file === "" ? "Dockerfile" : file, text, lines: ranges.flatMap(rangeOf) };
}

/**
 * Makes a source safe to show: masks it as a whole, since a secret may have several lines, and keeps
 * its line numbers.
 *
 * Lines that the mask has joined or that a secret spans show as stars. So do values that are given
 * to a name which says that they are secret: the mask knows only declared ones, and a literal in
 * `ENV` is what BuildKit's check warns of.
 */
export function safeSource(source: SourceText, clean: (text: string) => string): SourceText {
  const before = linesOf(source.text);
  const after = linesOf(clean(source.text));
  const lines = before.length === after.length ? after : alignLines(before, after);
  return { ...source, text: lines.map(hideAssigned).join("\n") };
}

/**
 * The excerpt with its file and line on top and `>>>` before each line that is meant.
 *
 * @returns lines without line ends; none when no line of the file is meant
 */
export function excerptLines({ file, text, lines: ranges }: SourceText): string[] {
  const lines = linesOf(text);
  const first = Math.min(...ranges.map(({ from }) => from));
  const last = Math.min(lines.length, Math.max(...ranges.map(({ to }) => to)));
  if (!(first >= 1 && first <= lines.length)) return [];
  const { from, to } = padded(first, last, lines.length);
  const shown = lines.slice(from - 1, to).map((line, index) => {
    const number = from + index;
    const mark = ranges.some((range) => range.from <= number && number <= range.to) ? ">>>" : "   ";
    return ` ${String(number).padStart(3)} | ${mark} ${line}`;
  });
  return [`${file}:${first}`, RULE, ...shown, RULE];
}

/** Lines around the fault, as docker adds them: about four for a single line, two for a longer one. */
function padded(first: number, last: number, end: number): LineRange {
  const wanted = first === last ? 4 : 2;
  let [from, to, added] = [first, last, 0];
  // counts every round too, so that a short file ends it
  while (added < wanted) {
    if (from > 1) [from, added] = [from - 1, added + 1];
    if (to < end) [to, added] = [to + 1, added + 1];
    added += 1;
  }
  return { from, to };
}

function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.replace(/\r$/, ""));
}

/** Where the mask changed the number of lines: what is the same at both ends stays, the rest hides. */
function alignLines(before: readonly string[], after: readonly string[]): string[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  return before.map((line, at) => (at < head || at >= before.length - tail ? line : HIDDEN));
}

/** Names whose literal value BuildKit's check `SecretsUsedInArgOrEnv` warns of, or nearly so. */
const SECRET_NAME =
  /(?:^|_)(?:api_?key|auth|credentials?|key|password|passwd|passphrase|pword|secret|token)(?:_|$)/i;
const ASSIGNED = /\b([A-Za-z_]\w*)=("(?:\\.|[^"\\])*"?|'[^']*'?|[^\s"']+)/g;
const LEGACY = /^(\s*ENV\s+)([A-Za-z_]\w*)(\s+)(?!\S+=)\S.*$/i;

function hideAssigned(line: string): string {
  const hide = (all: string, name: string, value: string): string =>
    // a reference is no value
    SECRET_NAME.test(name) && !/^["']?[$`]/.test(value) ? `${name}=${HIDDEN}` : all;
  const legacy = LEGACY.exec(line);
  if (legacy !== null && SECRET_NAME.test(legacy[2] ?? ""))
    return `${legacy[1]}${legacy[2]}${legacy[3]}${HIDDEN}`;
  return line.replace(ASSIGNED, hide);
}

/** pb.Range{start=1: Position{line=1}, end=2}; the end may be absent or lie before the start. */
function rangeOf(range: Buffer): LineRange[] {
  let [from, to] = [0, 0];
  for (const { number, value } of readFields(range)) {
    if (number === 1) from = lineOf(bytesOf(value));
    if (number === 2) to = lineOf(bytesOf(value));
  }
  return toRange(from, to);
}

function lineOf(position: Buffer): number {
  for (const { number, value } of readFields(position)) if (number === 1) return numberOf(value);
  return 0;
}

function toRange(from: number, to: number): LineRange[] {
  return from >= 1 ? [{ from, to: Math.max(from, to) }] : [];
}

/** errdefs.Source{info=1, ranges=2}. */
function sourceFromProto(value: Buffer): SourceText | null {
  try {
    let info = Buffer.alloc(0);
    const ranges: Buffer[] = [];
    for (const field of readFields(value)) {
      if (field.number === 1) info = Buffer.from(bytesOf(field.value));
      if (field.number === 2) ranges.push(bytesOf(field.value));
    }
    return sourceOf(info, ranges);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** The same in JSON: names in lower case, bytes in base64, defaults left out. */
function sourceFromJson(value: Buffer): SourceText | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString("utf8"));
  } catch {
    return null;
  }
  const info = member(parsed, "info");
  const [file, data, ranges] = [
    member(info, "filename"),
    member(info, "data"),
    member(parsed, "ranges"),
  ];
  if (typeof data !== "string" || !Array.isArray(ranges)) return null;
  const lines = ranges.flatMap((range: unknown) => {
    const [from, to] = [lineMember(range, "start"), lineMember(range, "end")];
    return toRange(from, to);
  });
  const name = typeof file === "string" && file !== "" ? file : "Dockerfile";
  return { file: name, text: Buffer.from(data, "base64").toString("utf8"), lines };
}

function lineMember(range: unknown, name: string): number {
  const line = member(member(range, name), "line");
  return typeof line === "number" && Number.isInteger(line) ? line : 0;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
