import TOMLParser from "@iarna/toml/lib/toml-parser.js";
import { firstDifference } from "./cross-check.ts";
import { parseCst } from "./cst.ts";
import type { CstBlock, CstKeyValue } from "./cst.ts";
import type { Problems } from "./problems.ts";
import { splitSimpleLines } from "./simple-lines.ts";
import type { SplitText } from "./simple-lines.ts";
import { explainFailure } from "./toml-failure.ts";
import { buildTree } from "./tree.ts";
import type { TomlTable, TomlTree } from "./tree.ts";

/**
 * Largest manifest, in bytes of UTF-8. Some 5,000 sealed values fit; a file beyond it is a mistake
 * or an attack, and reading it would cost seconds.
 */
export const MAX_MANIFEST_BYTES = 1024 * 1024;

/** Drops a BOM and turns CRLF into LF: `@iarna/toml` refuses both. Values get LF, as TOML allows. */
export function normalizeText(text: string): string {
  const body = text.startsWith("\uFEFF") ? text.slice(1) : text;
  return body.includes("\r") ? body.replaceAll("\r\n", "\n") : body;
}

/**
 * Reads TOML 1.0 with two readers that must agree: `@iarna/toml` (which accepts four ways to
 * define a table twice) and toml-patch (which accepts TOML 1.1 as well).
 *
 * @returns the root table, or null when there were problems, which are then all in `problems`
 */
export function readToml(text: string, problems: Problems): TomlTable | null {
  if (Buffer.byteLength(text) > MAX_MANIFEST_BYTES) {
    problems.add({
      code: "MANIFEST_TOO_LARGE",
      at: { line: 1, column: 1 },
      message: `the manifest has more than ${MAX_MANIFEST_BYTES} bytes`,
      hint: "move large values into files of their own",
    });
    return null;
  }
  const normalized = normalizeText(text);
  return readFast(normalized) ?? readFully(normalized, problems);
}

/** Null when the simple lines can't be read apart from the rest; the full way then says why. */
function readFast(text: string): TomlTable | null {
  const split = splitSimpleLines(text);
  if (split.simple.length === 0) return null;
  try {
    const { blocks, tree } = readBoth(split.rest, (line) => split.restLines[line - 1] ?? line);
    if (blocks.some((block) => spansGap(block, split))) return null;
    return placeSimpleLines(tree, split) ? tree.root : null;
  } catch {
    return null;
  }
}

function readFully(text: string, problems: Problems): TomlTable | null {
  try {
    return readBoth(text, (line) => line).tree.root;
  } catch {
    // the caught error may quote the file, so the fault is looked for again, without it
    explainFailure(text, problems);
    return null;
  }
}

interface Reading {
  readonly blocks: readonly CstBlock[];
  readonly tree: TomlTree;
}

/** @throws any error when a reader refuses the text, or when the two differ */
function readBoth(text: string, lineOf: (line: number) => number): Reading {
  const { document, blocks } = parseCst(text);
  // only this getter refuses duplicates
  void (document.toJsObject as unknown);
  const parser = new TOMLParser();
  parser.parse(text);
  const tree = buildTree(blocks, lineOf);
  if (firstDifference(tree.root, parser.finish())) throw new Error("the two TOML readers differ");
  refuseProto(tree.root);
  return { blocks, tree };
}

/** Whether lines were taken out from inside a value, or a value's end was moved by it. */
function spansGap(block: CstBlock, { restLines }: SplitText): boolean {
  const broken = ({ loc }: CstKeyValue): boolean =>
    (restLines[loc.end.line - 1] ?? 0) - (restLines[loc.start.line - 1] ?? 0) !==
    loc.end.line - loc.start.line;
  if (block.type === "Comment") return false;
  if (block.type === "KeyValue") return broken(block);
  return block.items.some((row) => row.type === "KeyValue" && broken(row));
}

/** Puts each simple line into the table of the last header above it; false on a duplicate. */
function placeSimpleLines({ sections }: TomlTree, { simple }: SplitText): boolean {
  let index = 0;
  for (const { line, name, member } of simple) {
    while ((sections[index + 1]?.line ?? Infinity) < line) index++;
    const members = sections[index]?.table.members;
    if (!members || members.has(name)) return false;
    members.set(name, member);
  }
  return true;
}

/** @throws Error when a key is `__proto__`, which no reader treats like the others */
function refuseProto(table: TomlTable): void {
  for (const [name, { node }] of table.members) {
    if (name === "__proto__") throw new Error("a key is __proto__");
    const inner = node.kind === "array" ? node.items : [node];
    for (const item of inner) if (item.kind === "table") refuseProto(item);
  }
}
