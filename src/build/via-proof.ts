/** `build --via` with a proof: the other builder's image gets its name here, once it is proved. */
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import type { Engine } from "../docker/engine.ts";
import { HeldNote } from "../docker/held-notes.ts";
import { isImageId } from "../docker/reference.ts";
import { removeTree } from "../docker/remove-tree.ts";
import { DockerError, UsageError } from "../errors.ts";
import { cacheFolder } from "../project/cache-folder.ts";
import type { BuildOptions, BuildRequest } from "./options.ts";
import { dropUnnamed, nameImage } from "./proof.ts";
import { buildVia, type ViaOptions, type ViaResult } from "./via.ts";

/** A build by another builder that is to be proved. */
export interface ViaProofOptions extends ViaOptions {
  /** That the builder puts its image on. */
  readonly engine: Engine;
  readonly prove: NonNullable<BuildOptions["prove"]>;
}

/** What it made. */
export interface ProvedViaResult extends ViaResult {
  readonly imageId: string;
}

/**
 * Has another builder make an image without a name; proves it; then gives it its names. What else a
 * builder can do with an image can't be held back.
 *
 * @throws {@link UsageError} USAGE_CONFLICT for outputs and pushes; {@link DockerError} IMAGE_MISSING
 *   when the image is not on the engine; also as {@link buildVia}, and whatever `prove` throws
 */
export async function buildViaProved(o: ViaProofOptions): Promise<ProvedViaResult> {
  refuseUnheld(o);
  const { engine, tags = [], iidFile, cwd } = o;
  const folder = await mkdtemp(join(tmpdir(), "sealmount-"));
  const note = await HeldNote.open(cacheFolder(o.env), [folder]);
  try {
    const file = join(folder, "id");
    const result = await buildVia({ ...o, tags: [], iidFile: file });
    const imageId = await idIn(file, engine);
    await note.addImage(engine, imageId);
    await proveImage(o, imageId);
    for (const name of tags) await nameImage(engine, imageId, name);
    if (iidFile !== undefined) await writeFile(resolve(cwd, iidFile), imageId);
    return { ...result, imageId };
  } finally {
    await removeTree(folder);
    await note.remove();
  }
}

async function proveImage({ engine, prove, tags }: ViaProofOptions, id: string): Promise<void> {
  try {
    await prove([{ kind: "image", id, name: tags?.[0] ?? id }]);
  } catch (error) {
    await dropUnnamed(engine, id);
    throw error;
  }
}

/** What another builder pushes, exports or caches elsewhere is out of our hands. */
function refuseUnheld({ push, outputs = [], cacheTo = [] }: BuildRequest): void {
  const flags = [
    ["--push", push === true],
    ["--output", outputs.length > 0],
    ["--cache-to", cacheTo.some((text) => !/\binline\b/.test(text))],
  ] as const;
  const found = flags.find(([, isGiven]) => isGiven)?.[0];
  if (found === undefined) return;
  throw new UsageError("USAGE_CONFLICT", `${found} of another builder can't wait for a proof`, {
    hint: `leave ${found} out, or build without --via`,
  });
}

async function idIn(file: string, engine: Engine): Promise<string> {
  const id = await readFile(file, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  if (isImageId(id) && (await engine.inspectImage(id)) !== null) return id;
  throw new DockerError("IMAGE_MISSING", "the builder left no image on the engine to prove", {
    hint: "add --load, or build without --via",
  });
}
