import { createHash } from "node:crypto";
import { ENCODINGS } from "../../needles/needle.ts";
import { INFLATE_BASE64 } from "../../wasm/inflate.ts";
import { SCAN_BASE64 } from "../../wasm/scan.ts";
import { KINDS } from "../members/kinds.ts";
import { BOUNDS } from "../members/limits.ts";
import { packageVersion } from "../package-version.ts";

/**
 * Stands for what a layer is searched for and how. Of another one no verdict counts: a release may
 * have mended a fault of the search, and between releases disguises, members that are unpacked, their
 * bounds and our own programs count by themselves. So nobody has to remember it.
 */
export function searchedNow(): string {
  return searchedBy({
    version: packageVersion(),
    encodings: ENCODINGS,
    kinds: KINDS,
    bounds: BOUNDS,
    programs: [SCAN_BASE64, INFLATE_BASE64],
  });
}

/** What decides what a search finds. */
export interface Searched {
  readonly version: string;
  readonly encodings: readonly string[];
  readonly kinds: readonly unknown[];
  readonly bounds: Readonly<Record<string, number>>;
  readonly programs: readonly string[];
}

/** A digest; for tests by itself. */
export function searchedBy(searched: Searched): string {
  return createHash("sha256").update(JSON.stringify(searched)).digest("hex");
}
