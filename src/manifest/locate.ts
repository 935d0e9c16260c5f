import { inlineRows, parseCst } from "./cst.ts";
import type { CstBlock, CstInlineTable, CstKeyValue, CstPosition, CstSection } from "./cst.ts";

/** A row `key = value` of a file, with the whole path that it defines. */
export interface LocatedRow {
  readonly path: readonly string[];
  readonly row: CstKeyValue;
  /** Path of the section that the row's lines stand in; empty for the root. */
  readonly section: readonly string[];
  /** The inline table that the row is an item of; undefined when it has lines of its own. */
  readonly inline?: CstInlineTable;
}

/** A `[header]`. */
export interface LocatedSection {
  readonly path: readonly string[];
  readonly section: CstSection;
}

/** Every row and section of a file, in its order; arrays of tables and what is below them left out. */
export class Located {
  readonly text: string;
  readonly rows: readonly LocatedRow[];
  readonly sections: readonly LocatedSection[];
  readonly #lineStarts: readonly number[];
  readonly #bom: number;

  /** @throws any error when the text is not TOML; it may quote the text */
  constructor(text: string) {
    this.text = text;
    this.#bom = text.startsWith("\uFEFF") ? 1 : 0;
    this.#lineStarts = lineStarts(text);
    const { blocks } = parseCst(text);
    this.sections = plainSections(blocks);
    this.rows = [
      ...blocks.flatMap((block) => (block.type === "KeyValue" ? rowsOf(block, []) : [])),
      ...this.sections.flatMap(({ path, section }) => sectionRows(section, path)),
    ];
  }

  /** Offset of a position in UTF-16 units from the start of the text, its BOM included. */
  offset({ line, column }: CstPosition): number {
    const start = this.#lineStarts[line - 1] ?? this.text.length;
    // toml-patch counts the columns of line 1 behind the BOM
    return start + column + (line === 1 ? this.#bom : 0);
  }

  /** Where a line starts. */
  lineStart(line: number): number {
    return this.offset({ line, column: 0 });
  }

  /** Where the line behind this one starts; the text's end for the last. */
  lineEnd(line: number): number {
    return this.#lineStarts[line] ?? this.text.length;
  }

  /** White space at the start of a line. */
  indent(line: number): string {
    return /^[ \t]*/.exec(this.text.slice(this.lineStart(line), this.lineEnd(line)))?.[0] ?? "";
  }

  /** Line end of the first line, LF when there is none. */
  get eol(): string {
    return /\r?\n/.exec(this.text)?.[0] ?? "\n";
  }
}

/** Whether a path is another one, or leads through it. */
export function isUnder(path: readonly string[], ancestor: readonly string[]): boolean {
  return ancestor.length <= path.length && ancestor.every((part, i) => part === path[i]);
}

/** Whether two paths are the same. */
export function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && isUnder(a, b);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function plainSections(blocks: readonly CstBlock[]): LocatedSection[] {
  const arrays: (readonly string[])[] = [];
  const sections: LocatedSection[] = [];
  for (const block of blocks) {
    if (block.type === "Comment" || block.type === "KeyValue") continue;
    const path = block.key.item.value;
    if (block.type === "TableArray") arrays.push(path);
    else if (!arrays.some((array) => isUnder(path, array))) sections.push({ path, section: block });
  }
  return sections;
}

function sectionRows(section: CstSection, path: readonly string[]): LocatedRow[] {
  return section.items.flatMap((row) => (row.type === "KeyValue" ? rowsOf(row, path) : []));
}

/** The row itself, then those of its inline table. */
function rowsOf(row: CstKeyValue, section: readonly string[]): LocatedRow[] {
  const path = [...section, ...row.key.value];
  return [{ path, row, section }, ...inlineRowsOf(row, path, section)];
}

function inlineRowsOf(
  row: CstKeyValue,
  parent: readonly string[],
  section: readonly string[],
): LocatedRow[] {
  const table = row.value;
  if (table.type !== "InlineTable") return [];
  return inlineRows(table).flatMap(({ item }) => {
    const path = [...parent, ...item.key.value];
    return [{ path, row: item, section, inline: table }, ...inlineRowsOf(item, path, section)];
  });
}
