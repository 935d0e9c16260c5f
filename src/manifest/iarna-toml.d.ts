/**
 * The parser class inside `@iarna/toml`. The package's main file would load its stringifier and
 * stream parser too, and decorates every error with source lines; the class does neither.
 */
declare module "@iarna/toml/lib/toml-parser.js" {
  export default class TOMLParser {
    /** Code point that is being looked at. */
    char: number;
    /** `resultTable` holds the parts of a dotted key that were read so far. */
    state: { readonly resultTable: readonly string[] | null };
    /** Feeds text; empty text is ignored. Errors have `line` and `col`, see toml-failure.ts. */
    parse(text: string): void;
    /** Ends the document and gives its root table. */
    finish(): Record<string, unknown>;
    /** Whether {@link char} is white space, a comment or the end. */
    atEndOfWord(): boolean;
    /** Takes one part of a `[header]`. */
    parseTableMore(keyword: string): unknown;
    /** Takes one part of a `[[header]]`. */
    parseListMore(keyword: string): unknown;
    /** Takes one part of the key of a row. */
    recordAssignKeyword(key: string): unknown;
  }
}
