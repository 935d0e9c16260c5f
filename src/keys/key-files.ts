import { chmod, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import process from "node:process";
import { formatPrivateKey, type KeyPair } from "../crypto/keypair.ts";
import { KeyStoreError, PolicyError } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { parseKeys } from "./key-text.ts";
import { checkedApp, keyFilePath, keyFolder, type Home } from "./places.ts";
import { codeOf, readKeyFile } from "./read-key-file.ts";

const SUFFIX = ".key";

/** The key file of one app. */
export interface KeyFile extends Home {
  readonly app: string;
}

/** One key of the key folder; `problem` instead of a key for a file that can't be used. */
export interface KeyFileInfo {
  readonly app: string;
  readonly file: string;
  readonly publicKey?: string;
  readonly fingerprint?: string;
  readonly problem?: string;
}

/**
 * Writes a new key file, mode 0600 in a folder of mode 0700.
 *
 * @param options.add - put the key behind those that the file holds already: an app may have one
 * for each scope
 * @returns the path of the file
 * @throws {@link PolicyError} SECRET_EXISTS when there is one already, which stays as it is
 */
export async function writeKeyFile(
  options: KeyFile & { readonly pair: KeyPair; readonly add?: boolean },
): Promise<string> {
  const path = keyFilePath(options);
  await makeFolder(keyFolder(options));
  using line = keyLine(options.app, options.pair);
  using old = options.add === true ? await readOwn(path) : null;
  if (old === null) await writeNew(path, [line]);
  else await replace(path, [old, line]);
  return path;
}

/** Every key of the key folder, by app. Unusable files are listed too, with their problem. */
export async function listKeyFiles(where: Home): Promise<KeyFileInfo[]> {
  const folder = keyFolder(where);
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw unusable(folder, error);
  });
  const files = names.filter((name) => name.endsWith(SUFFIX)).toSorted();
  const infos = await Promise.all(files.map(async (name) => infoOf(join(folder, name))));
  return infos.flat();
}

/**
 * The private keys of an app's key file, one a line, in their text form.
 *
 * @param options.publicKey - only the private half of this one
 * @returns the caller wipes it
 * @throws {@link KeyStoreError} KEY_NOT_FOUND, and what reading the file throws
 */
export async function exportKey(
  options: KeyFile & { readonly publicKey?: string },
): Promise<Secret> {
  const path = keyFilePath(options);
  const pairs = await readPairs(path);
  try {
    const { publicKey } = options;
    const wanted = pairs.filter((pair) => !publicKey || pair.publicKey.text === publicKey);
    if (wanted.length === 0) {
      throw new KeyStoreError("KEY_NOT_FOUND", `no such key of app ${options.app} in ${path}`, {
        hint: "sealmount key ls",
      });
    }
    return joinLines(wanted.map((pair) => formatPrivateKey(pair.privateKey)));
  } finally {
    wipeAll(pairs);
  }
}

/**
 * Puts private keys that came from elsewhere into the app's key file. Importing the same key again
 * changes nothing.
 *
 * @param options.text - one or more keys; stays owned by the caller
 * @throws {@link KeyStoreError} KEY_INVALID; {@link PolicyError} SECRET_EXISTS when the file holds
 * another key and `add` is not set
 */
export async function importKey(
  options: KeyFile & { readonly text: Secret; readonly add?: boolean },
): Promise<{ file: string; fingerprint: string; publicKey: string }> {
  const path = keyFilePath(options);
  const pairs = await parseKeys(options.text, "the given text");
  const existing = await readPairs(path).catch((error: unknown) => {
    if (error instanceof KeyStoreError && error.code === "KEY_NOT_FOUND") return [];
    throw error;
  });
  try {
    const [first] = pairs;
    if (first === undefined) {
      const hint = "a key is smk1_ and 43 characters";
      throw new KeyStoreError("KEY_INVALID", "the given text holds no private key", { hint });
    }
    const known = new Set(existing.map((pair) => pair.publicKey.text));
    const added = pairs.filter((pair) => !known.has(pair.publicKey.text));
    for (const [index, pair] of added.entries()) {
      await writeKeyFile({ ...options, pair, add: options.add === true || index > 0 });
    }
    const { fingerprint, text } = first.publicKey;
    return { file: path, fingerprint, publicKey: text };
  } finally {
    wipeAll([...pairs, ...existing]);
  }
}

async function infoOf(file: string): Promise<KeyFileInfo[]> {
  const app = basename(file, SUFFIX);
  try {
    const pairs = await readPairs(file);
    wipeAll(pairs);
    return pairs.map(({ publicKey: { text, fingerprint } }) => {
      return { app, file, publicKey: text, fingerprint };
    });
  } catch (error) {
    if (!(error instanceof KeyStoreError)) throw error;
    return [{ app, file, problem: error.message }];
  }
}

async function readPairs(path: string): Promise<KeyPair[]> {
  using text = await readOwn(path);
  const pairs = text === null ? [] : await parseKeys(text, path);
  if (pairs.length > 0) return pairs;
  throw new KeyStoreError("KEY_NOT_FOUND", `no key in ${path}`, { hint: "sealmount key ls" });
}

async function readOwn(path: string): Promise<Secret | null> {
  return readKeyFile(path, { source: path, managedFolders: [] });
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // mkdir leaves the mode of a folder that was there
    await chmod(folder, 0o700);
  } catch (error) {
    throw unusable(folder, error);
  }
}

/** Writes a file that must not exist yet; nothing half-written stays behind. */
async function writeNew(path: string, parts: readonly Secret[]): Promise<void> {
  const handle = await open(path, "wx", 0o600).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw unusable(path, error);
    throw new PolicyError("SECRET_EXISTS", `${path} exists already`, {
      hint: "it stays as it is; move it away first if its key is no longer needed",
    });
  });
  try {
    for (const part of parts) {
      const bytes = part.use((source) => Buffer.from(source));
      await handle.writeFile(bytes).finally(() => bytes.fill(0));
    }
    await handle.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw unusable(path, error);
  } finally {
    await handle.close();
  }
}

async function replace(path: string, parts: readonly Secret[]): Promise<void> {
  const next = `${path}.${process.pid}.new`;
  await writeNew(next, parts);
  await rename(next, path);
}

function keyLine(app: string, { publicKey, privateKey }: KeyPair): Secret {
  using text = formatPrivateKey(privateKey);
  const comment = `# sealmount key of ${checkedApp(app)}, public key ${publicKey.text}\n`;
  return text.use((key) => {
    return Secret.take("key file", Buffer.concat([Buffer.from(comment), key, Buffer.from("\n")]));
  });
}

function joinLines(lines: readonly Secret[]): Secret {
  const copies = lines.map((line) => line.use((bytes) => Buffer.from(bytes)));
  const newline = Buffer.from("\n");
  const parts = copies.flatMap((copy, i) => (i === 0 ? [copy] : [newline, copy]));
  const joined = Secret.take("private keys", Buffer.concat(parts));
  for (const copy of copies) copy.fill(0);
  for (const line of lines) line.wipe();
  return joined;
}

function wipeAll(pairs: readonly KeyPair[]): void {
  for (const { privateKey } of pairs) privateKey.wipe();
}

function unusable(path: string, error: unknown): KeyStoreError {
  return new KeyStoreError("KEY_INVALID", `${path} can't be used (${codeOf(error)})`, {
    hint: "check who owns it and whether the disk has room",
  });
}
