import { COMMON } from "./model.ts";
import type { Entry, Manifest } from "./model.ts";
import type { Problems } from "./problems.ts";
import { ownEntries } from "./secret-files.ts";

type Entries = ReadonlyMap<string, Entry>;

/** Files each entry whose file would lie where another entry of the same environment puts its own. */
export function fileClashes(
  { environments, secretFiles }: Pick<Manifest, "environments" | "secretFiles">,
  problems: Problems,
): void {
  const common = environments.get(COMMON) ?? new Map<string, Entry>();
  const own = ownEntries(secretFiles);
  checkSection(own, [], problems);
  for (const entry of own) refuseName(entry, environments, problems);
  checkSection([...common.values()], own, problems);
  for (const [name, section] of environments) {
    if (name === COMMON) continue;
    // what the environment defines itself is not taken from common
    const inherited = [...common.values()].filter((entry) => !section.has(entry.name));
    checkSection([...section.values()], [...own, ...inherited], problems);
  }
}

function checkSection(
  section: readonly Entry[],
  others: readonly Entry[],
  problems: Problems,
): void {
  const taken = new Map<string, Entry>();
  for (const entry of others) if (entry.file) taken.set(entry.file.path, entry);
  for (const entry of section) {
    if (!entry.file) continue;
    const other = taken.get(entry.file.path);
    taken.set(entry.file.path, entry);
    if (!other) continue;
    problems.add({
      ...spotOf(entry),
      message: `line ${other.place.line ?? 1} delivers another secret at the same path`,
      hint: "give one of them another path",
    });
  }
}

/** A file of `[[secret_files]]` is called by its path or its key, and so may nothing else be. */
function refuseName(
  entry: Entry,
  environments: ReadonlyMap<string, Entries>,
  problems: Problems,
): void {
  for (const section of environments.values()) {
    const other = section.get(entry.name);
    if (!other) continue;
    problems.add({
      ...spotOf(entry),
      message: `line ${other.place.line ?? 1} has a value of the same name`,
      hint: "give that value another name",
    });
  }
}

function spotOf({ place, file, scope, name }: Entry) {
  const { line = 1, column = 1 } = place;
  const isOwn = place.key?.startsWith("secret_files.") === true;
  const path = isOwn
    ? ["secret_files", file?.path ?? name]
    : ["env", scope, name, ...(file?.ownFolder === true ? [] : ["file"])];
  return { at: { line, column }, path };
}
