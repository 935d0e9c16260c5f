import type { Place } from "../errors.ts";
import { Fields } from "./fields.ts";
import { filePathFault, readOwnership } from "./file-target.ts";
import { COMMON } from "./model.ts";
import type { Entry, FileTarget, FilesSource, SecretFiles, Source } from "./model.ts";
import { nearMiss } from "./near-miss.ts";
import { fileAt, fileIn } from "./secret-files.ts";
import { membersInOrder } from "./tree-model.ts";
import type { TomlTable } from "./tree-model.ts";

/** Where the content comes from; an item has exactly one of these. */
const SOURCES = ["secret", "names", "template"] as const;

const KEYS = ["mount_path", ...SOURCES, "key", "keys", "owner", "mode"] as const;

/** NAME_MAX of Linux, in bytes. */
const MAX_FILE_NAME = 255;

/** Reads `[[secret_files]]`. */
export function readSecretFiles(root: Fields): SecretFiles[] {
  const found: SecretFiles[] = [];
  for (const node of root.array("secret_files")?.items ?? []) {
    const item = node.kind === "table" ? readItem(root, node) : undefined;
    if (item) found.push(item);
    if (node.kind !== "table") root.complain("secret_files", "each item has to be a table");
  }
  refuseNamesTwice(root, found);
  return found;
}

function readItem(root: Fields, node: TomlTable): SecretFiles | undefined {
  const [first] = membersInOrder(node);
  const at = first?.[1].at ?? root.member("secret_files")?.at ?? root.at;
  const fields = new Fields(root.problems, ["secret_files"], { at, node });
  lookAtUnknown(fields);
  const mountPath = readMountPath(fields);
  const ownership = readOwnership(fields);
  const kind = readKind(fields);
  if (kind === undefined) return undefined;
  // without a path the rest is looked at, too
  const anyPath = kind === "template" ? "/file" : "/folder/";
  const target = { mountPath: mountPath ?? anyPath, ...ownership };
  const source = READERS[kind](fields, target);
  if (mountPath === undefined || source === undefined) return undefined;
  return { ...target, source, place: root.problems.place(at, fields.path) };
}

/** Others may be the platform's. */
function lookAtUnknown(fields: Fields): void {
  for (const [name, { at }] of fields.members()) {
    if (KEYS.some((key) => key === name)) continue;
    const meant = nearMiss(name, KEYS);
    if (meant === undefined) {
      const message = "this is read past, as a key of the platform";
      const hint = `known here are: ${KEYS.join(", ")}`;
      fields.problems.warn({ at, path: [...fields.path, name], message, hint });
    } else {
      fields.complain(name, "this is no key of [[secret_files]]", {
        hint: `did you mean ${meant}?`,
      });
    }
  }
}

function readMountPath(fields: Fields): string | undefined {
  if (!fields.has("mount_path")) return fields.complain("mount_path", "mount_path is missing");
  const path = fields.text("mount_path");
  const fault = path === undefined ? null : mountPathFault(path);
  if (fault === null) return path;
  return fields.complain("mount_path", fault, {
    hint: 'write a path inside the container: "/app/secrets/" for a folder, "/app/key.pem" for a file',
  });
}

function mountPathFault(path: string): string | null {
  if (!path.startsWith("/")) return "the path is relative";
  if (path === "/") return "the path is the root folder, which can't be replaced";
  return filePathFault(path.replace(/\/$/, ""));
}

/** Complains of keys that don't go together. */
function readKind(fields: Fields): (typeof SOURCES)[number] | undefined {
  const [kind, second] = SOURCES.filter((name) => fields.has(name));
  if (second !== undefined) {
    return fields.complain(second, `the files have two sources: ${kind} and ${second}`, {
      hint: "keep one of the two, and write another [[secret_files]] for the other",
    });
  }
  const keys = ["key", "keys"].filter((name) => fields.has(name));
  for (const name of kind === "secret" ? keys.slice(1) : keys) {
    if (kind === "secret")
      fields.complain(name, "key and keys exclude each other", { hint: "keep one" });
    else {
      fields.complain(name, `${name} has no meaning without secret`, {
        hint: 'add secret = "…", the name of a Kubernetes secret, or use names',
      });
    }
  }
  if (kind !== undefined || keys.length > 0) return kind;
  return fields.complain("secret", "secret is missing", {
    hint: 'add secret = "…", names = ["…"] or template = "…"',
  });
}

type Target = Pick<SecretFiles, "mountPath" | "owner" | "mode">;

const READERS: Record<
  (typeof SOURCES)[number],
  (fields: Fields, target: Target) => FilesSource | undefined
> = { secret: readSecret, names: readNames, template: readTemplate };

function readSecret(fields: Fields, target: Target): FilesSource | undefined {
  const secret = fields.text("secret");
  const keys = readKeys(fields);
  if (secret === undefined || keys === undefined) return undefined;
  if (keys === "all") return { kind: "secret", secret };
  if (fields.has("keys") && !needsFolder(fields, "keys", target)) return undefined;
  const entries = keys.map((key) =>
    entryAt(fields, isFolder(target) ? fileIn(target, key) : fileAt(target), {
      name: `${secret}/${key}`,
      source: { kind: "kubernetes", secret, key },
    }),
  );
  return { kind: "entries", entries };
}

function readKeys(fields: Fields): readonly string[] | "all" | undefined {
  if (fields.has("keys")) return readFileNames(fields, "keys");
  if (!fields.has("key")) return "all";
  const key = fields.text("key");
  return key === undefined || refusesName(fields, "key", key) ? undefined : [key];
}

function readNames(fields: Fields, target: Target): FilesSource | undefined {
  const names = readFileNames(fields, "names");
  if (names === undefined || !needsFolder(fields, "names", target)) return undefined;
  const at = fields.member("names")?.at ?? fields.at;
  return { kind: "names", names, place: fields.problems.place(at, [...fields.path, "names"]) };
}

function readTemplate(fields: Fields, target: Target): FilesSource | undefined {
  const template = fields.text("template");
  if (template === undefined) return undefined;
  if (isFolder(target)) {
    return fields.complain("mount_path", "a template is one file, and this is a folder", {
      hint: "end it with the name of the file, without a slash",
    });
  }
  const source = { kind: "template", template } as const;
  const name = target.mountPath;
  return { kind: "entries", entries: [entryAt(fields, fileAt(target), { name, source })] };
}

/** A list of at least one text, each of which can name a file, and no two of them the same. */
function readFileNames(fields: Fields, name: string): readonly string[] | undefined {
  const items = fields.array(name)?.items;
  if (items === undefined) return undefined;
  const texts = items.flatMap((node) => (node.kind === "string" ? [node.text] : []));
  if (texts.length === 0 || texts.length < items.length) {
    return fields.complain(name, "this has to be a list of names in quotes", {
      hint: `write ${name} = ["API_KEY", "tls.key"]`,
    });
  }
  if (texts.some((text) => refusesName(fields, name, text))) return undefined;
  const twice = texts.find((text, index) => texts.indexOf(text) < index);
  if (twice === undefined) return texts;
  return fields.complain(name, `the list has ${JSON.stringify(twice)} twice`);
}

function refusesName(fields: Fields, name: string, text: string): boolean {
  // names that begin with two dots are for the folder itself
  const isName = /^(?!\.\.)[^/\p{Cc}]+$/u.test(text) && text !== ".";
  if (isName && Buffer.byteLength(text) <= MAX_FILE_NAME) return false;
  fields.complain(name, "this can't name a file", {
    hint: "use a name without a slash that does not begin with two dots",
  });
  return true;
}

function needsFolder(fields: Fields, name: string, target: Target): boolean {
  if (isFolder(target)) return true;
  fields.complain("mount_path", `${name} are files in a folder, and this is a file`, {
    hint: "end it with a slash",
  });
  return false;
}

function isFolder({ mountPath }: Target): boolean {
  return mountPath.endsWith("/");
}

function entryAt(
  fields: Fields,
  file: FileTarget,
  { name, source }: { readonly name: string; readonly source: Source },
): Entry {
  const at = fields.member(source.kind === "template" ? "template" : "secret")?.at ?? fields.at;
  const place = fields.problems.place(at, [...fields.path, file.path]);
  return { name, scope: COMMON, source, place, file };
}

function refuseNamesTwice(root: Fields, items: readonly SecretFiles[]): void {
  const seen = new Map<string, Place>();
  for (const { source } of items) {
    if (source.kind !== "names") continue;
    const { names, place } = source;
    for (const name of names) {
      const other = seen.get(name);
      seen.set(name, place);
      if (other === undefined) continue;
      const { line = 1, column = 1 } = place;
      root.problems.add({
        at: { line, column },
        path: ["secret_files", "names"],
        message: `${JSON.stringify(name)} is listed at line ${other.line ?? 1}, too`,
        hint: "keep it in one of the lists",
      });
    }
  }
}
