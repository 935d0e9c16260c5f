/** `--cidfile`: the container's id in a file that nobody else has. */
import { open, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { resolve } from "node:path";

import { errnoOf, UsageError } from "../errors.ts";
import type { Cleanup, CleanupStep } from "./cleanup.ts";

/** A file that is ours and still empty. */
export interface CidFile {
  /** Writes the id and closes the file. */
  write(id: string): Promise<void>;
  /** Takes the file back; to be forgotten once the container runs. */
  readonly step: CleanupStep;
}

/**
 * Makes the file, so that of two runs with the same name only one goes on.
 *
 * @throws {@link UsageError} USAGE when it exists, or can't be made
 */
export async function reserveCidFile(
  path: string,
  cwd: string,
  cleanup: Cleanup,
): Promise<CidFile> {
  const whole = resolve(cwd, path);
  const file = await create(whole, path);
  const step = cleanup.add(`the file ${path}`, async () => {
    // closing twice is fine
    await file.close();
    await rm(whole, { force: true });
  });
  return {
    step,
    async write(id) {
      await file.writeFile(id);
      await file.close();
    },
  };
}

async function create(whole: string, path: string): Promise<FileHandle> {
  try {
    return await open(whole, "wx", 0o644);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") {
      throw new UsageError("USAGE", `--cidfile ${path} can't be made (${errnoOf(error)})`, {
        place: { file: path },
      });
    }
    throw new UsageError("USAGE", `--cidfile ${path} exists already`, {
      place: { file: path },
      hint: "remove it, once the container that it names does not run any more",
    });
  }
}
