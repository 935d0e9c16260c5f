import type { Secret } from "../secret/secret.ts";
import { ALIGNMENTS, asciiJson, base64Inside, escape, hex } from "./encode.ts";
import { JSON_TABLES, PERCENT_TABLES } from "./escapes.ts";
import { secretLines, trimmed, withLineEndings } from "./lines.ts";
import type { Encoding, Needle } from "./needle.ts";
import { isCommon, provability, SHORTEST_PROVABLE } from "./provability.ts";

/**
 * What the needles are for. `search` proves absence: nothing that occurs by accident. `mask`
 * hides values in output: shorter needles too, and the ends of base64 texts.
 */
export type Purpose = "search" | "mask";

/**
 * Shortest needle in bytes. A `line` is one of several, so to prove something it must be longer. A
 * mask sees the lines of a value one by one, when a program prints them so: each is hidden that is
 * long enough to be no accident.
 */
const SHORTEST = {
  search: { raw: 8, encoded: 8, line: 16 },
  mask: { raw: 4, encoded: 5, line: SHORTEST_PROVABLE },
} as const;

/**
 * Every byte form of a secret that is looked for.
 *
 * All forms are made from the value without white space at its ends. That loses nothing: the same
 * encoding of the whole value (with its final newline, say) contains that form, base64 by the
 * three alignments.
 *
 * Not covered here: encodings broken by line wraps, base64 of base64, UTF-16, compression.
 *
 * @param purpose - `mask` gives no needles for common words (`true`, `password`): masking them
 *   would hide ordinary output and protect nothing
 * @returns without duplicates; the caller wipes them with `wipeNeedles`
 */
export function needlesOf(secret: Secret, purpose: Purpose = "search"): Needle[] {
  if (purpose === "mask" && provability(secret) === "common") return [];
  return secret.use((bytes) => {
    const collector = new Collector(secret.name, purpose);
    const value = trimmed(bytes);
    addRaw(collector, value);
    addBase64(collector, value, purpose);
    collector.add("hex", hex(value, "lower"));
    collector.add("hex", hex(value, "upper"));
    for (const table of PERCENT_TABLES) collector.add("percent", escape(value, table));
    for (const table of JSON_TABLES) addJson(collector, escape(value, table));
    addLines(collector, value, purpose);
    return collector.needles;
  });
}

/** Takes over buffers: keeps the new and long ones, wipes the others at once. */
class Collector {
  readonly needles: Needle[] = [];
  readonly #secret: string;
  readonly #shortest: (typeof SHORTEST)[Purpose];
  readonly #seen = new Map<number, Buffer[]>();

  constructor(secret: string, purpose: Purpose) {
    this.#secret = secret;
    this.#shortest = SHORTEST[purpose];
  }

  add(encoding: Encoding, bytes: Buffer): void {
    if (bytes.length < this.#shortestOf(encoding) || this.#isKnown(bytes)) bytes.fill(0);
    else this.needles.push({ secret: this.#secret, encoding, bytes });
  }

  #shortestOf(encoding: Encoding): number {
    if (encoding === "raw" || encoding === "line") return this.#shortest[encoding];
    return this.#shortest.encoded;
  }

  #isKnown(bytes: Buffer): boolean {
    const hash = hashOf(bytes);
    const same = this.#seen.get(hash);
    if (same?.some((other) => other.equals(bytes)) === true) return true;
    if (same === undefined) this.#seen.set(hash, [bytes]);
    else same.push(bytes);
    return false;
  }
}

function addRaw(collector: Collector, value: Buffer): void {
  collector.add("raw", copyOf(value));
  if (!value.includes(0x0a)) return;
  collector.add("raw", withLineEndings(value, "\n"));
  collector.add("raw", withLineEndings(value, "\r\n"));
}

function addBase64(collector: Collector, value: Buffer, purpose: Purpose): void {
  for (const alphabet of ["base64", "base64url"] as const) {
    for (const alignment of ALIGNMENTS) {
      collector.add(alphabet, base64Inside(value, { alignment, alphabet }));
      if (purpose === "search") continue;
      // a mask that left the last character of the encoded text would show bits of the value
      collector.add(alphabet, base64Inside(value, { alignment, alphabet, keepEnd: true }));
    }
  }
}

function addJson(collector: Collector, escaped: Buffer): void {
  const ascii = asciiJson(escaped);
  collector.add("json", escaped);
  if (ascii !== null) collector.add("json", ascii);
}

function addLines(collector: Collector, value: Buffer, purpose: Purpose): void {
  if (!value.includes(0x0a)) return;
  for (const text of secretLines(value, purpose === "search")) {
    if (!isCommon(text)) collector.add("line", copyOf(text));
  }
}

/** A copy in memory of its own: Buffer.from and Buffer.concat would use Node's shared pool. */
function copyOf(bytes: Buffer): Buffer {
  const out = Buffer.alloc(bytes.length);
  bytes.copy(out);
  return out;
}

/** FNV-1a, 32 bits: only to find duplicates fast. */
function hashOf(bytes: Buffer): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
