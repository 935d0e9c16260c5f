/** Go's regular expressions, as far as a pattern of an ignore file can become one. */

/**
 * Makes JavaScript's expression of Go's. A few escapes that Go knows (`\pL`, `\x41`, `\Q`) are none
 * here.
 *
 * @param source - as for Go's `regexp.Compile`; groups are without names and flags
 * @returns null for an expression that Go refuses
 * @see https://pkg.go.dev/regexp/syntax
 */
export function goRegExp(source: string): RegExp | null {
  const reader: Reader = { characters: Array.from(source), at: 0, made: "" };
  try {
    while (reader.at < reader.characters.length) reader.made += next(reader);
    return new RegExp(reader.made, "u");
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

interface Reader {
  /** Code points: `.` and `[^a]` take one of them, whatever JavaScript calls a character. */
  readonly characters: readonly string[];
  at: number;
  /** JavaScript's expression so far. */
  made: string;
}

/** What means to JavaScript what it means to Go. */
const SAME: ReadonlySet<string> = new Set(["*", "?", "|", "(", ")", "$"]);

function next(reader: Reader): string {
  const character = reader.characters[reader.at] ?? "";
  reader.at += 1;
  switch (character) {
    case "\\":
      return escape(reader, OUTSIDE);
    case "[":
      return characterClass(reader);
    case "{":
      return brace(reader);
    case "^":
      return "(?:^)"; // repeated, it must be a group
    case ".":
      return "[^\\n]";
    default:
      return SAME.has(character) ? character : literal(character);
  }
}

/** `{2}` and `{2,3}` repeat what stands before; any other brace is one. */
function brace(reader: Reader): string {
  const ahead = reader.characters.slice(reader.at, reader.at + 12).join("");
  const found = /^(0|[1-9]\d*)(?:,(0|[1-9]\d*)?)?\}/.exec(ahead);
  if (found === null) return "\\{";
  const [whole, least, most = "0"] = found;
  // Go's limit; a repetition of nothing, or of a repetition
  if (Math.max(Number(least), Number(most)) > 1_000) throw new SyntaxError("repeats too often");
  if (/(?<!\\)(?:\\\\)*[*?|}(]$/.test(reader.made)) throw new SyntaxError("nothing to repeat");
  reader.at += whole.length;
  return `{${whole}`;
}

/** What is between `[` and `]`; a `]` right behind the start is one of its characters. */
function characterClass(reader: Reader): string {
  let made = "[";
  if (reader.characters[reader.at] === "^") made += reader.characters[reader.at++];
  for (let first = true; ; first = false) {
    const character = reader.characters[reader.at];
    if (character === undefined) throw new SyntaxError("a class without an end");
    if (character === "]" && !first) break;
    made += namedSet(reader) ?? range(reader);
  }
  reader.at += 1;
  return `${made}]`;
}

/** One character, or two with a `-` between. */
function range(reader: Reader): string {
  const from = classCharacter(reader);
  const [dash, to] = reader.characters.slice(reader.at, reader.at + 2);
  if (from.length > 2 || dash !== "-" || to === "]" || to === undefined) return from;
  reader.at += 1;
  return `${from}-${classCharacter(reader)}`;
}

function classCharacter(reader: Reader): string {
  const character = reader.characters[reader.at] ?? "";
  reader.at += 1;
  return character === "\\" ? escape(reader, INSIDE) : literal(character);
}

/** `[:alpha:]`: no part of ignore files by their documentation, but of Go's `regexp`. */
function namedSet(reader: Reader): string | null {
  const ahead = reader.characters.slice(reader.at).join("");
  const [whole = "", name = ""] = /^\[:([^]*?):\]/.exec(ahead) ?? [];
  if (whole === "") return null;
  const characters = ASCII_SETS.get(name);
  if (characters === undefined) throw new SyntaxError("no such set");
  reader.at += whole.length;
  return characters;
}

/** The sets are ASCII; JavaScript's own `\s` has more. */
const SPACE = "\\t\\n\\f\\r ";
const NO_SPACE = "\\x00-\\x08\\x0b\\x0e-\\x1f!-\\u{10ffff}";
const INSIDE: ReadonlyMap<string, string> = new Map([
  ...["d", "D", "w", "W", "f", "n", "r", "t", "v"].map(
    (letter) => [letter, `\\${letter}`] as const,
  ),
  ["a", "\\x07"],
  ["s", SPACE],
  ["S", NO_SPACE],
]);
/** Beside characters, what stands for a place. */
const OUTSIDE: ReadonlyMap<string, string> = new Map([
  ...INSIDE,
  ["s", `[${SPACE}]`],
  ["S", `[${NO_SPACE}]`],
  ["b", "(?:\\b)"],
  ["B", "(?:\\B)"],
  ["A", "(?:^)"],
  ["z", "(?:$)"],
]);

/** Signs stand for themselves, letters for something else: `\d` is a digit, and `\q` an error. */
function escape(reader: Reader, meanings: ReadonlyMap<string, string>): string {
  const escaped = reader.characters[reader.at] ?? "";
  reader.at += 1;
  const meaning = meanings.get(escaped);
  if (meaning !== undefined) return meaning;
  if (!/^[\0- !-/:-@[-`{-\x7f]$/.test(escaped)) throw new SyntaxError("no such escape");
  return literal(escaped);
}

/** A character that means itself to JavaScript, in a class and outside. */
function literal(character: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(character)
    ? `\\x${character.charCodeAt(0).toString(16)}`
    : character;
}

const ASCII_SETS: ReadonlyMap<string, string> = new Map([
  ["alnum", "0-9A-Za-z"],
  ["alpha", "A-Za-z"],
  ["ascii", "\\x00-\\x7f"],
  ["blank", "\\t "],
  ["cntrl", "\\x00-\\x1f\\x7f"],
  ["digit", "0-9"],
  ["graph", "!-~"],
  ["lower", "a-z"],
  ["print", " -~"],
  ["punct", "!-\\/:-@\\[-`{-~"],
  ["space", "\\t\\n\\v\\f\\r "],
  ["upper", "A-Z"],
  ["word", "0-9A-Za-z_"],
  ["xdigit", "0-9A-Fa-f"],
  ["^alnum", "\\x00-/:-@\\[-`{-\\u{10ffff}"],
  ["^alpha", "\\x00-@\\[-`{-\\u{10ffff}"],
  ["^ascii", "\\x80-\\u{10ffff}"],
  ["^blank", "\\x00-\\x08\\n-\\x1f!-\\u{10ffff}"],
  ["^cntrl", " -~\\x80-\\u{10ffff}"],
  ["^digit", "\\D"],
  ["^graph", "\\x00- \\x7f-\\u{10ffff}"],
  ["^lower", "\\x00-`{-\\u{10ffff}"],
  ["^print", "\\x00-\\x1f\\x7f-\\u{10ffff}"],
  ["^punct", "\\x00- 0-9A-Za-z\\x7f-\\u{10ffff}"],
  ["^space", "\\x00-\\x08\\x0e-\\x1f!-\\u{10ffff}"],
  ["^upper", "\\x00-@\\[-\\u{10ffff}"],
  ["^word", "\\W"],
  ["^xdigit", "\\x00-/:-@G-`g-\\u{10ffff}"],
]);
