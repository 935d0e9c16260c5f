import { readEntry } from "./entry.ts";
import type { Fields } from "./fields.ts";
import { BUILD, COMMON } from "./model.ts";
import type { Entry, FileTarget, Scope } from "./model.ts";
import { isBuildId, isEnvName, isEnvironmentName } from "./names.ts";
import type { TomlMember } from "./tree-model.ts";

/** Files that `[[secret_files]]` makes of values, by their names. */
type Listed = ReadonlyMap<string, FileTarget>;

/**
 * Reads `[env.*]`: by environment, then by name.
 *
 * @param listed - values that are files without saying so themselves
 */
export function readEnvironments(
  root: Fields,
  listed: Listed,
): Map<string, ReadonlyMap<string, Entry>> {
  const environments = new Map<string, ReadonlyMap<string, Entry>>();
  const env = root.table("env");
  for (const [name, { node }] of env?.members() ?? []) {
    if (!env || !checkEnvironment(env, name, node.kind === "table")) continue;
    const section = env.table(name);
    if (section) environments.set(name, readEntries(section, name, listed));
  }
  return environments;
}

function checkEnvironment(env: Fields, name: string, isTable: boolean): boolean {
  if (!isTable) {
    env.complain(name, "a value can't stand in [env] itself", {
      hint: "move it to [env.common], or to the section of one environment",
    });
    return false;
  }
  if (isEnvironmentName(name) || name === COMMON) return true;
  if (name === BUILD) {
    env.complain(name, "build is no environment", {
      hint: "move these entries to [build_secrets]",
    });
  } else env.complain(name, "this can't name an environment");
  return false;
}

function readEntries(section: Fields, scope: Scope, listed: Listed): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [name, member] of section.members()) {
    const file = listed.get(name);
    const entry = readEnvEntry(section, scope, { name, member, isListed: file !== undefined });
    if (entry?.file && file) refuseTwoPaths(section, name);
    if (entry) entries.set(name, file === undefined ? entry : { ...entry, file });
  }
  return entries;
}

function refuseTwoPaths(section: Fields, name: string): void {
  section.complain(name, "the file has two paths: its own, and one of [[secret_files]]", {
    hint: "take file out here, or take the name out of names there",
  });
}

function readEnvEntry(
  section: Fields,
  scope: Scope,
  o: { readonly name: string; readonly member: TomlMember; readonly isListed: boolean },
): Entry | undefined {
  const { name, member, isListed } = o;
  const hasFile = member.node.kind === "table" && member.node.members.has("file");
  if (!hasFile && !isListed && !isEnvName(name)) {
    section.complain(name, "this is no name of an environment variable", {
      hint: 'use letters, digits and _, or deliver it as a file: { …, file = "/run/secrets/…" }',
    });
  } else if (name === "" || /\p{Cc}/u.test(name)) {
    section.complain(name, "a name has to be printable and not empty");
  }
  const { problems } = section;
  const path = [...section.path, name];
  return readEntry({ problems, scope, path, name, files: true }, member);
}

/** Reads `[build_secrets]`, by id. */
export function readBuildSecrets(root: Fields): Map<string, Entry> {
  const secrets = new Map<string, Entry>();
  const section = root.table("build_secrets");
  for (const [name, member] of section?.members() ?? []) {
    if (!section) break;
    if (!isBuildId(name)) {
      section.complain(name, "this can't be the id of a build secret", {
        hint: "use letters, digits, dots and dashes, as in --mount=type=secret,id=npm-token",
      });
    }
    const { problems } = section;
    const path = [...section.path, name];
    const entry = readEntry({ problems, scope: BUILD, path, name, files: false }, member);
    if (entry) secrets.set(name, entry);
  }
  return secrets;
}
