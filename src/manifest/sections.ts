import { readEntry } from "./entry.ts";
import { Fields } from "./fields.ts";
import { BUILD, COMMON } from "./model.ts";
import type { Entry, Scope, SecretFiles } from "./model.ts";
import { isBuildId, isEnvName, isEnvironmentName } from "./names.ts";
import { membersInOrder } from "./tree-model.ts";
import type { TomlMember, TomlTable } from "./tree-model.ts";

/** Reads `[env.*]`: by environment, then by name. */
export function readEnvironments(root: Fields): Map<string, ReadonlyMap<string, Entry>> {
  const environments = new Map<string, ReadonlyMap<string, Entry>>();
  const env = root.table("env");
  for (const [name, { node }] of env?.members() ?? []) {
    if (!env || !checkEnvironment(env, name, node.kind === "table")) continue;
    const section = env.table(name);
    if (section) environments.set(name, readEntries(section, name));
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

function readEntries(section: Fields, scope: Scope): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [name, member] of section.members()) {
    const entry = readEnvEntry(section, scope, [name, member]);
    if (entry) entries.set(name, entry);
  }
  return entries;
}

function readEnvEntry(
  section: Fields,
  scope: Scope,
  [name, member]: [string, TomlMember],
): Entry | undefined {
  const isFile = member.node.kind === "table" && member.node.members.has("file");
  if (!isFile && !isEnvName(name)) {
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

/** Reads `[[secret_files]]`; keys of the platform that we do not know are read past. */
export function readSecretFiles(root: Fields): SecretFiles[] {
  const found: SecretFiles[] = [];
  for (const node of root.array("secret_files")?.items ?? []) {
    const item = node.kind === "table" ? readItem(root, node) : undefined;
    if (item) found.push(item);
    if (node.kind !== "table") root.complain("secret_files", "each item has to be a table");
  }
  return found;
}

function readItem(root: Fields, node: TomlTable): SecretFiles | undefined {
  const [first] = membersInOrder(node);
  const at = first?.[1].at ?? root.member("secret_files")?.at ?? root.at;
  const fields = new Fields(root.problems, ["secret_files"], { at, node });
  for (const name of ["mount_path", "secret"]) {
    if (!fields.has(name)) fields.complain(name, `${name} is missing`);
  }
  const mountPath = fields.text("mount_path");
  const secret = fields.text("secret");
  if (mountPath === undefined || secret === undefined) return undefined;
  return { mountPath, secret, place: root.problems.place(at, fields.path) };
}
