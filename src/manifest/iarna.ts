import TOMLParser from "@iarna/toml/lib/toml-parser.js";
import { isInheritedName } from "./names.ts";

const CLOSERS = [",", "]", "}"].map((character) => character.charCodeAt(0));

/**
 * `@iarna/toml` 3.0.0 with two of its faults mended.
 *
 * It takes a date for unfinished when a comma or bracket follows it, and so refuses
 * `{ expires = 2027-01-31 }`. Those characters end every word of TOML.
 *
 * It looks for a table with `target[name] || newTable()`, which finds what every object inherits:
 * `[constructor]` would write its rows into the global `Object`, `[hasOwnProperty]` into that
 * function. Such a table is refused before it is looked for.
 */
class Parser extends TOMLParser {
  override atEndOfWord(): boolean {
    return super.atEndOfWord() || CLOSERS.includes(this.char);
  }

  override parseTableMore(keyword: string): unknown {
    refuseInherited(keyword);
    return super.parseTableMore(keyword);
  }

  override parseListMore(keyword: string): unknown {
    refuseInherited(keyword);
    return super.parseListMore(keyword);
  }

  override recordAssignKeyword(key: string): unknown {
    // another part comes, so the one before it names a table
    refuseInherited(this.state.resultTable?.at(-1));
    return super.recordAssignKeyword(key);
  }
}

/**
 * Reads text with LF line ends and without BOM.
 *
 * @throws the parser's error, with `line` from 0 and `col` (its message may name a character), or
 *   an Error for a table with an inherited name
 */
export function readWithIarna(text: string): Record<string, unknown> {
  const parser = new Parser();
  parser.parse(text);
  return parser.finish();
}

function refuseInherited(name: string | undefined): void {
  if (isInheritedName(name)) throw new Error("a table has a name that every object inherits");
}
