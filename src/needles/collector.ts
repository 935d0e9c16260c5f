import type { Encoding, Needle } from "./needle.ts";
import { ANY_TRACES, type Traces } from "./traces.ts";

/**
 * What the needles are for. `search` proves absence: nothing that occurs by accident. `mask`
 * hides values in output: shorter needles too, and the ends of base64 texts.
 */
export type Purpose = "search" | "mask";

/** Parts of a value that are short and may stand in other files, unless they are long. */
const PARTS: ReadonlySet<Encoding> = new Set(["line", "pem", "jwt"]);

/** Encodings that tools break into lines. */
const WRAPPING: ReadonlySet<Encoding> = new Set([
  "base64",
  "base64url",
  "base64-twice",
  "base32",
  "hex",
  "pem",
]);

/**
 * Shortest needle in bytes. A `part` is one of several, so to prove something it must be longer. A
 * mask sees the lines of a value one by one, when a program prints them so: each is hidden that is
 * long enough to be no accident.
 */
const SHORTEST = {
  search: { raw: 8, encoded: 8, part: 16 },
  mask: { raw: 4, encoded: 5, part: 8 },
} as const;

/** Takes over buffers: keeps the new and long ones, wipes the others at once. */
export class Collector {
  readonly needles: Needle[] = [];
  readonly purpose: Purpose;
  /** Forms that leave others need not be made. */
  readonly traces: Traces;
  readonly #secret: string;
  /** By hash; where that was taken, by the next number that is free. */
  readonly #seen = new Map<number, Buffer>();

  constructor(secret: string, purpose: Purpose, traces: Traces = ANY_TRACES) {
    this.#secret = secret;
    this.purpose = purpose;
    this.traces = traces;
  }

  add(encoding: Encoding, bytes: Buffer, wraps = WRAPPING.has(encoding)): void {
    if (bytes.length < this.#shortestOf(encoding) || this.#isKnown(bytes)) bytes.fill(0);
    else if (wraps) this.needles.push({ secret: this.#secret, encoding, bytes, wraps });
    else this.needles.push({ secret: this.#secret, encoding, bytes });
  }

  #shortestOf(encoding: Encoding): number {
    const shortest = SHORTEST[this.purpose];
    if (encoding === "raw") return shortest.raw;
    return PARTS.has(encoding) ? shortest.part : shortest.encoded;
  }

  #isKnown(bytes: Buffer): boolean {
    let hash = hashOf(bytes);
    for (let other = this.#seen.get(hash); other !== undefined; other = this.#seen.get(++hash)) {
      if (other.equals(bytes)) return true;
    }
    this.#seen.set(hash, bytes);
    return false;
  }
}

/** FNV-1a, 32 bits: only to find duplicates fast. */
function hashOf(bytes: Buffer): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return hash;
}
