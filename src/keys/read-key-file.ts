import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { KeyStoreError, type ErrorCode } from "../errors.ts";
import { Secret } from "../secret/secret.ts";

/** Largest key file, in bytes: hundreds of keys. More is some other file. */
export const MAX_KEY_FILE_BYTES = 64 * 1024;
const READABLE_BY_OTHERS = 0o077;
const WRITABLE_BY_OTHERS = 0o022;

/** How to treat a key file. */
export interface KeyFileOptions {
  /** How errors name it: the path, or an option and the path. */
  readonly source: string;
  /**
   * Folders whose files were put there, with their modes, by systemd or a container engine: a
   * credential is 0400 or 0440, a container's secret 0444 on a tmpfs. A file in one may be readable
   * by others, but must belong to root or to us, and not be writable by others.
   */
  readonly managedFolders: readonly string[];
  /** Also take a pipe, as `--key-file <(pass show cats)` gives it. Default: false. */
  readonly pipe?: boolean;
}

/**
 * Reads a key file, after a look at its mode, its owner, its kind and its size; all of them are
 * those of the opened file, so that no one can swap it in between. Symbolic links are followed.
 *
 * @returns null when there is no such file; the caller wipes the text
 * @throws {@link KeyStoreError} KEY_FILE_MODE when others can read it; KEY_INVALID when it is a
 * folder, a device, too large or can't be read
 */
export async function readKeyFile(path: string, options: KeyFileOptions): Promise<Secret | null> {
  const handle = await openFile(path, options);
  if (handle === null) return null;
  try {
    await checkFile(handle, path, options);
    return await readAll(handle, options.source);
  } finally {
    await handle.close();
  }
}

async function openFile(path: string, options: KeyFileOptions): Promise<FileHandle | null> {
  // without NONBLOCK, a pipe without a writer at one of the usual places would hang us
  const block = options.pipe === true ? 0 : constants.O_NONBLOCK;
  try {
    return await open(path, constants.O_RDONLY | block);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw refused("KEY_INVALID", `${options.source} can't be read (${code})`, "check its owner");
  }
}

async function checkFile(handle: FileHandle, path: string, options: KeyFileOptions): Promise<void> {
  const { source } = options;
  const stat = await handle.stat();
  if (stat.isFIFO() && options.pipe === true) return;
  if (!stat.isFile()) {
    const kind = stat.isDirectory() ? "a folder" : "no regular file";
    throw refused("KEY_INVALID", `${source} is ${kind}`, "name the key file itself");
  }
  if (stat.size > MAX_KEY_FILE_BYTES) throw tooLarge(source);
  if (isManaged(path, options.managedFolders)) checkManaged(stat, source);
  else if ((stat.mode & READABLE_BY_OTHERS) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
    const message = `${source} can be used by others: its mode is ${mode}`;
    throw refused("KEY_FILE_MODE", message, `chmod 600 ${path}`);
  }
}

function checkManaged(stat: { uid: number; mode: number }, source: string): void {
  const trusted = stat.uid === 0 || stat.uid === process.getuid?.();
  if (trusted && (stat.mode & WRITABLE_BY_OTHERS) === 0) return;
  const message = `${source} belongs to, or can be written by, others`;
  throw refused("KEY_FILE_MODE", message, "it has to belong to root or to you, with mode 0400");
}

function isManaged(path: string, folders: readonly string[]): boolean {
  return folders.includes(dirname(path));
}

async function readAll(handle: FileHandle, source: string): Promise<Secret> {
  const bytes = Buffer.alloc(MAX_KEY_FILE_BYTES + 1);
  try {
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
      if (bytesRead === 0) return Secret.take("key file", bytes.subarray(0, length));
      length += bytesRead;
      if (length > MAX_KEY_FILE_BYTES) throw tooLarge(source);
    }
  } catch (error) {
    if (error instanceof KeyStoreError) throw error;
    throw refused("KEY_INVALID", `${source} can't be read (${codeOf(error)})`, "check the file");
  } finally {
    bytes.fill(0);
  }
}

function tooLarge(source: string): KeyStoreError {
  const message = `${source} is larger than ${MAX_KEY_FILE_BYTES} bytes: that is no key file`;
  return refused("KEY_INVALID", message, "name the key file itself");
}

function refused(code: ErrorCode, message: string, hint: string): KeyStoreError {
  return new KeyStoreError(code, message, { hint });
}

/** The error code of a system call, such as EACCES; its message may quote a path of someone else. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
