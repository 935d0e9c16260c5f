import { seal } from "../crypto/seal.ts";
import { PolicyError, UsageError } from "../errors.ts";
import { filePathFault, isOwner } from "../manifest/file-target.ts";
import { BUILD } from "../manifest/model.ts";
import type { Entry, FileTarget, Scope } from "../manifest/model.ts";
import { isDate } from "../manifest/names.ts";
import { listedFiles } from "../manifest/secret-files.ts";
import { tomlKey, tomlString } from "../manifest/toml-text.ts";
import type { Secret } from "../secret/secret.ts";
import type { Project } from "./project.ts";
import { publicKeyOf } from "./public-key.ts";
import { type Attribute, putEntry } from "./put-entry.ts";
import { checkTarget, entryOf, sectionOf } from "./scopes.ts";
import { writeManifest } from "./write.ts";

/** What to seal, and for where. */
export interface SetOptions {
  readonly name: string;
  /** `common`, an environment, or `build`. */
  readonly scope: Scope;
  /** Stays owned by the caller, not wiped here. */
  readonly value: Secret;
  /** Deliver as a file; what is left out stays as it is. */
  readonly file?: FileTarget | undefined;
  /** Refuse when the name has a value already. */
  readonly onlyNew?: boolean | undefined;
  /** ISO date, such as `2027-01-31`. */
  readonly expires?: string | undefined;
  readonly type?: string | undefined;
  readonly description?: string | undefined;
}

/** What was done; plain data without a value. */
export interface SetResult {
  readonly name: string;
  readonly scope: Scope;
  /** Whether there was a value before. */
  readonly replaced: boolean;
  /** Fingerprint of the public key that it was sealed for. */
  readonly keyId: string;
  /** The manifest, as errors show it. */
  readonly file: string;
}

/**
 * Seals a value and writes it into the manifest; needs the public key only. An existing entry
 * keeps its other attributes, its comments and its line: only the sealed text changes.
 *
 * The project is stale afterwards: `reloadProject` reads it again.
 *
 * @throws UsageError USAGE for a name, scope, path or owner that can't be one, VALUE_INVALID for
 *   NUL in an environment variable, BUILD_SECRET_SIZE; PolicyError SECRET_EXISTS; KeyStoreError
 *   KEY_NOT_FOUND without a public key; ManifestError MANIFEST_EDIT_REFUSED, MANIFEST_TOO_LARGE
 */
export async function setSecret(project: Project, o: SetOptions): Promise<SetResult> {
  const existing = entryOf(project.manifest, o);
  const listed = listedFiles(project.manifest.secretFiles).get(o.name);
  const isFile = (o.file ?? existing?.file ?? listed) !== undefined;
  checkTarget({ name: o.name, scope: o.scope, isFile });
  checkAttributes(o);
  checkValue(o, isFile);
  const replaced = existing !== undefined && existing.source.kind !== "unset";
  if (replaced && o.onlyNew === true) throw exists(o, existing);
  const publicKey = publicKeyOf(project, o.scope);
  const { app } = project.manifest.seal;
  const encrypted = await seal(publicKey, { app, scope: o.scope, name: o.name }, o.value);
  const { name, scope } = o;
  const { file } = project.manifest;
  const at = { section: sectionOf(scope), name, file };
  await writeManifest(project, await putEntry(project.text, at, attributesOf(o, encrypted)));
  return { name, scope, replaced, keyId: publicKey.fingerprint, file };
}

/** Attributes as TOML, in the order in which a new entry shows them. */
function attributesOf(o: SetOptions, encrypted: string): Attribute[] {
  const { file, expires, type, description } = o;
  const mode = file?.mode?.toString(8).padStart(4, "0");
  const texts: [string, string | undefined][] = [
    ["encrypted", encrypted],
    ["file", file?.path],
    ["owner", file?.owner],
    ["mode", mode],
    ["type", type],
    ["description", description],
  ];
  const attributes = texts.flatMap(([name, text]): Attribute[] =>
    text === undefined ? [] : [[name, tomlString(text)]],
  );
  return expires === undefined ? attributes : [...attributes, ["expires", expires]];
}

function checkAttributes({ file, expires, scope }: SetOptions): void {
  if (file && scope === BUILD) {
    throw new UsageError("USAGE_CONFLICT", "a build secret has no file of its own", {
      hint: "name the path in the Dockerfile: RUN --mount=type=secret,id=…,target=…",
    });
  }
  const fault = file === undefined ? null : filePathFault(file.path);
  if (fault !== null) {
    throw new UsageError("USAGE", fault, { hint: "write --file /run/secrets/name" });
  }
  if (file?.owner !== undefined && !isOwner(file.owner)) {
    throw new UsageError("USAGE", "the owner is no user or user:group", {
      hint: "write --owner app, 1000 or 1000:1000",
    });
  }
  if (expires !== undefined && !isDate(expires)) {
    throw new UsageError("USAGE", "the expiry is no date", { hint: "write it as 2027-01-31" });
  }
}

/** BuildKit's largest secret: MaxSecretSize of its secretsprovider, 500 KiB. */
const MAX_BUILD_SECRET = 500 * 1024;

function checkValue({ value, scope, name }: SetOptions, isFile: boolean): void {
  if (scope === BUILD) {
    if (value.use((bytes) => bytes.length) <= MAX_BUILD_SECRET) return;
    throw new UsageError("BUILD_SECRET_SIZE", `BuildKit takes at most ${MAX_BUILD_SECRET} bytes`, {
      place: { key: name },
      hint: "store a key here, and the large file encrypted with it elsewhere",
    });
  }
  if (isFile || !value.use((bytes) => bytes.includes(0))) return;
  throw new UsageError("VALUE_INVALID", "the value contains NUL, which no variable can hold", {
    place: { key: name },
    hint: "deliver it as a file: --file /run/secrets/name",
  });
}

function exists({ name, scope }: SetOptions, entry: Entry): PolicyError {
  return new PolicyError("SECRET_EXISTS", `${name} is set already (scope ${tomlKey(scope)})`, {
    place: entry.place,
    hint: "leave out --new to replace it",
  });
}
