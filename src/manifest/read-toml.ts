import { firstDifference } from "./cross-check.ts";
import { parseCst } from "./cst.ts";
import type { CstBlock, CstKeyValue } from "./cst.ts";
import { readWithIarna } from "./iarna.ts";
import type { Problems } from "./problems.ts";
import { placeSimpleLines } from "./simple-file.ts";
import { splitSimpleLines } from "./simple-lines.ts";
import type { SplitText } from "./simple-lines.ts";
import { isTooLarge, MAX_MANIFEST_BYTES, normalizeText } from "./text.ts";
import { explainFailure } from "./toml-failure.ts";
import { buildTree } from "./tree.ts";
import type { TomlTable, TomlTree } from "./tree-model.ts";

/**
 * Reads TOML 1.0 with two readers that must agree: `@iarna/toml` (which accepts four ways to
 * define a table twice) and toml-patch (which accepts TOML 1.1 as well).
 *
 * @returns the root table, or null when there were problems, which are then all in `problems`
 */
export function readToml(text: string, problems: Problems): TomlTable | null {
  if (isTooLarge(text)) {
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
    return placeSimpleLines(tree.sections, split) ? tree.root : null;
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
  const tree = buildTree(blocks, lineOf);
  if (firstDifference(tree.root, readWithIarna(text)))
    throw new Error("the two TOML readers differ");
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

/** @throws Error when a key is `__proto__`, which no reader treats like the others */
function refuseProto(table: TomlTable): void {
  for (const [name, { node }] of table.members) {
    if (name === "__proto__") throw new Error("a key is __proto__");
    const inner = node.kind === "array" ? node.items : [node];
    for (const item of inner) if (item.kind === "table") refuseProto(item);
  }
}
