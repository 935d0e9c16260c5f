import { ManifestError, PolicyError, UsageError } from "../errors.ts";
import type { Place } from "../errors.ts";
import { BUILD, COMMON } from "../manifest/model.ts";
import type { Manifest, Scope } from "../manifest/model.ts";
import { nearMiss } from "../manifest/near-miss.ts";
import { overlayEnvironment } from "../manifest/overlay.ts";
import { namesIn } from "../manifest/template.ts";
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
  /** Also when a template or a list of files still refers to it. */
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
 *   and none was given; PolicyError POLICY when a template or a list of files would be left without it
 */
export async function removeSecret(project: Project, o: RemoveOptions): Promise<RemoveResult> {
  const { manifest, text } = project;
  const target = { name: o.name, scope: o.scope ?? onlyScope(project, o.name) };
  if (!entryOf(manifest, target)) throw missing(project, target);
  const users = o.force === true ? [] : usersLeftWithout(manifest, target);
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

/** What asks for the name in an environment that has it no longer: a template, or a list of files. */
interface User {
  readonly what: string;
  readonly place: Place;
}

function usersLeftWithout(manifest: Manifest, target: Target): User[] {
  const { name } = target;
  const without = environmentsWithout(manifest, target);
  const entries = without.flatMap((environment) => [
    ...overlayEnvironment(manifest, environment).values(),
  ]);
  const templates = [...new Set(entries)].filter(
    (entry) => entry.name !== name && namesIn(entry).includes(name),
  );
  const lists = manifest.secretFiles.flatMap(({ source }) =>
    without.length > 0 && source.kind === "names" && source.names.includes(name) ? [source] : [],
  );
  return [
    ...templates.map((entry) => ({
      what: `the template of ${tomlKey(entry.name)}`,
      place: entry.place,
    })),
    ...lists.map(({ place }) => ({ what: "a list of [[secret_files]]", place })),
  ];
}

/** Environments that would have the name no longer. */
function environmentsWithout(manifest: Manifest, { name, scope }: Target): string[] {
  if (scope === BUILD) return [];
  const environments = scope === COMMON ? [...manifest.environments.keys()] : [scope];
  return environments.filter((environment) => {
    const other = scope === COMMON ? environment : COMMON;
    return other === scope || !entriesOf(manifest, other).has(name);
  });
}

function inUse({ name }: Target, { what, place }: User, count: number): PolicyError {
  const more = count === 1 ? "" : ` and ${count - 1} more`;
  return new PolicyError("POLICY", `${what}${more} needs ${name}`, {
    place,
    hint: "change that first, or use --force",
  });
}
