/**
 * The note beside the files of a mounted folder: which values they are, by their digests, since
 * when. Labels can't change; this does, at the same moment as the files.
 */
import { readDigests, readFingerprint } from "./spec.ts";

/** What a note says. */
export interface State {
  /** When the files were written, in milliseconds since 1970 of the writer's clock. */
  readonly at: number;
  readonly digests: ReadonlyMap<string, string>;
  /** Of the key that the digests belong to; undefined where there are none. */
  readonly fingerprint: string | undefined;
}

export function writeState({ at, digests, fingerprint }: State): string {
  return JSON.stringify({ version: 1, at, key: fingerprint, digests: Object.fromEntries(digests) });
}

/** @returns null for what is no note of ours */
export function readState(text: string): State | null {
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== "object" || found === null) return null;
    const fields = new Map<string, unknown>(Object.entries(found));
    const at = fields.get("at");
    if (fields.get("version") !== 1 || typeof at !== "number") return null;
    const digests = readDigests(JSON.stringify(fields.get("digests") ?? null));
    return { at, digests, fingerprint: readFingerprint(fields.get("key")) };
  } catch {
    return null;
  }
}
