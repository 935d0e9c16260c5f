/** The keys: which were found, whether they are the manifest's, and whether they really open. */
import { randomBytes } from "node:crypto";

import { parsePublicKey } from "../crypto/keypair.ts";
import type { KeyPair, PublicKey } from "../crypto/keypair.ts";
import { seal, unseal } from "../crypto/seal.ts";
import { KeyStoreError, SealmountError } from "../errors.ts";
import { findKeys } from "../keys/find-keys.ts";
import { listKeyFiles } from "../keys/key-files.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Env } from "../keys/variables.ts";
import type { Seal } from "../manifest/model.ts";
import type { Project } from "../project/project.ts";
import { Secret } from "../secret/secret.ts";
import { failLine, okLine, warnLine } from "./model.ts";
import type { DoctorLine } from "./model.ts";

/** Where keys are looked for. */
export interface KeyChoice {
  readonly env: Env;
  readonly home: string;
  readonly keyFile?: string | undefined;
}

/** Every key file of this user, then every key of the manifest. */
export async function keyLines(choice: KeyChoice, project: Project | null): Promise<DoctorLine[]> {
  const files = await fileLines(choice);
  if (project === null) return files;
  return [...files, ...(await manifestKeyLines(choice, project.manifest.seal))];
}

/** Modes and contents of the key folder: a file that others can read is refused by all commands. */
async function fileLines(choice: KeyChoice): Promise<DoctorLine[]> {
  try {
    const infos = await listKeyFiles(choice);
    const problems = infos.filter(({ problem }) => problem !== undefined);
    if (problems.length === 0) {
      return [okLine("key files", `${new Set(infos.map(({ file }) => file)).size} usable`)];
    }
    return problems.map(({ file, problem = "" }) => ({
      name: "key files",
      status: "fail",
      code: "KEY_FILE_MODE",
      detail: problem,
      fix: `chmod 600 ${file}, or remove it`,
    }));
  } catch (error) {
    if (error instanceof SealmountError) return [failLine("key files", error)];
    throw error;
  }
}

async function manifestKeyLines(choice: KeyChoice, manifest: Seal): Promise<DoctorLine[]> {
  const publicKeys = publicKeysOf(manifest);
  if (publicKeys.size === 0) {
    return [
      warnLine("key", "the manifest has no public key: nothing can be sealed", "sealmount init"),
    ];
  }
  const wanted = [...publicKeys.values()].map(({ text }) => text);
  try {
    using keyring = await findKeys({ ...choice, app: manifest.app, wanted });
    return await Promise.all(
      [...publicKeys].map(async ([scope, key]) => scopeLine({ scope, key, keyring, manifest })),
    );
  } catch (error) {
    if (error instanceof KeyStoreError) return [failLine("key", error)];
    throw error;
  }
}

/** The manifest's public keys by what they are for; `default` is the app's own. */
function publicKeysOf({ publicKey, keys }: Seal): Map<string, PublicKey> {
  const texts = new Map(keys);
  if (publicKey !== undefined) texts.set("default", publicKey);
  const parsed = [...texts].map(([scope, text]) => [scope, parsePublicKey(text)] as const);
  return new Map(parsed.flatMap(([scope, key]) => (key === null ? [] : [[scope, key]])));
}

interface ScopeKey {
  readonly scope: string;
  readonly key: PublicKey;
  readonly keyring: Keyring;
  readonly manifest: Seal;
}

async function scopeLine({ scope, key, keyring, manifest }: ScopeKey): Promise<DoctorLine> {
  const name = `key ${scope}`;
  const found = keyring.keys.find(({ pair }) => pair.publicKey.text === key.text);
  if (found === undefined) {
    // a laptop need not hold the key of prod
    const detail = `no private key for ${key.fingerprint} among ${keyring.keys.length} found`;
    return warnLine(name, detail, "sealmount key import");
  }
  if (await opensTestBox(key, found.pair, manifest.app)) {
    return okLine(name, `${key.fingerprint} from ${found.source} opens a test box`);
  }
  const fact = `${key.fingerprint} from ${found.source} does not open what its public half seals`;
  return failLine(name, new KeyStoreError("KEY_INVALID", fact, { hint: "sealmount key new" }));
}

/** Seals a random value with the manifest's key and opens it with the found one. */
async function opensTestBox(key: PublicKey, pair: KeyPair, app: string): Promise<boolean> {
  const binding = { app, scope: "common", name: "DOCTOR" };
  using value = Secret.take("test box", randomBytes(32));
  try {
    const { secret } = await unseal(await seal(key, binding, value), [pair], binding);
    using opened = secret;
    return opened.equals(value);
  } catch (error) {
    if (error instanceof SealmountError) return false;
    throw error;
  }
}
