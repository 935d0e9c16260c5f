import { inlineRows } from "./cst.ts";
import type { CstInlineTable, CstKeyValue } from "./cst.ts";
import type { Splice } from "./edit-insert.ts";
import type { Located, LocatedRow, LocatedSection } from "./locate.ts";

/** What to cut out for a row or a header. */
export function removal(located: Located, found: LocatedRow | LocatedSection): Splice {
  if ("section" in found && "row" in found) {
    const { inline, row } = found;
    if (inline) return withoutItem(located, inline, row);
    return withoutLines(located, row.loc.start.line, row.loc.end.line);
  }
  const { start, end } = found.section.key.loc;
  return withoutLines(located, start.line, end.line);
}

function withoutLines(located: Located, first: number, last: number): Splice {
  const from = located.lineStart(first);
  const to = located.lineEnd(last);
  const isLast = to === located.text.length && !located.text.endsWith("\n");
  // a file without a final line end stays without: the one before goes instead
  const before = isLast ? /\r?\n$/.exec(located.text.slice(0, from))?.[0].length : 0;
  return { from: from - (before ?? 0), to, text: "" };
}

/** Cuts an item out of `{ a = 1, b = 2 }` with one comma. */
function withoutItem(located: Located, table: CstInlineTable, row: CstKeyValue): Splice {
  const items = inlineRows(table).map(({ item }) => item);
  const index = items.indexOf(row);
  const [previous, next] = [items[index - 1], items[index + 1]];
  const { start, end } = row.loc;
  if (next) return cut(located, start, next.loc.start);
  if (previous) return cut(located, previous.loc.end, end);
  const whole = cut(located, table.loc.start, table.loc.end);
  return { ...whole, text: "{}" };
}

type Position = CstKeyValue["loc"]["start"];

function cut(located: Located, start: Position, end: Position): Splice {
  return { from: located.offset(start), to: located.offset(end), text: "" };
}
