/** Escape tables of JSON, shells and HTML: what the usual encoders write for a byte. */
import { composed, EscapeTable, tableOfCharacters } from "./escape-table.ts";

/**
 * JSON: JSON.stringify; Go, which also escapes what HTML knows; `\/` of PHP and old JavaScript;
 * both; Gson; and .NET, which writes upper case.
 */
export function jsonTables(): EscapeTable[] {
  const go = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };
  const net = { '"': "\\u0022", "+": "\\u002B", "<": "\\u003C", ">": "\\u003E", "`": "\\u0060" };
  return [
    jsonTable({}),
    jsonTable(go),
    jsonTable({ "/": "\\/" }),
    jsonTable({ ...go, "/": "\\/" }),
    jsonTable({ ...go, "=": "\\u003d", "'": "\\u0027" }),
    jsonTable({ ...net, "&": "\\u0026", "'": "\\u0027" }),
  ];
}

/**
 * A JSON text that is a string of another one.
 *
 * @param tables - {@link jsonTables}
 */
export function jsonTwiceTables(tables: readonly EscapeTable[]): EscapeTable[] {
  const outer = outerJsonTables(tables);
  return tables.flatMap((inner) => [...outer, inner].map((table) => composed(inner, table)));
}

/** What writes the outer one of two JSON texts, if not the encoder of the inner one. */
export function outerJsonTables(tables: readonly EscapeTable[]): readonly EscapeTable[] {
  return tables.slice(0, 2);
}

function jsonTable(more: Readonly<Record<string, string>>): EscapeTable {
  return new EscapeTable((byte) => {
    if (byte >= 0x80) return undefined;
    const character = String.fromCharCode(byte);
    return more[character] ?? JSON.stringify(character).slice(1, -1);
  });
}

/** What bash's `printf %q` puts a backslash before; `#` only here and there (measured with 5.2). */
const BASH_SPECIAL = "'\"\\$`!#&*()<>[]{}|;? ^,";
/** What Ruby's Shellwords and the like do not put a backslash before. */
const SHELL_SAFE = /[\w@%+=:,./\n-]/u;

/**
 * Shells: inside of single quotes as bash, and as Python's shlex and dash; of double quotes; with
 * backslashes; and `$'…'` with its octal digits for what is not ASCII, or without.
 */
export function shellTables(): EscapeTable[] {
  return [
    tableOfCharacters({ "'": "'\\''" }),
    tableOfCharacters({ "'": `'"'"'` }),
    new EscapeTable(backslash('"\\$`')),
    new EscapeTable(backslash(BASH_SPECIAL)),
    new EscapeTable(backslash(BASH_SPECIAL.replace("#", ""))),
    new EscapeTable((byte) => {
      const character = String.fromCharCode(byte);
      return byte >= 0x80 || SHELL_SAFE.test(character) ? undefined : `\\${character}`;
    }),
    new EscapeTable((byte) => (byte >= 0x80 ? undefined : ansiC(byte))),
    new EscapeTable(ansiC),
  ];
}

function backslash(special: string): (byte: number) => string | undefined {
  return (byte) => {
    const character = String.fromCharCode(byte);
    return special.includes(character) ? `\\${character}` : undefined;
  };
}

const ANSI_C = "\\a\\b\\t\\n\\v\\f\\r".match(/\\./gu) ?? [];

/** Inside of `$'…'`. */
function ansiC(byte: number): string | undefined {
  if (byte === 0x27 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte >= 0x20 && byte < 0x7f) return undefined;
  if (byte === 0x1b) return "\\E";
  return ANSI_C[byte - 0x07] ?? `\\${byte.toString(8).padStart(3, "0")}`;
}

const MARKUP = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const QUOT = { ...MARKUP, '"': "&quot;" };

/**
 * HTML and XML: text; attributes; then both quotes as lodash and Rails, Go and Jinja, Go's XML,
 * Python and React, XML, PHP, mustache, handlebars and underscore write them; attributes of old
 * browsers; all in numbers.
 */
export function htmlTables(): EscapeTable[] {
  const hex = { ...QUOT, "'": "&#x27;", "`": "&#x60;" };
  const go = { ...MARKUP, '"': "&#34;", "'": "&#39;" };
  return [
    MARKUP,
    QUOT,
    { ...QUOT, "'": "&#39;" },
    go,
    { ...go, "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;" },
    { ...QUOT, "'": "&#x27;" },
    { ...QUOT, "'": "&apos;" },
    { ...QUOT, "'": "&#039;" },
    { ...QUOT, "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;" },
    { ...hex, "=": "&#x3D;" },
    hex,
    { "&": "&amp;", '"': "&quot;" },
    { "&": "&#38;", "<": "&#60;", ">": "&#62;", '"': "&#34;", "'": "&#39;" },
  ].map(tableOfCharacters);
}
