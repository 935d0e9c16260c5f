import { fingerprintOf } from "../crypto/keypair.ts";
import type { Place } from "../errors.ts";
import { COMMON, publicKeyFor } from "../manifest/model.ts";
import type { Entry, FileTarget, Manifest, Scope, SecretFiles, Source } from "../manifest/model.ts";
import { overlayEnvironment } from "../manifest/overlay.ts";
import { fileIn, ownEntries } from "../manifest/secret-files.ts";
import type { Project } from "./project.ts";
import { entriesOf, scopesOf } from "./scopes.ts";

/** What may be known about an entry without opening it; plain data without a value. */
export interface SecretInfo {
  readonly name: string;
  readonly scope: Scope;
  readonly kind: Source["kind"];
  /** Fingerprint of the key that the scope seals for now; only for sealed values. */
  readonly keyId?: string;
  /** Only for sealed values, whose padding hides the length itself. */
  readonly lengthClass?: LengthClass;
  /** For a whole Kubernetes secret its folder, with a slash at the end. */
  readonly file?: FileTarget;
  readonly expires?: string;
  readonly type?: string;
  /** Of a build secret: a step that mounts it runs again when the value has changed. */
  readonly cache?: "value";
  readonly description?: string;
  readonly place: Place;
}

/** Up to 1 KiB (a password), up to 16 KiB (a key file), or more. */
export type LengthClass = "short" | "medium" | "long";

/**
 * Lists what the manifest holds. Opens nothing, so it needs no private key.
 *
 * @param o.environment - only what this environment has, common included; otherwise every scope,
 *   and the slots of `[registries]` and `[git]`; either way what `[[secret_files]]` adds
 */
export function listSecrets(
  project: Project,
  o: { readonly environment?: string | undefined } = {},
): SecretInfo[] {
  const { manifest } = project;
  const entries =
    o.environment === undefined ? allEntries(manifest) : inEnvironment(manifest, o.environment);
  const keyIds = new Map<Scope, string | null>();
  const infos = entries.map((entry) => infoOf(entry, keyIdOf(manifest, entry.scope, keyIds)));
  return [...infos, ...manifest.secretFiles.flatMap(wholeSecret)];
}

function inEnvironment(manifest: Manifest, environment: string): Entry[] {
  return [...overlayEnvironment(manifest, environment).values()];
}

function allEntries(manifest: Manifest): Entry[] {
  const inScopes = scopesOf(manifest).flatMap((scope) => [...entriesOf(manifest, scope).values()]);
  const slots = [...manifest.registries, ...manifest.git].flatMap(({ secret }) => secret ?? []);
  return [...inScopes, ...slots, ...ownEntries(manifest.secretFiles)];
}

/** Its files are not known here: only their folder. */
function wholeSecret(files: SecretFiles): SecretInfo[] {
  const { source, place } = files;
  if (source.kind !== "secret") return [];
  const file = fileIn(files, "");
  return [{ name: source.secret, scope: COMMON, kind: "kubernetes", file, place }];
}

function keyIdOf(
  { seal }: Manifest,
  scope: Scope,
  known: Map<Scope, string | null>,
): string | null {
  const cached = known.get(scope);
  if (cached !== undefined) return cached;
  const text = publicKeyFor(seal, scope);
  const keyId = text === undefined ? null : fingerprintOf(text);
  known.set(scope, keyId);
  return keyId;
}

function infoOf(entry: Entry, keyId: string | null): SecretInfo {
  const { source, place, name, scope } = entry;
  const sealed =
    source.kind === "sealed" ? { lengthClass: lengthClassOf(source.encrypted.length) } : {};
  return {
    name,
    scope,
    kind: source.kind,
    ...(source.kind === "sealed" && keyId !== null ? { keyId } : {}),
    ...sealed,
    ...optionalOf(entry),
    place,
  };
}

type Optional = Pick<SecretInfo, "file" | "expires" | "type" | "cache" | "description">;

function optionalOf({ file, expires, type, cache, description }: Entry): Optional {
  return {
    ...(file === undefined ? {} : { file }),
    ...(expires === undefined ? {} : { expires }),
    ...(type === undefined ? {} : { type }),
    ...(cache === undefined ? {} : { cache }),
    ...(description === undefined ? {} : { description }),
  };
}

/** By the length of the sealed text: base64 of the padded envelope and 48 bytes of box. */
function lengthClassOf(characters: number): LengthClass {
  const bytes = (characters * 3) / 4 - 48;
  if (bytes <= 1024) return "short";
  return bytes <= 16 * 1024 ? "medium" : "long";
}
