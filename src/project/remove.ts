import { ManifestError, PolicyError, UsageError } from "../errors.ts";
import { BUILD, COMMON } from "../manifest/model.ts";
import type { Entry, Manifest, Scope } from "../manifest/model.ts";
import { nearMiss } from "../manifest/near-miss.ts";
import { overlayEnvironment } from "../manifest/overlay.ts";
import { tomlKey } from "../manifest/toml-text.ts";
import type { Project } from "./project.ts";
import { entriesOf, entryOf, scopesOf, sectionOf } from "./scopes.ts";
import type { Target } from "./scopes.ts";
import { writeManifest } from "./write.ts";

/** What to remove. */
export interface RemoveOptions {
  readonly name: string;
  /** May be left out when only one scope has the name. */
  readonly scope?: Scope | undefined;
  /** Also when a template still refers to it. */
  readonly force?: boolean | undefined;
}

/** What was done; plain data. */
export interface RemoveResult {
  readonly name: string;
  readonly scope: Scope;
  /** The manifest, as errors show it. */
  readonly file: string;
}

/**
 * Removes an entry from the manifest; comments on lines of their own stay. Containers that have
 * the value keep it.
 *
 * @throws ManifestError SECRET_MISSING; UsageError USAGE_CONFLICT when several scopes have the name
 *   and none was given; PolicyError POLICY when a template would be left without it
 */
export async function removeSecret(project: Project, o: RemoveOptions): Promise<RemoveResult> {
  const { manifest, text } = project;
  const target = { name: o.name, scope: o.scope ?? onlyScope(project, o.name) };
  if (!entryOf(manifest, target)) throw missing(project, target);
  const users = o.force === true ? [] : templatesLeftWithout(manifest, target);
  const [user] = users;
  if (user) throw inUse(target, user, users.length);
  const { removeEntry } = await import("../manifest/edit.ts");
  const section = sectionOf(target.scope);
  const result = removeEntry(text, { section, name: o.name, file: manifest.file });
  if (result === null) throw missing(project, target);
  await writeManifest(project, result);
  return { ...target, file: manifest.file };
}

function onlyScope(project: Project, name: string): Scope {
  const found = scopesOf(project.manifest).filter((scope) =>
    entriesOf(project.manifest, scope).has(name),
  );
  const [scope, ...others] = found;
  if (scope === undefined) throw missing(project, { name, scope: COMMON });
  if (others.length === 0) return scope;
  throw new UsageError("USAGE_CONFLICT", `${tomlKey(name)} is in ${found.length} scopes`, {
    hint: `choose one: ${found.map(tomlKey).join(", ")}`,
  });
}

function missing({ manifest }: Project, { name, scope }: Target): ManifestError {
  const elsewhere = scopesOf(manifest).filter((other) => entriesOf(manifest, other).has(name));
  const names = scopesOf(manifest).flatMap((other) => [...entriesOf(manifest, other).keys()]);
  const meant = nearMiss(name, names);
  const known = meant === undefined ? "sealmount ls" : `did you mean ${tomlKey(meant)}?`;
  const section = sectionOf(scope).map(tomlKey).join(".");
  return new ManifestError([
    {
      code: "SECRET_MISSING",
      message: `there is no such name in [${section}]`,
      place: { file: manifest.file },
      hint: elsewhere.length > 0 ? `it is in: ${elsewhere.map(tomlKey).join(", ")}` : known,
    },
  ]);
}

/** Entries whose template refers to the name in an environment that has it no longer. */
function templatesLeftWithout(manifest: Manifest, { name, scope }: Target): Entry[] {
  if (scope === BUILD) return [];
  const environments = scope === COMMON ? manifest.environments.keys() : [scope];
  const users = new Set<Entry>();
  for (const environment of environments) {
    const entries = new Map(overlayEnvironment(manifest, environment));
    const survivor = scope === COMMON ? environment : COMMON;
    if (survivor !== scope && entriesOf(manifest, survivor).has(name)) continue;
    for (const entry of entries.values()) {
      if (entry.name !== name && refersTo(entry, name)) users.add(entry);
    }
  }
  return [...users];
}

function refersTo({ source }: Entry, name: string): boolean {
  return source.kind === "template" && source.template.includes(`\${${name}}`);
}

function inUse({ name }: Target, user: Entry, count: number): PolicyError {
  const more = count === 1 ? "" : ` and ${count - 1} more`;
  return new PolicyError("POLICY", `the template of ${tomlKey(user.name)}${more} needs ${name}`, {
    place: user.place,
    hint: "change the template first, or use --force",
  });
}
