/**
 * Files in memory without a name: opened, filled, handed to a child as an inherited descriptor.
 *
 * The child reads one as `/dev/fd/N`, which opens it afresh each time. No folder lists it, and the
 * kernel frees it when the last process that holds it has ended, killed or not: nothing of ours
 * needs to clean up. Measured with docker 26 and 28, buildx 0.13 and 0.29, podman 4.3 as root and
 * as a user.
 */
import { constants, writeFileSync } from "node:fs";
import { open, statfs, type FileHandle } from "node:fs/promises";

import { PolicyError } from "../errors.ts";
import type { Secret } from "../secret/secret.ts";

/** `f_type` of tmpfs and ramfs, from the kernel's magic.h. */
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** `__O_TMPFILE` of Linux (not in Node's constants); the call wants O_DIRECTORY beside it. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/**
 * Finds a folder in memory that can hold nameless files.
 *
 * @param env - `XDG_RUNTIME_DIR` is tried after `/dev/shm`
 * @throws {@link PolicyError} POLICY when there is none: a secret is never written to a disk
 */
export async function findMemoryFolder(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const runtime = env["XDG_RUNTIME_DIR"];
  const candidates = ["/dev/shm", ...(runtime?.startsWith("/") === true ? [runtime] : [])];
  for (const folder of candidates) if (await usable(folder)) return folder;
  throw new PolicyError("POLICY", `no file system in memory (tried ${candidates.join(", ")})`, {
    hint: "build without --via: sealmount's own client needs no files",
  });
}

/**
 * Makes a nameless file, mode 0600, that holds a Secret.
 *
 * @param folder - from {@link findMemoryFolder}
 * @returns a handle for reading only; the caller closes it once the child has it
 */
export async function memoryFile(folder: string, secret: Secret): Promise<FileHandle> {
  await using file = await open(folder, O_TMPFILE | constants.O_RDWR, 0o600);
  secret.use((bytes) => writeFileSync(file.fd, bytes));
  // awaited here: the first handle must stay open until the second one is
  return await open(`/proc/self/fd/${file.fd}`, constants.O_RDONLY);
}

/** The type is asked of an opened file, so that what was checked is what is used. */
async function usable(folder: string): Promise<boolean> {
  try {
    await using file = await open(folder, O_TMPFILE | constants.O_RDWR, 0o600);
    const { type } = await statfs(`/proc/self/fd/${file.fd}`);
    return MEMORY_FILE_SYSTEMS.has(type);
  } catch {
    return false;
  }
}
