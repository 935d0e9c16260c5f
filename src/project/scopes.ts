import { UsageError } from "../errors.ts";
import { BUILD, COMMON } from "../manifest/model.ts";
import type { Entry, Manifest, Scope } from "../manifest/model.ts";
import { isBuildId, isEnvName, isEnvironmentName } from "../manifest/names.ts";

/** A name within a scope. */
export interface Target {
  readonly name: string;
  readonly scope: Scope;
}

/** Section of the manifest that a scope's entries stand in. */
export function sectionOf(scope: Scope): readonly string[] {
  return scope === BUILD ? ["build_secrets"] : ["env", scope];
}

/** Entries of one scope; empty when it has no section. */
export function entriesOf(manifest: Manifest, scope: Scope): ReadonlyMap<string, Entry> {
  if (scope === BUILD) return manifest.buildSecrets;
  return manifest.environments.get(scope) ?? new Map<string, Entry>();
}

/** The entry that a scope itself has, without what common adds. */
export function entryOf(manifest: Manifest, { name, scope }: Target): Entry | undefined {
  return entriesOf(manifest, scope).get(name);
}

/** Every scope that has entries: common first, then the environments, then build. */
export function scopesOf(manifest: Manifest): Scope[] {
  const environments = [...manifest.environments.keys()].filter((name) => name !== COMMON);
  return [COMMON, ...environments, BUILD].filter((scope) => entriesOf(manifest, scope).size > 0);
}

/**
 * Refuses a scope or name that can't be one. Neither is repeated in the message: what stands in
 * place of a name may be the value.
 *
 * @throws UsageError USAGE
 */
export function checkTarget({ name, scope, isFile }: Target & { readonly isFile: boolean }): void {
  if (scope !== COMMON && scope !== BUILD && !isEnvironmentName(scope)) {
    throw new UsageError("USAGE", "this can't name an environment", {
      hint: "name one such as prod; no space and no slash",
    });
  }
  if (isName(name) && (scope === BUILD ? isBuildId(name) : isFile || isEnvName(name))) return;
  throw new UsageError("USAGE", "this can't be the name of a secret", {
    hint:
      scope === BUILD
        ? "use letters, digits, dots and dashes"
        : "use letters, digits and _, or deliver it as a file: --file /run/secrets/…",
  });
}

function isName(name: string): boolean {
  return name !== "" && name !== "__proto__" && !/\p{Cc}/u.test(name);
}
