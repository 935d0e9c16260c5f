import { UsageError } from "../errors.ts";
import { BUILD, COMMON, DEFAULT_ENVIRONMENT } from "./model.ts";
import type { Entry, Manifest } from "./model.ts";
import { isEnvironmentName } from "./names.ts";
import { ownEntries, unsetEntries } from "./secret-files.ts";

/**
 * The environment to use: the flag, else the variable, else the manifest's `default_environment`,
 * else `test`. One without a section of its own is allowed and has what `[env.common]` has.
 *
 * @param o.flag - value of `--env`
 * @param o.variable - value of `SEALMOUNT_ENV`; empty is the same as not set
 * @throws UsageError USAGE when the chosen name is `common`, `build` or no name at all
 */
export function chooseEnvironment(o: {
  readonly flag?: string | undefined;
  readonly variable?: string | undefined;
  readonly manifest: Manifest;
}): string {
  const variable = o.variable === "" ? undefined : o.variable;
  const name = o.flag ?? variable ?? o.manifest.defaultEnvironment ?? DEFAULT_ENVIRONMENT;
  if (isEnvironmentName(name)) return name;
  const source = o.flag === undefined ? "SEALMOUNT_ENV" : "--env";
  if (name === COMMON || name === BUILD) {
    throw new UsageError("USAGE", `${name} is no environment that can be chosen`, {
      hint:
        name === COMMON
          ? "what is in [env.common] is part of every environment: name one, such as test"
          : "build secrets are served by sealmount build: name an environment, such as test",
    });
  }
  throw new UsageError("USAGE", `${source} does not hold the name of an environment`, {
    hint: "name an environment such as prod; no space and no slash",
  });
}

/**
 * Everything an environment has: `[env.common]`, overlaid name by name by its own section, and what
 * `[[secret_files]]` adds, but for whole Kubernetes secrets, whose names only the cluster knows.
 *
 * @returns in file order of common, then what only the environment has, then names of
 *   `[[secret_files]]` that have no value here (as `unset`), then its keys and templates
 */
export function overlayEnvironment(
  manifest: Manifest,
  environment: string,
): ReadonlyMap<string, Entry> {
  const { environments, secretFiles } = manifest;
  const values = [...(environments.get(COMMON) ?? []), ...(environments.get(environment) ?? [])];
  const entries = new Map(values);
  const has = (name: string): boolean => entries.has(name);
  const unset = unsetEntries(secretFiles, { environment, has });
  for (const entry of [...unset, ...ownEntries(secretFiles)]) entries.set(entry.name, entry);
  return entries;
}
