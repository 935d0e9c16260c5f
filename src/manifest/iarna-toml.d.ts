/**
 * The parser class inside `@iarna/toml`. The package's main file would load its stringifier and
 * stream parser too, and decorates every error with source lines; the class does neither.
 */
declare module "@iarna/toml/lib/toml-parser.js" {
  export default class TOMLParser {
    /** Feeds text; empty text is ignored. Errors have `line` and `col`, see toml-failure.ts. */
    parse(text: string): void;
    /** Ends the document and gives its root table. */
    finish(): Record<string, unknown>;
  }
}
