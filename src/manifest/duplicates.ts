import { inlineRows } from "./cst.ts";
import type { CstBlock, CstKeyValue, CstPosition } from "./cst.ts";
import { isInheritedName } from "./names.ts";
import type { Problems } from "./problems.ts";
import type { Spot } from "./tree-model.ts";

interface KeyUse {
  readonly path: readonly string[];
  /** The parts that stand at this place, without those of the header above. */
  readonly own: readonly string[];
  readonly at: Spot;
  /** A row or a `[header]`, which may stand only once; `[[header]]` may repeat. */
  readonly once: boolean;
  /** Whether the last part, too, names a table of its own. */
  readonly isTable: boolean;
}

/** Files every row and header that repeats an earlier one; gives their number. */
export function fileDuplicates(blocks: readonly CstBlock[], problems: Problems): number {
  const seen = new Map<string, Spot>();
  let count = 0;
  for (const { path, at, once } of keyUses(blocks)) {
    const id = JSON.stringify(path);
    const first = seen.get(id);
    if (!first) seen.set(id, at);
    else if (once) {
      count++;
      problems.add({
        code: "MANIFEST_DUPLICATE",
        at,
        path: path.filter((part) => !part.startsWith(ELEMENT)),
        message: `this is defined already in line ${first.line}`,
        hint: "keep one of the two",
      });
    }
  }
  return count;
}

/**
 * Files every key `__proto__`, and every table with a name that all JavaScript objects have; gives
 * their number.
 */
export function fileReservedKeys(blocks: readonly CstBlock[], problems: Problems): number {
  const uses = keyUses(blocks).filter(isReserved);
  for (const { at, own } of uses) {
    problems.add({
      at,
      path: own,
      message: "a name in this key has a meaning in JavaScript, so it can't be a name here",
      hint: "choose another name",
    });
  }
  return uses.length;
}

function isReserved({ own, isTable }: KeyUse): boolean {
  const tables = isTable ? own : own.slice(0, -1);
  return own.includes("__proto__") || tables.some(isInheritedName);
}

/** Marks the number of an array's element inside a path; no key of a file starts with NUL. */
const ELEMENT = "\0";

/** Every row and header with its full path, in file order. */
function keyUses(blocks: readonly CstBlock[]): KeyUse[] {
  const uses: KeyUse[] = [];
  const elements = new Map<string, number>();
  for (const block of blocks) {
    if (block.type === "Comment") continue;
    if (block.type === "KeyValue") {
      addRowUses(block, [], uses);
      continue;
    }
    const path = elementPath(block.key.item.value, elements, block.type === "TableArray");
    const own = block.key.item.value;
    const at = spotOf(block.key.loc.start);
    uses.push({ path, own, at, once: block.type === "Table", isTable: true });
    for (const row of block.items) if (row.type === "KeyValue") addRowUses(row, path, uses);
  }
  return uses;
}

function addRowUses(row: CstKeyValue, parent: readonly string[], uses: KeyUse[]): void {
  const path = [...parent, ...row.key.value];
  const at = spotOf(row.key.loc.start);
  uses.push({ path, own: row.key.value, at, once: true, isTable: false });
  if (row.value.type !== "InlineTable") return;
  for (const { item } of inlineRows(row.value)) addRowUses(item, path, uses);
}

/** A header's path, with the running number of each array of tables that it goes through. */
function elementPath(
  key: readonly string[],
  elements: Map<string, number>,
  opensElement: boolean,
): string[] {
  const path: string[] = [];
  for (const [index, part] of key.entries()) {
    path.push(part);
    const id = JSON.stringify(path);
    if (opensElement && index === key.length - 1) elements.set(id, (elements.get(id) ?? 0) + 1);
    const number = elements.get(id);
    if (number !== undefined) path.push(`${ELEMENT}${number}`);
  }
  return path;
}

/** From toml-patch's counting to ours. */
export function spotOf({ line, column }: CstPosition): Spot {
  return { line, column: column + 1 };
}
