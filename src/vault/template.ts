import { ManifestError, type ErrorCode } from "../errors.ts";
import type { Entry } from "../manifest/model.ts";
import { nearMiss } from "../manifest/near-miss.ts";
import { parseTemplate, type Part } from "../manifest/template.ts";
import { setCommand } from "./select.ts";

/**
 * The given entries and all that their templates refer to, each once, what is referred to first.
 *
 * @param siblings - what templates may refer to: the entries of the same environment
 * @throws {@link ManifestError} SECRET_MISSING for a name that is not set; MANIFEST_INVALID for a
 * template that is not well formed or that leads back to itself
 */
export function closureOf(
  entries: readonly Entry[],
  siblings: ReadonlyMap<string, Entry>,
): readonly Entry[] {
  const done = new Set<Entry>();
  const visit = (entry: Entry, path: readonly Entry[]): void => {
    if (done.has(entry)) return;
    if (path.includes(entry)) throw cycle(entry, path);
    for (const name of referencesOf(entry)) {
      const target = siblings.get(name);
      if (target === undefined) throw unknownName(entry, name, siblings);
      visit(target, [...path, entry]);
    }
    done.add(entry);
  };
  for (const entry of entries) visit(entry, []);
  return [...done];
}

/** Names that the template of an entry refers to; none when it has no template. */
export function referencesOf(entry: Entry): readonly string[] {
  return partsOf(entry).flatMap((part) => ("name" in part ? [part.name] : []));
}

/** The template of an entry, taken apart; empty when it has none. */
export function partsOf(entry: Entry): readonly Part[] {
  if (entry.source.kind !== "template") return [];
  const parts = parseTemplate(entry.source.template);
  if (parts !== null) return parts;
  const hint = "write ${NAME}; a ${ that is meant as text is written $${";
  throw invalid(entry, "MANIFEST_INVALID", "has a template with a ${ that is not closed", hint);
}

function cycle(entry: Entry, path: readonly Entry[]): ManifestError {
  const loop = [...path.slice(path.indexOf(entry)), entry].map(({ name }) => name).join(" → ");
  const hint = "let one of them stand for itself";
  return invalid(
    entry,
    "MANIFEST_INVALID",
    `has a template that leads back to itself: ${loop}`,
    hint,
  );
}

function unknownName(
  entry: Entry,
  name: string,
  siblings: ReadonlyMap<string, Entry>,
): ManifestError {
  const near = nearMiss(name, siblings.keys());
  const meant = near === undefined ? "" : `; did you mean ${near}?`;
  const message = `has a template that names ${JSON.stringify(name)}, which is not set${meant}`;
  return invalid(entry, "SECRET_MISSING", message, setCommand(name, entry.scope));
}

function invalid(entry: Entry, code: ErrorCode, what: string, hint: string): ManifestError {
  const message = `${entry.place.key ?? entry.name} ${what}`;
  return new ManifestError([{ code, message, place: entry.place, hint }]);
}
