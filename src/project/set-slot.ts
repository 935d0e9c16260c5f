import { seal } from "../crypto/seal.ts";
import { PolicyError } from "../errors.ts";
import { slotName } from "../manifest/entry.ts";
import { COMMON } from "../manifest/model.ts";
import type { Slot } from "../manifest/model.ts";
import { tomlString } from "../manifest/toml-text.ts";
import type { Secret } from "../secret/secret.ts";
import type { Project } from "./project.ts";
import { publicKeyOf } from "./public-key.ts";
import { putEntry } from "./put-entry.ts";
import { writeManifest } from "./write.ts";

/** A login to seal into `[registries."HOST"]`. */
export interface RegistrySlot {
  /** With its port, if any; Docker Hub is `docker.io`. */
  readonly host: string;
  /** Empty: the secret is an identity token. */
  readonly username: string;
  /** Stays owned by the caller, not wiped here. */
  readonly secret: Secret;
}

/** What a slot is called, and what would happen to it; plain data. */
export interface SlotTarget {
  readonly host: string;
  /** Dotted key of the sealed value, such as `registries."ghcr.io".password`. */
  readonly key: string;
  /** Whether it has a value, which would be replaced. */
  readonly replaces: boolean;
}

/** What was done; plain data without a value. */
export interface SlotResult {
  readonly host: string;
  /** Dotted key of the sealed value. */
  readonly key: string;
  /** Absent for an identity token. */
  readonly username?: string;
  /** Whether there was a value before. */
  readonly replaced: boolean;
  /** Fingerprint of the public key that it was sealed for. */
  readonly keyId: string;
  /** The manifest, as errors show it. */
  readonly file: string;
}

/**
 * The slots that logins for these hosts go into. Nothing is written; what can be refused without the
 * logins is refused here.
 *
 * @param o.force - also where a slot has a value
 * @throws PolicyError SECRET_EXISTS; KeyStoreError KEY_NOT_FOUND, KEY_INVALID without a public key
 */
export function planSlots(
  project: Project,
  o: { readonly hosts: readonly string[]; readonly force: boolean },
): SlotTarget[] {
  publicKeyOf(project, COMMON);
  return o.hosts.map((host) => {
    const slot = slotOf(project, host);
    const key = slotName(passwordPath(slot?.name ?? host));
    const replaces = hasValue(slot);
    if (replaces && !o.force) throw exists(slot, "is set already");
    return { host, key, replaces };
  });
}

/**
 * Seals logins and writes them into the manifest, all or none; needs the public key only. A slot that
 * is there keeps its comments, its lines and its other attributes. The project is stale afterwards.
 *
 * @throws as {@link planSlots}, SECRET_EXISTS also for a slot without a value that names another user;
 *   ManifestError MANIFEST_EDIT_REFUSED, MANIFEST_TOO_LARGE, and those of parseManifest
 */
export async function setSlots(
  project: Project,
  o: { readonly slots: readonly RegistrySlot[]; readonly force: boolean },
): Promise<SlotResult[]> {
  const { slots, force } = o;
  const targets = planSlots(project, { hosts: slots.map(({ host }) => host), force });
  if (!force) for (const slot of slots) refuseOtherUser(project, slot);
  let { text } = project;
  for (const slot of slots) text = await withSlot(project, text, slot);
  await writeManifest(project, text);
  const keyId = publicKeyOf(project, COMMON).fingerprint;
  const { file } = project.manifest;
  return targets.map(({ host, key, replaces }, index): SlotResult => {
    const username = slots[index]?.username ?? "";
    const named = username === "" ? {} : { username };
    return { host, key, ...named, replaced: replaces, keyId, file };
  });
}

async function withSlot(project: Project, text: string, slot: RegistrySlot): Promise<string> {
  const { removeEntry, setEntry } = await import("../manifest/edit.ts");
  const { seal: identity, file } = project.manifest;
  const path = passwordPath(slotOf(project, slot.host)?.name ?? slot.host);
  const section = path.slice(0, -1);
  const user = { section, name: "username", file };
  const named =
    slot.username === ""
      ? (removeEntry(text, user) ?? text)
      : setEntry(text, { ...user, value: tomlString(slot.username) });
  const bound = { app: identity.app, scope: COMMON, name: slotName(path) };
  const encrypted = await seal(publicKeyOf(project, COMMON), bound, slot.secret);
  const at = { section, name: "password", file };
  return putEntry(named, at, [["encrypted", tomlString(encrypted)]]);
}

function slotOf({ manifest }: Project, host: string): Slot | undefined {
  return manifest.registries.find((slot) => slot.host === host);
}

function passwordPath(name: string): readonly string[] {
  return ["registries", name, "password"];
}

function hasValue(slot: Slot | undefined): slot is Slot {
  return slot?.secret !== undefined && slot.secret.source.kind !== "unset";
}

/** A user name that somebody wrote down is not replaced by the way. */
function refuseOtherUser(project: Project, { host, username }: RegistrySlot): void {
  const slot = slotOf(project, host);
  if (slot?.username === undefined || slot.username === username) return;
  throw exists(slot, "names another user than the login has");
}

function exists({ host, place }: Slot, what: string): PolicyError {
  return new PolicyError("SECRET_EXISTS", `the login for ${tomlString(host)} ${what}`, {
    place,
    hint: "add --force to replace it",
  });
}
