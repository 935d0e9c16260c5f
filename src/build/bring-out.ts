/** Brings what was held back to its place on this machine. */
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";

import { BuildError, errnoOf } from "../errors.ts";
import type { HeldOutput } from "./held-back.ts";
import { move, moveFolder } from "./move-tree.ts";
import type { BuildOptions } from "./options.ts";
import { finishOutput } from "./stores.ts";

/**
 * Moves an output to its place, as if it had been written there.
 *
 * @param answer - of the exporters
 * @throws {@link BuildError} BUILD_OUTPUT
 */
export async function bringOut(
  held: HeldOutput,
  options: BuildOptions,
  answer: ReadonlyMap<string, string>,
): Promise<void> {
  const { destination, isLayout } = held.output;
  if (held.place === null || destination === null) return;
  const path = resolve(options.cwd, destination);
  try {
    await moveTo(path, held, options);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "") throw error;
    throw new BuildError("BUILD_OUTPUT", `the output can't be written (${code})`, {
      hint: "look at the place that --output names",
    });
  }
  if (isLayout === true) await finishOutput(path, answer);
}

async function moveTo(path: string, held: HeldOutput, { stdout }: BuildOptions): Promise<void> {
  const { output, place } = held;
  if (place === null) return;
  if (output.destination !== "-") {
    if (output.isLayout === true) await moveBlobs(place, path);
    else if (output.exporter === "local") await moveFolder(place, path);
    else await move(place, path);
  } else if (stdout !== undefined) await pipeline(createReadStream(place), stdout, { end: false });
}

/** Without the index, which names them: that is written last. */
async function moveBlobs(from: string, to: string): Promise<void> {
  const below = join("blobs", "sha256");
  for (const name of await readdir(join(from, below)))
    await move(join(from, below, name), join(to, below, name));
}
