import { isUtf8 } from "node:buffer";
import { Matcher } from "../mask/matcher.ts";
import type { Range } from "../mask/matcher.ts";
import { visible, visibleLine } from "../mask/visible.ts";
import { findAll } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";
import { Secret } from "../secret/secret.ts";
import { hidePairs } from "./pairs.ts";
import type { UnprovedSecret } from "./pairs.ts";
import { cleanPath } from "./path-index.ts";

/** What must not show in a report. */
export interface Hidden {
  readonly secrets: readonly Secret[];
  readonly unproved: readonly UnprovedSecret[];
  readonly table: NeedleTable;
}

/** Longest text in a report, in characters: Linux paths end there, and instructions have no end. */
const LONGEST = 4096;
/** Characters of its end that a text keeps that is too long: the name of a file stands there. */
const TAIL = 1024;

const SLASH = 0x2f;
const STARS = Buffer.from("***");

/**
 * Makes foreign text fit for a report: no known value in it, no control characters, not without end.
 * Names and instructions may hold the secret itself.
 */
export class ForeignText implements Disposable {
  readonly #hidden: Hidden;
  readonly #altered: readonly Secret[];
  readonly #matcher: Matcher;

  constructor(hidden: Hidden) {
    this.#hidden = hidden;
    this.#altered = alteredForms(hidden.table);
    this.#matcher = new Matcher([...hidden.secrets, ...this.#altered]);
  }

  /** A name, a path, a reason: it stays in its line, whatever is in it. */
  line(text: string): string {
    return shortened(visibleLine(this.#masked(text)));
  }

  /** An instruction, which may have several lines. */
  lines(text: string): string {
    return shortened(visible(this.#masked(text)));
  }

  /** A digest, which a short value may occur in by accident; if it is none, what stands there. */
  digest(text: string): string {
    return /^sha\d+:[0-9a-f]{64,128}$/u.test(text) ? text : this.line(text);
  }

  [Symbol.dispose](): void {
    this.#matcher.wipe();
    for (const secret of this.#altered) secret.wipe();
  }

  /** The mask knows more forms, and the search finds those that are broken into lines anyhow. */
  #masked(text: string): string {
    const { unproved, table } = this.#hidden;
    const bytes = Buffer.from(hidePairs(unproved, text));
    const hits = findAll(table, bytes);
    const ranges = [
      ...this.#matcher.ranges(bytes),
      ...hits.map(({ offset, length }) => ({ start: offset, end: offset + length })),
    ];
    return starred(bytes, ranges);
  }
}

/** Forms that a value has in a report alone: bytes that are no UTF-8, and paths without empty parts. */
function alteredForms({ needles }: NeedleTable): Secret[] {
  // of a thousand secrets, hardly one of their 20,000 forms
  const odd = needles.filter(({ bytes }) => bytes.includes(SLASH) || !isUtf8(bytes));
  return odd.flatMap(({ secret, bytes }) => {
    const shown = Buffer.from(cleanPath(bytes.toString()));
    return shown.equals(bytes) ? [] : [Secret.take(secret, shown)];
  });
}

function starred(bytes: Buffer, ranges: readonly Range[]): string {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (end <= at) continue;
    // what overlaps is one value, or two of which nothing may show
    if (start >= at) parts.push(bytes.subarray(at, start), STARS);
    at = end;
  }
  return Buffer.concat([...parts, bytes.subarray(at)]).toString();
}

/** Only after masking: half a value would be no needle any more. */
function shortened(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${text.slice(0, LONGEST - TAIL - 1)}…${text.slice(-TAIL)}`.toWellFormed();
}
