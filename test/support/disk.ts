/** Looks for secrets in the files below a folder, such as a Docker daemon's data. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formsOf } from "./canary.ts";

export interface DiskHit {
  readonly path: string;
  /** True for tmpfs and ramfs: memory, gone when it is unmounted. */
  readonly inMemory: boolean;
}

/** `f_type` of the file systems that live in memory: TMPFS_MAGIC and RAMFS_MAGIC of linux/magic.h. */
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/**
 * Finds the files below `root` that hold a form of a canary.
 *
 * @param since - a file; only files that changed after it are read. Compared by ctime, which no
 *   program can set: what an engine unpacks has the modification times of its archive.
 */
export async function findOnDisk(
  root: string,
  canaries: readonly string[],
  since: string,
): Promise<readonly DiskHit[]> {
  // in memory, and in a file: in grep's arguments every process on the machine could read them
  const folder = await mkdtemp("/dev/shm/smtest-needles-");
  try {
    const needles = join(folder, "needles");
    await writeFile(needles, canaries.flatMap((value) => formsOf(value)).join("\n"));
    const found = await listFiles(root, needles, since);
    return await Promise.all(
      found.map(async (path) => ({ path, inMemory: await isInMemory(path) })),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function listFiles(root: string, needles: string, since: string): Promise<string[]> {
  // files come and go below a live daemon, so grep and find may well report one that has gone
  const command = `find "$1" -type f -cnewer "$2" -print0 | xargs -0 -r grep -laFZ -f "$3" --`;
  const output = await new Promise<string>((resolve) => {
    const options = { env: { ...process.env, LC_ALL: "C" }, maxBuffer: 1 << 26 };
    execFile("sh", ["-c", command, "sh", root, since, needles], options, (_error, stdout) =>
      resolve(stdout),
    );
  });
  return output.split("\0").filter((path) => path !== "");
}

/** A file that has gone meanwhile counts as disk: it was there to be read. */
async function isInMemory(path: string): Promise<boolean> {
  try {
    return MEMORY_FILE_SYSTEMS.has((await statfs(path)).type);
  } catch {
    return false;
  }
}
