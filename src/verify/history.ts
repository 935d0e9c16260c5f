import { field, items, text } from "./json.ts";

/** What an image's history says about one layer, or about an instruction that made none. */
export interface HistoryEntry {
  readonly createdBy: string;
  /** Position of the layer it made, from 0; undefined for ENV, LABEL, CMD and the like. */
  readonly layer: number | undefined;
}

/**
 * The history of an image config, oldest first.
 *
 * @returns entries without layer numbers when the history does not fit the layers: some builders
 *   write none, or one for all
 */
export function historyOf(config: unknown, layers: number): HistoryEntry[] {
  const entries = items(field(config, "history"));
  const made = entries.filter((entry) => field(entry, "empty_layer") !== true).length;
  let next = 0;
  return entries.map((entry) => {
    const isEmpty = field(entry, "empty_layer") === true;
    const layer = isEmpty || made !== layers ? undefined : next++;
    return { createdBy: text(field(entry, "created_by")) ?? "", layer };
  });
}

/** The instructions that made the layers, by layer. */
export function instructionsOf(history: readonly HistoryEntry[]): ReadonlyMap<number, string> {
  const known = history.flatMap(({ layer, createdBy }) =>
    layer === undefined || createdBy === "" ? [] : [[layer, createdBy] as const],
  );
  return new Map(known);
}
