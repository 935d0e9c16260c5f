/** What `[[secret_files]]` makes of the values of an environment. */
import type { Entry, FileTarget, SecretFiles } from "./model.ts";
import { dottedKey } from "./toml-text.ts";

type Target = Pick<SecretFiles, "mountPath" | "owner" | "mode">;

/** The files of values that `names` lists, by the name of the value. */
export function listedFiles(items: readonly SecretFiles[]): ReadonlyMap<string, FileTarget> {
  return new Map(
    items.flatMap(({ source, ...item }) =>
      source.kind === "names" ? source.names.map((name) => [name, fileIn(item, name)]) : [],
    ),
  );
}

/** Files whose place and source stand in `[[secret_files]]` alone: those of `key` and `template`. */
export function ownEntries(items: readonly SecretFiles[]): Entry[] {
  return items.flatMap(({ source }) => (source.kind === "entries" ? source.entries : []));
}

/** What becomes of names that are listed and that an environment lacks: values that are not set. */
export function unsetEntries(
  items: readonly SecretFiles[],
  { environment, has }: { readonly environment: string; has: (name: string) => boolean },
): Entry[] {
  return items.flatMap(({ source, ...item }) => {
    if (source.kind !== "names") return [];
    const missing = source.names.filter((name) => !has(name));
    return missing.map((name) => {
      const place = { ...source.place, key: dottedKey(["secret_files", "names", name]) };
      const file = fileIn(item, name);
      return { name, scope: environment, source: { kind: "unset" } as const, place, file };
    });
  });
}

/** One file of a folder that holds nothing but secrets. */
export function fileIn({ mountPath, ...target }: Target, name: string): FileTarget {
  return {
    ...ownershipOf(target),
    path: `${mountPath.replace(/\/$/, "")}/${name}`,
    ownFolder: true,
  };
}

/** The very file that the path names. */
export function fileAt({ mountPath, ...target }: Target): FileTarget {
  return { ...ownershipOf(target), path: mountPath };
}

/** Of a target that may have more to it. */
function ownershipOf({ owner, mode }: Partial<Target>): Pick<FileTarget, "owner" | "mode"> {
  return { ...(owner === undefined ? {} : { owner }), ...(mode === undefined ? {} : { mode }) };
}
