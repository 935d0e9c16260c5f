/** What a JSON text would come to once it is parsed. Pure. */

/** Deepest nesting that is taken apart; documents of images have less than 20. */
const DEPTH_LIMIT = 200;

/** Most values of one document: an SBOM of 16 MiB has some 300,000. */
const VALUE_LIMIT = 1_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Of a text before it is parsed. */
export interface JsonShape {
  /** Why it is not taken apart: a few MiB of brackets fill any memory. */
  readonly trouble: string | undefined;
  /** Values in it, about. */
  readonly values: number;
}

/** Counts brackets and commas outside of strings, in one pass; of what is no JSON, anything. */
export function shapeOf(json: Buffer): JsonShape {
  let values = 0;
  let depth = 0;
  for (let at = 0; at < json.length && depth <= DEPTH_LIMIT; at++) {
    const byte = json[at] ?? 0;
    if (byte === QUOTE) at = endOfText(json, at + 1);
    depth += NESTING[byte] ?? 0;
    values += VALUES[byte] ?? 0;
  }
  if (depth > DEPTH_LIMIT) return { values, trouble: `JSON nested deeper than ${DEPTH_LIMIT}` };
  const isMuch = values > VALUE_LIMIT;
  return { values, trouble: isMuch ? "JSON of more than 1,000,000 values" : undefined };
}

/** @returns where the quote behind a string is */
function endOfText(json: Buffer, start: number): number {
  let at = start;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}

/** By byte: what it adds to the depth, and to the number of values. */
const NESTING = byByte({ "[": 1, "{": 1, "]": -1, "}": -1 });
const VALUES = byByte({ "[": 1, "{": 1, ",": 1 });

function byByte(counts: Readonly<Record<string, number>>): Int8Array {
  const table = new Int8Array(256);
  for (const [byte, count] of Object.entries(counts)) table[byte.charCodeAt(0)] = count;
  return table;
}
