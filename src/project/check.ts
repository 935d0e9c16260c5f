import type { ManifestIssue } from "../errors.ts";
import { BUILD, COMMON, publicKeyFor } from "../manifest/model.ts";
import type { Entry } from "../manifest/model.ts";
import { overlayEnvironment } from "../manifest/overlay.ts";
import { tomlKey } from "../manifest/toml-text.ts";
import { checkSecretFiles } from "./check-files.ts";
import type { Project } from "./project.ts";
import { entriesOf, scopesOf } from "./scopes.ts";

/**
 * Which of some names have no value. Needs no private key.
 *
 * @param o.environment - look in this environment, common included; otherwise in every scope,
 *   build secrets included
 */
export function checkNames(
  project: Project,
  o: { readonly environment?: string | undefined; readonly names: readonly string[] },
): { missing: string[] } {
  const { manifest } = project;
  const maps =
    o.environment === undefined
      ? scopesOf(manifest).map((scope) => entriesOf(manifest, scope))
      : [overlayEnvironment(manifest, o.environment)];
  const isSet = (name: string): boolean =>
    maps.some((entries) => (entries.get(name)?.source.kind ?? "unset") !== "unset");
  return { missing: [...new Set(o.names)].filter((name) => !isSet(name)) };
}

/**
 * What is wrong with a manifest that parses, without opening a value: plain values under names of
 * secrets, expired values, names that are declared, or needed by `[[secret_files]]`, but not set.
 *
 * @param o.strict - also what only looks wrong: warnings of the parser, plain build secrets, sealed
 *   values in a scope without a public key (they can't be set again)
 * @param o.now - the time to compare `expires` with
 * @returns in file order; codes POLICY, SECRET_MISSING, KEY_NOT_FOUND, MANIFEST_INVALID
 */
export function checkManifest(
  { manifest }: Project,
  o: { readonly strict?: boolean | undefined; readonly now?: Date } = {},
): ManifestIssue[] {
  const now = o.now ?? new Date();
  const strict = o.strict === true;
  const issues = scopesOf(manifest).flatMap((scope) =>
    [...entriesOf(manifest, scope).values()].flatMap((entry) => [
      ...plainSecret(entry, strict),
      ...expired(entry, now),
      ...unset(entry),
      ...(strict && publicKeyFor(manifest.seal, scope) === undefined ? noKey(entry) : []),
    ]),
  );
  const files = checkSecretFiles(manifest);
  return [...issues, ...files, ...(strict ? manifest.warnings : [])].toSorted(
    (a, b) => (a.place.line ?? 0) - (b.place.line ?? 0),
  );
}

/** Parts of a name that say that its value is secret. */
const SECRET_NAME =
  /(?:^|_)(?:secret|token|password|passwd|passphrase|api_?key|private_?key|access_?key|credentials?)(?:_|$)/i;

function plainSecret({ name, scope, source, place }: Entry, strict: boolean): ManifestIssue[] {
  if (source.kind !== "plain" || source.value === "") return [];
  const looksSecret = SECRET_NAME.test(name) || (strict && scope === BUILD);
  if (!looksSecret) return [];
  return [
    {
      code: "POLICY",
      message: "the value stands here in plain, under the name of a secret",
      place,
      hint: `sealmount set ${tomlKey(name)} ${flagOf(scope)}, and take the old value out of use`,
    },
  ];
}

function expired({ expires, place, name, scope }: Entry, now: Date): ManifestIssue[] {
  // a bare date holds to its end, in UTC
  const end = expires?.length === 10 ? `${expires}T23:59:59Z` : expires?.replace(" ", "T");
  if (end === undefined || !(new Date(end) < now)) return [];
  return [
    {
      code: "POLICY",
      message: `the value has expired (${expires})`,
      place,
      hint: `sealmount set ${tomlKey(name)} ${flagOf(scope)}, with a new date`,
    },
  ];
}

function unset({ source, place, name, scope }: Entry): ManifestIssue[] {
  if (source.kind !== "unset") return [];
  const message = "this is declared but has no value";
  const hint = `sealmount set ${tomlKey(name)} ${flagOf(scope)}`;
  return [{ code: "SECRET_MISSING", message, place, hint }];
}

function noKey({ source, place }: Entry): ManifestIssue[] {
  if (source.kind !== "sealed") return [];
  const message = "the manifest has no public key of this scope, so the value can't be set again";
  return [{ code: "KEY_NOT_FOUND", message, place, hint: "sealmount key new" }];
}

function flagOf(scope: string): string {
  if (scope === BUILD || scope === COMMON) return `--${scope}`;
  return `--env ${tomlKey(scope)}`;
}
