import { COMMON } from "./model.ts";
import type { Entry } from "./model.ts";
import type { Problems } from "./problems.ts";

/** Files each entry whose file would lie where another entry of the same environment puts its own. */
export function fileClashes(
  environments: ReadonlyMap<string, ReadonlyMap<string, Entry>>,
  problems: Problems,
): void {
  const common = environments.get(COMMON) ?? new Map<string, Entry>();
  checkSection(common, new Map(), problems);
  for (const [name, section] of environments) {
    if (name === COMMON) continue;
    // what the environment defines itself is not taken from common
    const inherited = [...common].filter(([entry]) => !section.has(entry));
    checkSection(section, new Map(inherited), problems);
  }
}

function checkSection(
  section: ReadonlyMap<string, Entry>,
  inherited: ReadonlyMap<string, Entry>,
  problems: Problems,
): void {
  const taken = new Map<string, Entry>();
  for (const entry of inherited.values()) if (entry.file) taken.set(entry.file.path, entry);
  for (const entry of section.values()) {
    if (!entry.file) continue;
    const other = taken.get(entry.file.path);
    taken.set(entry.file.path, entry);
    if (!other) continue;
    const { line = 1, column = 1 } = entry.place;
    problems.add({
      at: { line, column },
      path: ["env", entry.scope, entry.name, "file"],
      message: `line ${other.place.line ?? 1} delivers another secret at the same path`,
      hint: "give one of them another path",
    });
  }
}
