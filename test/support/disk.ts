/** Looks for secrets in the files below a folder, such as a Docker daemon's data. */
import { execFile } from "node:child_process";
import { mkdtemp, open, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { gunzipSync } from "node:zlib";
import { formsOf, leaksIn } from "./canary.ts";

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

/**
 * Like {@link findOnDisk}, for each canary by itself, and also inside of files that are compressed
 * with gzip, as layers are in containerd's store.
 *
 * @returns by canary, the paths below `root` of what is on the disk
 */
export async function findEachOnDisk(
  root: string,
  canaries: readonly string[],
  since: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const hits = await findOnDisk(root, canaries, since);
  const plain = hits.filter(({ inMemory }) => !inMemory).map(({ path }) => path);
  const found = new Map(canaries.map((value): [string, string[]] => [value, []]));
  for (const path of [...plain, ...(await compressedFiles(root, since))]) {
    const bytes = unzipped(await readFile(path).catch(() => Buffer.alloc(0))); // gone meanwhile
    for (const value of canaries)
      if (leaksIn(bytes, [value]).length > 0) found.get(value)?.push(relative(root, path));
  }
  return found;
}

/** What gzip made of something, or the bytes as they are. */
export function unzipped(bytes: Buffer): Buffer {
  try {
    return bytes.subarray(0, 2).equals(GZIP) ? gunzipSync(bytes) : bytes;
  } catch {
    return bytes; // it only looked like gzip
  }
}

const GZIP = Buffer.from([0x1f, 0x8b]);

/** Blobs by digest alone: what an image's own files are compressed with, no engine wrote. */
async function compressedFiles(root: string, since: string): Promise<string[]> {
  const command = `find "$1" -type f -path '*/blobs/sha256/*' -cnewer "$2" -print0`;
  const output = await new Promise<string>((resolve) => {
    execFile("sh", ["-c", command, "sh", root, since], { maxBuffer: 1 << 26 }, (_error, stdout) =>
      resolve(stdout),
    );
  });
  const starts = output.split("\0").map(async (path) => ((await isGzip(path)) ? [path] : []));
  return (await Promise.all(starts)).flat();
}

/** True when a file starts as gzip does. */
async function isGzip(path: string): Promise<boolean> {
  try {
    await using file = await open(path);
    return (await file.read(Buffer.alloc(2), 0, 2, 0)).buffer.equals(GZIP);
  } catch {
    return false;
  }
}
