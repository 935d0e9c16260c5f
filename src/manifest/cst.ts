import { TomlDocument } from "@decimalturn/toml-patch";

/** Position as toml-patch counts: lines from 1, columns (UTF-16 units) from 0. */
export interface CstPosition {
  readonly line: number;
  readonly column: number;
}

interface CstNode {
  readonly loc: { readonly start: CstPosition; /** exclusive */ readonly end: CstPosition };
}

/** A possibly dotted key; `value` is its decoded parts. */
export interface CstKey extends CstNode {
  readonly value: readonly string[];
}

/** String, number, boolean or date. */
export interface CstScalar extends CstNode {
  readonly type: "String" | "Integer" | "Float" | "Boolean" | "DateTime";
  readonly raw?: string;
  readonly value: unknown;
}

/** `[a, b]`; comments between items are items as well. */
export interface CstInlineArray extends CstNode {
  readonly type: "InlineArray";
  readonly items: readonly (CstInlineItem<CstValue> | CstComment)[];
}

/** `{ a = 1, b = 2 }`. */
export interface CstInlineTable extends CstNode {
  readonly type: "InlineTable";
  readonly items: readonly (CstInlineItem<CstKeyValue> | CstComment)[];
}

/** An item of an inline array or table, with the comma behind it when it has one. */
export interface CstInlineItem<T> extends CstNode {
  readonly type: "InlineItem";
  readonly item: T;
  readonly comma: boolean;
}

export type CstValue = CstScalar | CstInlineArray | CstInlineTable;

export interface CstComment extends CstNode {
  readonly type: "Comment";
}

export interface CstKeyValue extends CstNode {
  readonly type: "KeyValue";
  readonly key: CstKey;
  readonly value: CstValue;
}

/** `[section]` or `[[section]]` with the rows below it. */
export interface CstSection extends CstNode {
  readonly type: "Table" | "TableArray";
  readonly key: CstNode & { readonly item: CstKey };
  readonly items: readonly (CstKeyValue | CstComment)[];
}

export type CstBlock = CstKeyValue | CstSection | CstComment;

/**
 * Parses into toml-patch's concrete syntax tree.
 *
 * The tree alone accepts duplicates; reading `toJsObject` of the document refuses them.
 *
 * @throws toml-patch's error, whose message quotes the file: only its `line` and `column` may be
 *   used, and it may never be attached as a cause
 */
export function parseCst(text: string): { document: TomlDocument; blocks: readonly CstBlock[] } {
  const document = new TomlDocument(text);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the library's node types are not exported; these are the parts of 3.3 that we read
  const blocks = document.cst as unknown as readonly CstBlock[];
  return { document, blocks };
}

/** Key-values of an inline table, without the comments between them. */
export function inlineRows(table: CstInlineTable): readonly CstInlineItem<CstKeyValue>[] {
  return table.items.filter((item) => item.type === "InlineItem");
}
