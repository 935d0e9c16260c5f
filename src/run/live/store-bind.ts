/** A store in a folder of this machine's memory. */
import { randomBytes } from "node:crypto";
import { link, lstat, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { FOLDER_NOTE, isFolderOf } from "../../docker/host-tmpfs.ts";
import { currentOwner, isAlive } from "../../docker/labels.ts";
import { DockerError, errnoOf, SealmountError } from "../../errors.ts";
import { emptySources, replaceSources, revoked } from "../delivery/host-tree.ts";
import { DATA, STATE } from "../delivery/tree.ts";
import type { KnownContainer } from "./find.ts";
import type { LaunchSpec } from "./spec.ts";
import { busy, compareNotes, type Store, type StoreContext } from "./store.ts";

/** Beside the sources, while they are being replaced: who does it. */
const LOCK = ".sealmount.lock";
/** A call takes moments. */
const LOCK_MS = 10 * 60 * 1000;

/**
 * @param folder - as the container's label has it
 * @throws {@link DockerError} DELIVERY_FAILED when it is not a folder of ours for that container
 */
export async function openBindStore(context: StoreContext, folder: string): Promise<Store> {
  const { container, enter, env } = context;
  const { run, spec } = container.labels;
  if (await isGone(container, folder)) return GONE;
  if (!(await isFolderOf(env, folder, run))) {
    const fact = `the files of ${container.name} are in the memory of another machine or user`;
    throw new DockerError("DELIVERY_FAILED", fact, {
      hint: "call sealmount there, as the user who ran the container, with the same XDG_RUNTIME_DIR",
    });
  }
  enter("open");
  await lock(context, folder);
  return {
    async replace(content) {
      enter("write");
      await inMemory(async () => replaceSources(folder, spec, content, () => enter("swap")));
      enter("verify");
      compareNotes(content.note, await readNotesIn(folder, spec));
    },
    async empty() {
      enter("write");
      await inMemory(async () => emptySources(folder, spec, [FOLDER_NOTE]));
      enter("verify");
      const left = (await readdir(folder)).filter((name) => name !== FOLDER_NOTE);
      if (left.length > 0) throw busy(container.name);
    },
  };
}

/** Of a container that has ended, whose files went with it. */
const GONE: Store = {
  async replace() {
    throw revoked();
  },
  async empty() {
    // nothing is left
  },
};

/** From elsewhere it would look the same: only where it was run that can be told. */
async function isGone({ fromHere }: KnownContainer, folder: string): Promise<boolean> {
  if (!fromHere) return false;
  return lstat(folder).then(
    () => false,
    (error: unknown) => errnoOf(error) === "ENOENT",
  );
}

/** The text of each mounted folder's note; null where there is none. */
export async function readNotesIn(
  folder: string,
  { folders }: LaunchSpec,
): Promise<(string | null)[]> {
  return Promise.all(
    folders.map(({ key }) => readFile(join(folder, key, DATA, STATE), "utf8").catch(() => null)),
  );
}

/** Another call's lock holds as long as its process lives. */
async function lock({ cleanup, container }: StoreContext, folder: string): Promise<void> {
  const path = join(folder, LOCK);
  const own = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(own, currentOwner(), { mode: 0o600 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      // whole from its first moment on
      if (await link(own, path).then(() => true, isThere)) {
        cleanup.add(path, async () => rm(path, { force: true }));
        return;
      }
      if (await isHeld(path)) break;
      await rm(path, { force: true });
    }
  } catch (error) {
    throw fault(error);
  } finally {
    await rm(own, { force: true });
  }
  throw busy(container.name);
}

function isThere(error: unknown): false {
  if (errnoOf(error) !== "EEXIST") throw error;
  return false;
}

/** Where nobody can say whether its process lives, time tells. */
async function isHeld(path: string): Promise<boolean> {
  const alive = isAlive(await readFile(path, "utf8").catch(() => ""));
  if (alive !== undefined) return alive;
  const stat = await lstat(path).catch(() => null);
  return stat !== null && Date.now() - stat.mtimeMs < LOCK_MS;
}

async function inMemory(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof SealmountError ? error : fault(error);
  }
}

/** A foreign error may quote a path: its name is enough. */
function fault(error: unknown): DockerError {
  const why = errnoOf(error) || "unknown";
  return new DockerError(
    "DELIVERY_FAILED",
    `the files can't be changed in this machine's memory (${why})`,
    {
      hint:
        why === "ENOSPC"
          ? "free some of that memory: df /dev/shm"
          : "sealmount doctor says what is wrong",
    },
  );
}
