/** The corpus as a table: what each tool finds, case by case. */
import type { Group, LeakCase } from "./model.ts";
import { GROUPS } from "./model.ts";

/** One case that was run. */
export interface Row {
  readonly one: LeakCase;
  /** On this engine: some note less in an image than others. */
  readonly isLeaky: boolean;
  /** By tool: whether it reported anything. */
  readonly found: Readonly<Record<string, boolean>>;
}

/** Every case, then the sums: leaks found, and false alarms, of each tool. */
export function renderTable(rows: readonly Row[]): string {
  const tools = Object.keys(rows[0]?.found ?? {});
  const lines = rows.map(({ one, isLeaky, found }) => [
    one.group,
    one.name,
    isLeaky ? "leak" : "clean",
    ...tools.map((name) => wordFor(isLeaky, found[name] === true)),
  ]);
  const sums = GROUPS.filter((group) => rows.some(({ one }) => one.group === group)).map(
    (group) => [group, "all", "", ...tools.map((name) => sumOf(rows, group, name))],
  );
  return aligned([["group", "case", "image", ...tools], ...lines, ...sums]);
}

function wordFor(isLeaky: boolean, found: boolean): string {
  if (isLeaky) return found ? "found" : "MISSED";
  return found ? "FALSE ALARM" : "clean";
}

/** `12 of 14`, or for clean images `0 of 29 false`. */
function sumOf(rows: readonly Row[], group: Group, name: string): string {
  const mine = rows.filter(({ one }) => one.group === group);
  const leaks = mine.filter(({ isLeaky }) => isLeaky);
  const count = (some: readonly Row[]): number =>
    some.filter(({ found }) => found[name] === true).length;
  const clean = mine.filter(({ isLeaky }) => !isLeaky);
  const parts = [
    ...(leaks.length > 0 ? [`${count(leaks)} of ${leaks.length}`] : []),
    ...(clean.length > 0 ? [`${count(clean)} of ${clean.length} false`] : []),
  ];
  return parts.join(", ");
}

function aligned(table: readonly (readonly string[])[]): string {
  const widths = (table[0] ?? []).map((_, i) =>
    Math.max(...table.map((line) => line[i]?.length ?? 0)),
  );
  return table
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
