/** Whether the values that a container has are those of now: pure. */
import { hiddenFile, namesOf } from "./hidden.ts";
import type { LaunchLabels, LaunchSpec } from "./spec.ts";
import type { State } from "./state.ts";

/** The digest of a value that a container has, and the key that it belongs to. */
export interface Held {
  readonly digest: string;
  readonly fingerprint: string;
}

/** What tells the values of a container. */
export interface HeldFacts {
  readonly labels: LaunchLabels;
  /** The note of each mounted folder, in their order. */
  readonly notes: readonly (State | null)[];
  /** When the program was started, in milliseconds since 1970. */
  readonly startedAt: number;
}

/** How a value compares. `gone`: the manifest has no such name any more. */
export type Freshness = "same" | "changed" | "gone" | "unknown";

/** Digests of the values of now under the key with that fingerprint; null when it is not here. */
export type DigestsOfNow = (fingerprint: string) => ReadonlyMap<string, string> | null;

/**
 * The digest of each value, by name. Labels tell what was there at the start; the note beside the
 * files what is there now. A program has the hidden variables of the time when it was started.
 */
export function heldBy({ labels, notes, startedAt }: HeldFacts): Map<string, Held> {
  const { spec } = labels;
  const held = new Map<string, Held>();
  for (const name of namesOf(spec)) {
    const note = noteFor(name, spec, notes);
    const isNews = note !== null && (!spec.variables.includes(name) || note.at < startedAt);
    const found = (isNews ? heldIn(note, name) : null) ?? heldIn(labels, name);
    if (found !== null) held.set(name, found);
  }
  return held;
}

/** Compares one value. */
export function compareValue(
  name: string,
  held: ReadonlyMap<string, Held>,
  now: DigestsOfNow,
): Freshness {
  const own = held.get(name);
  if (own === undefined) return "unknown";
  const digests = now(own.fingerprint);
  if (digests === null) return "unknown";
  const digest = digests.get(name);
  if (digest === undefined) return "gone";
  return digest === own.digest ? "same" : "changed";
}

/** Whether a container is up to date, as `ps` tells it. */
export type Status =
  | { readonly kind: "up to date" }
  | { readonly kind: "stale"; readonly names: readonly string[] }
  | { readonly kind: "unknown"; readonly why: string }
  /** Not signed by the app's key: perhaps not one of its containers. `refresh` gives it no values. */
  | { readonly kind: "untrusted"; readonly why: string };

/** A stale value counts more than one of which nothing is known. */
export function statusFrom(
  names: readonly string[],
  held: ReadonlyMap<string, Held>,
  now: DigestsOfNow,
): Status {
  const compared = names.map((name) => ({ name, is: compareValue(name, held, now) }));
  const stale = compared.filter(({ is }) => is === "changed" || is === "gone");
  if (stale.length > 0) return { kind: "stale", names: stale.map(({ name }) => name) };
  const unknown = compared.find(({ is }) => is === "unknown");
  if (unknown === undefined) return { kind: "up to date" };
  const key = held.get(unknown.name)?.fingerprint;
  const why =
    key === undefined
      ? `it was started without a key to compare ${unknown.name} by`
      : `key ${key}, by which ${unknown.name} is compared, is not here`;
  return { kind: "unknown", why };
}

/** The note of the folder with that file; for a hidden variable, with the file of variables. */
function noteFor(name: string, spec: LaunchSpec, notes: readonly (State | null)[]): State | null {
  const index = spec.variables.includes(name)
    ? hiddenFile(spec)
    : spec.files.findIndex((file) => file.name === name);
  const at = spec.folders.findIndex(({ files }) => files.some(({ file }) => file === index));
  return notes[at] ?? null;
}

function heldIn(
  { digests, fingerprint }: Pick<State, "digests" | "fingerprint">,
  name: string,
): Held | null {
  const digest = digests.get(name);
  return digest === undefined || fingerprint === undefined ? null : { digest, fingerprint };
}
