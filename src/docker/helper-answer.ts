/**
 * Reads what a credential helper prints, on bytes: JSON.parse would leave the password in a string,
 * which can't be wiped. Pure.
 */

/** The two members of the answer that count. */
export interface HelperAnswer {
  readonly username: string;
  /** The caller wipes it. */
  readonly secret: Buffer;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const LETTER_U = 0x75;
const SHORT = new Map(
  Array.from('"\\/bfnrt', (letter, at) => [letter, '"\\/\b\f\n\r\t'.charAt(at)]),
);

/** @returns null for what is no object with a `Username` and a `Secret` */
export function readHelperAnswer(json: Buffer): HelperAnswer | null {
  const length = objectLength(json);
  let username: Buffer | null = null;
  let secret: Buffer | null = null;
  for (const { key, start, end } of textMembers(json.subarray(0, length))) {
    const value =
      key === "Username" || key === "Secret" ? unescaped(json.subarray(start, end)) : null;
    if (key === "Username") username = value;
    if (key === "Secret") secret = value;
  }
  if (username !== null && secret !== null) return { username: username.toString("utf8"), secret };
  secret?.fill(0);
  return null;
}

/**
 * The length of the object that the text begins with, 0 when that is none. What follows is not looked
 * at, as docker doesn't.
 */
function objectLength(json: Buffer): number {
  let skeleton = "";
  let depth = 0;
  for (const { text, end } of pieces(json)) {
    skeleton += text;
    if (text === "{" || text === "[") depth += 1;
    if (text === "}" || text === "]") depth -= 1;
    if (depth === 0) return isObject(skeleton) ? end : 0;
  }
  return 0;
}

/** JSON piece by piece, with nothing in its strings: what is left may be a string itself. */
function* pieces(json: Buffer): Generator<{ readonly text: string; readonly end: number }> {
  for (let at = skipBlanks(json, 0); at < json.length;) {
    const isString = json[at] === QUOTE;
    const string = isString ? nextString(json, at) : null;
    if (isString && string === null) return;
    const text = isString ? '""' : String.fromCharCode(json[at] ?? 0);
    at = string === null ? at + 1 : string.end + 1;
    yield { text, end: at };
  }
}

function isObject(text: string): boolean {
  try {
    return text.startsWith("{") && typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

interface TextMember {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/** The members of a flat object whose values are strings; helpers print nothing else. */
function* textMembers(json: Buffer): Generator<TextMember> {
  for (let at = 0; at < json.length;) {
    const key = nextString(json, at);
    if (key === null) return;
    at = key.end + 1;
    const isKey = json[skipBlanks(json, at)] === COLON;
    const value = isKey ? skipBlanks(json, skipBlanks(json, at) + 1) : at;
    if (!isKey || json[value] !== QUOTE) continue;
    const text = nextString(json, value);
    if (text === null) return;
    yield { key: json.toString("utf8", key.start, key.end), ...text };
    at = text.end + 1;
  }
}

/** The next string from `at` on, as offsets without its quotes. */
function nextString(
  json: Buffer,
  at: number,
): { readonly start: number; readonly end: number } | null {
  const quote = json.indexOf(QUOTE, at);
  if (quote < 0) return null;
  for (let end = quote + 1; end < json.length; end += 1) {
    if (json[end] === BACKSLASH) end += 1;
    else if (json[end] === QUOTE) return { start: quote + 1, end };
  }
  return null;
}

function skipBlanks(json: Buffer, start: number): number {
  let at = start;
  while (" \t\r\n".includes(String.fromCharCode(json[at] ?? 0))) at += 1;
  return at;
}

/** Undoes escapes, in memory of its own; null for an escape that does not exist. */
function unescaped(text: Buffer): Buffer | null {
  const bytes = Buffer.alloc(text.length);
  let length = 0;
  for (let at = 0; at < text.length;) {
    if (text[at] !== BACKSLASH) {
      bytes.writeUInt8(text[at] ?? 0, length);
      length += 1;
      at += 1;
      continue;
    }
    const escape = readEscape(text, at);
    if (escape === null) {
      bytes.fill(0);
      return null;
    }
    // an escape is longer than what it stands for, so there is always room
    length += bytes.write(escape.character, length, "utf8");
    at = escape.end;
  }
  return bytes.subarray(0, length);
}

function readEscape(
  text: Buffer,
  at: number,
): { readonly character: string; readonly end: number } | null {
  if (text[at + 1] !== LETTER_U) {
    const character = SHORT.get(String.fromCharCode(text[at + 1] ?? 0));
    return character === undefined ? null : { character, end: at + 2 };
  }
  // two at once, where a character beyond 16 bits needs them
  const match =
    /^(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4})/.exec(
      text.toString("latin1", at, at + 12),
    );
  if (match === null) return null;
  const units = match[0].split("\\u").slice(1);
  const character = String.fromCharCode(...units.map((unit) => Number.parseInt(unit, 16)));
  return { character, end: at + match[0].length };
}
