import { rmSync, statSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { findTmpfsRoot } from "../docker/host-tmpfs.ts";
import { PolicyError } from "../errors.ts";
import type { Env } from "../keys/variables.ts";
import type { Secret } from "../secret/secret.ts";
import type { ExecFile } from "./plan.ts";

/** Start of the name of our folders; the process id follows. */
const PREFIX = "exec-";

/** Files for one program, in a private folder (0700) on tmpfs. */
export class PrivateFiles {
  readonly folder: string;
  readonly #onExit = (): void => this.remove();

  private constructor(folder: string) {
    this.folder = folder;
    // a way out of the process that runs no `finally`
    process.once("exit", this.#onExit);
  }

  /**
   * Makes the folder, after a look for folders that killed processes left behind.
   *
   * @throws {@link PolicyError} POLICY when no folder of this machine is in memory
   */
  static async make(env: Env): Promise<PrivateFiles> {
    const root = await findTmpfsRoot(env);
    if (root === null) {
      const message =
        "files can't be delivered here: neither XDG_RUNTIME_DIR nor /dev/shm is a tmpfs of yours";
      const hint = "leave the files out with --except, or mount a tmpfs at /dev/shm";
      throw new PolicyError("POLICY", message, { hint });
    }
    await sweep(root);
    return new PrivateFiles(await mkdtemp(join(root, `${PREFIX}${process.pid}-`)));
  }

  /** Writes one file and returns its path. */
  async write({ path, mode }: Pick<ExecFile, "path" | "mode">, value: Secret): Promise<string> {
    const target = join(this.folder, path);
    await mkdir(dirname(target), { mode: 0o700, recursive: true });
    const handle = await open(target, "wx", 0o600);
    const bytes = value.use((source) => Buffer.from(source));
    try {
      await handle.writeFile(bytes);
    } finally {
      bytes.fill(0);
      await handle.close();
    }
    // in two steps, since the umask takes bits from the mode of a new file
    await chmod(target, mode);
    return target;
  }

  /** Overwrites and removes everything. Safe to repeat; synchronous, so that it works at exit. */
  remove(): void {
    process.off("exit", this.#onExit);
    try {
      wipeTree(this.folder);
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

/** Removes folders of processes that are gone: killed before they could. */
async function sweep(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = Number(/^exec-(\d+)-/u.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) await rm(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Zeros over what the program may hold open, or may have linked to elsewhere. */
function wipeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    try {
      writeFileSync(path, Buffer.alloc(statSync(path).size), { flag: "r+" });
      truncateSync(path);
    } catch {
      // read-only for its owner, or gone already: it is removed all the same
    }
  }
}
