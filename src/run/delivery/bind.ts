/**
 * Files in this machine's memory, bound into the container one by one, read-only.
 *
 * The files are unlinked as soon as the container runs: its mounts keep them alive exactly as long
 * as it runs, nothing is left to clean up even when we are killed, and a restart fails instead of
 * finding an empty folder. Only with a restart policy do they stay, until the container is removed.
 */
import { chmod, chown, open } from "node:fs/promises";
import { join } from "node:path";

import { LABEL_FOLDER } from "../../docker/labels.ts";
import { findTmpfsRoot, makePrivateFolder, removePrivateFolder } from "../../docker/host-tmpfs.ts";
import { DockerError, errnoOf } from "../../errors.ts";
import type { Secret } from "../../secret/secret.ts";
import type { CleanupStep } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import type { Ids } from "../owner.ts";
import type { Delivery, DeliveryContext } from "./delivery.ts";
import { createHelper } from "./helper.ts";
import type { Helper } from "./helper.ts";

/**
 * Makes a private folder with empty files: the engine looks for the sources when the container is
 * created, and the owners are known only after that.
 *
 * @param engine - its identity, for the note of a folder that stays with its container
 * @throws {@link DockerError} DELIVERY_FAILED when this machine has no private tmpfs folder
 */
export async function prepareBind(context: DeliveryContext, engine: string): Promise<Delivery> {
  const root = await findTmpfsRoot(context.env);
  if (root === null) throw failed("there is no private tmpfs folder on this machine");
  const kept = context.life === "container";
  const folder = await makePrivateFolder(root, { kept, engine, run: context.run });
  const step = context.cleanup.add(`folder ${folder}`, () => removePrivateFolder(folder));
  const sources = context.files.map((_, index) => join(folder, String(index)));
  await Promise.all(sources.map(createEmpty));
  return new BindDelivery({ context, folder, sources, step, kept });
}

interface BindParts {
  readonly context: DeliveryContext;
  readonly folder: string;
  readonly sources: readonly string[];
  readonly step: CleanupStep;
  readonly kept: boolean;
}

class BindDelivery implements Delivery {
  readonly kind = "bind";
  readonly mounts: readonly Mount[];
  readonly labels: Readonly<Record<string, string>>;
  readonly #parts: BindParts;
  #helper: Promise<Helper> | undefined;

  constructor(parts: BindParts) {
    this.#parts = parts;
    this.labels = parts.kept ? { [LABEL_FOLDER]: parts.folder } : {};
    // never Binds: for a missing source the engine would make a folder of that name
    this.mounts = parts.sources.map((source, index) => ({
      Type: "bind",
      Source: source,
      Target: parts.context.files[index]?.path ?? "",
      ReadOnly: true,
      BindOptions: { Propagation: "rprivate" },
    }));
  }

  async probe(): Promise<string> {
    this.#helper ??= createHelper(this.#parts.context);
    return (await this.#helper).id;
  }

  async fill(owners: readonly Ids[]): Promise<void> {
    const { context, sources } = this.#parts;
    for (const [index, source] of sources.entries()) {
      const file = context.files[index];
      const ids = owners[index];
      if (file === undefined || ids === undefined) throw new Error("a file has no owner");
      await writeFile(source, file.value);
      await giveTo(source, ids, file.mode);
    }
  }

  assertThere(): void {
    // a start without the sources fails by itself
  }

  async started(): Promise<void> {
    const { context, kept, step } = this.#parts;
    if (kept) context.cleanup.forget(step);
    else await this.#remove();
    if (this.#helper !== undefined) await context.cleanup.run((await this.#helper).step);
  }

  async ended(): Promise<void> {
    await this.#remove();
  }

  async #remove(): Promise<void> {
    await this.#parts.context.cleanup.run(this.#parts.step);
  }
}

/** True when the engine refused a create request because it does not see our folder. */
export function isInvisible(error: unknown, delivery: Delivery): boolean {
  const source = delivery.mounts[0]?.Source;
  return (
    delivery.kind === "bind" &&
    error instanceof DockerError &&
    error.status !== undefined &&
    source !== undefined &&
    error.message.includes(source.slice(0, source.lastIndexOf("/")))
  );
}

async function createEmpty(path: string): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  await handle.close();
}

async function writeFile(path: string, value: Secret): Promise<void> {
  // a copy, because the write ends after the Secret's accessor has returned
  const bytes = value.use((plain) => {
    const copy = Buffer.alloc(plain.length);
    plain.copy(copy);
    return copy;
  });
  const handle = await open(path, "r+");
  try {
    await handle.writeFile(bytes);
  } finally {
    bytes.fill(0);
    await handle.close();
  }
}

/** The owner first: chown clears bits of the mode, and until then nobody else may read. */
async function giveTo(path: string, { uid, gid }: Ids, mode: number): Promise<void> {
  try {
    await chown(path, uid, gid);
    await chmod(path, mode);
  } catch (error) {
    throw failed(`a file can't be given to ${uid}:${gid} (${errnoOf(error)})`);
  }
}

function failed(fact: string): DockerError {
  return new DockerError("DELIVERY_FAILED", `files can't be bound from this machine: ${fact}`, {
    hint: "use --delivery volume",
  });
}
