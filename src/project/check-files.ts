import type { ManifestIssue } from "../errors.ts";
import { COMMON } from "../manifest/model.ts";
import type { Entry, Manifest } from "../manifest/model.ts";
import { nearMiss } from "../manifest/near-miss.ts";
import { overlayEnvironment } from "../manifest/overlay.ts";
import { ownEntries } from "../manifest/secret-files.ts";
import { namesIn, parseTemplate } from "../manifest/template.ts";
import { tomlKey } from "../manifest/toml-text.ts";

/**
 * Names that `[[secret_files]]` asks for, in a list or a template, and that an environment of the
 * manifest lacks: what is delivered in every environment has to be set in every one.
 */
export function checkSecretFiles(manifest: Manifest): ManifestIssue[] {
  const lists = manifest.secretFiles.flatMap(({ source }) =>
    source.kind === "names" ? source.names.map((name) => ({ name, place: source.place })) : [],
  );
  const own = ownEntries(manifest.secretFiles);
  const references = own.flatMap((entry) =>
    namesIn(entry).map((name) => ({ name, place: entry.place })),
  );
  return [
    ...own.flatMap(broken),
    ...[...lists, ...references].flatMap((asked) => missing(manifest, asked)),
  ];
}

function broken({ source, place }: Entry): ManifestIssue[] {
  if (source.kind !== "template" || parseTemplate(source.template) !== null) return [];
  return [
    {
      code: "MANIFEST_INVALID",
      message: "the template has a ${ that is not closed",
      place,
      hint: "write ${NAME}; a ${ that is meant as text is written $${",
    },
  ];
}

function missing(
  manifest: Manifest,
  { name, place }: Pick<Entry, "name" | "place">,
): ManifestIssue[] {
  const named = [...manifest.environments.keys()].filter((environment) => environment !== COMMON);
  const environments = named.length === 0 ? [COMMON] : named;
  const overlays = environments.map((one) => [one, overlayEnvironment(manifest, one)] as const);
  const without = overlays.filter(([, entries]) => isMissing(entries.get(name)));
  const [first] = without;
  if (first === undefined) return [];
  const known = new Set(overlays.flatMap(([, entries]) => setNames(entries)));
  const near = known.has(name) ? undefined : nearMiss(name, known);
  const meant = near === undefined ? "" : `; did you mean ${tomlKey(near)}?`;
  const where = without.map(([environment]) => environment).join(", ");
  const scope = without.length === environments.length ? COMMON : first[0];
  const flag = scope === COMMON ? "--common" : `--env ${tomlKey(scope)}`;
  return [
    {
      code: "SECRET_MISSING",
      message: `${tomlKey(name)} becomes part of a file, and is not set in: ${where}${meant}`,
      place,
      hint: `sealmount set ${tomlKey(name)} ${flag}`,
    },
  ];
}

/** A value that is declared in a section of its own is told of there. */
function isMissing(entry: Entry | undefined): boolean {
  if (entry === undefined) return true;
  return entry.source.kind === "unset" && entry.place.key?.startsWith("secret_files.") === true;
}

function setNames(entries: ReadonlyMap<string, Entry>): string[] {
  return [...entries.values()].flatMap(({ name, source }) =>
    source.kind === "unset" ? [] : [name],
  );
}
