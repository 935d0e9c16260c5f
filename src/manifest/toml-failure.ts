import { firstDifference } from "./cross-check.ts";
import { parseCst } from "./cst.ts";
import type { CstBlock } from "./cst.ts";
import { fileDuplicates, fileReservedKeys, spotOf } from "./duplicates.ts";
import { readWithIarna } from "./iarna.ts";
import type { Problems } from "./problems.ts";
import { buildTree } from "./tree.ts";
import type { Spot } from "./tree-model.ts";

/**
 * Finds out why a text was refused and files it: broken syntax, a key or table defined twice, a
 * key `__proto__`, or two readers that differ.
 *
 * The errors of both libraries quote the file (`@iarna/toml`: source lines in message and stack;
 * toml-patch: the line and the faulty value), so only their position is taken, and of
 * `@iarna/toml`'s words those that are on the fixed list below.
 */
export function explainFailure(text: string, problems: Problems): void {
  const iarna = iarnaFailure(text);
  let blocks: readonly CstBlock[];
  let duplicate: Spot | null;
  try {
    const parsed = parseCst(text);
    blocks = parsed.blocks;
    duplicate = refusalOf(() => parsed.document.toJsObject as unknown);
  } catch (error) {
    fileSyntax(problems, positionOf(error), iarna);
    return;
  }
  const found =
    fileReservedKeys(blocks, problems) + (duplicate ? fileDuplicates(blocks, problems) : 0);
  if (found > 0) return;
  if (duplicate) fileRedefinition(problems, duplicate);
  else if (iarna) fileSyntax(problems, iarna.at, iarna);
  else fileDifference(text, blocks, problems);
}

interface IarnaFailure {
  readonly at: Spot;
  readonly words: string | undefined;
}

function iarnaFailure(text: string): IarnaFailure | null {
  try {
    readWithIarna(text);
    return null;
  } catch (error) {
    const [line, col] = [numberOf(error, "line"), numberOf(error, "col")];
    const message = error instanceof Error ? error.message : "";
    // its column counts from 1 on the first line and from 0 on the others
    const at = { line: line + 1, column: Math.max(1, line === 0 ? col : col + 1) };
    return { at, words: ownWords(message) };
  }
}

/** Start of a message of `@iarna/toml` 3.0.0 → our words. Anything else stays unsaid. */
const WORDS: readonly (readonly [string, string])[] = [
  ["Control characters", "a control character that has to be escaped"],
  ["Unterminated multi-line", "a multi-line string that does not end"],
  ["Unterminated string", "a string that does not end on its line"],
  ["Unterminated inline", "an inline array or table that does not end on its line"],
  ["Trailing commas", "a comma before the closing brace, which TOML 1.0 does not have"],
  ["Empty elements", "two commas in a row"],
  ["Unknown escape", "an unknown escape; a backslash is written \\\\"],
  ["Invalid character in unicode", "an escape without its hexadecimal digits"],
  ["Invalid unicode", "an escape for half a character"],
  ["Key without value", "a key without a value"],
  ["Key ended without value", "a key without a value"],
  ["Empty bare keys", "an empty key"],
  ['Invalid character, expected "="', 'no "=" where one has to be'],
  ["Unexpected character, expecting string", "a value without quotes"],
  ["Unexpected character, expected only whitespace", "more than one thing on a line"],
  ["Unexpected character, expected whitespace, . or ]", "a section header that does not end"],
];

function ownWords(message: string): string | undefined {
  return WORDS.find(([start]) => message.startsWith(start))?.[1];
}

function fileSyntax(problems: Problems, at: Spot, iarna: IarnaFailure | null): void {
  // the words belong to the place where @iarna/toml stopped; elsewhere they would mislead
  const words = iarna?.at.line === at.line ? iarna.words : undefined;
  problems.add({
    code: "MANIFEST_SYNTAX",
    at,
    message: words === undefined ? "this is not TOML 1.0" : `this is not TOML 1.0: ${words}`,
    hint: "mend the line; text values stand in quotes",
  });
}

function fileRedefinition(problems: Problems, at: Spot): void {
  problems.add({
    code: "MANIFEST_DUPLICATE",
    at,
    message: "this key or table is defined already, as a value or as another kind of table",
    hint: "keep one of the definitions",
  });
}

function fileDifference(text: string, blocks: readonly CstBlock[], problems: Problems): void {
  const { root } = buildTree(blocks, (line) => line);
  const path = firstDifference(root, readWithIarna(text)) ?? [];
  const at = (path[0] === undefined ? undefined : root.members.get(path[0])?.at) ?? START;
  problems.add({
    code: "MANIFEST_SYNTAX",
    at,
    path,
    message: "two TOML readers read this differently",
    hint: "write it in a simpler form",
  });
}

const START: Spot = { line: 1, column: 1 };

/** Position at which a reader refuses, or null when it does not. */
function refusalOf(read: () => unknown): Spot | null {
  try {
    read();
    return null;
  } catch (error) {
    return positionOf(error);
  }
}

function positionOf(error: unknown): Spot {
  return spotOf({ line: Math.max(1, numberOf(error, "line")), column: numberOf(error, "column") });
}

/** A number on a foreign error, 0 when there is none. */
function numberOf(error: unknown, name: string): number {
  const value: unknown = error instanceof Error ? Reflect.get(error, name) : undefined;
  return typeof value === "number" ? value : 0;
}
