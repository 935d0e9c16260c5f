/** A build whose results nobody sees until they are proved: no name, no push, other places on disk. */
import { randomBytes } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { HeldNote } from "../docker/held-notes.ts";
import { parseReference } from "../docker/reference.ts";
import { removeTree } from "../docker/remove-tree.ts";
import { UsageError } from "../errors.ts";
import { cacheFolder } from "../project/cache-folder.ts";
import { cachesOf } from "./caches.ts";
import { writeRecord } from "./flag-values.ts";
import type { BuildOptions, Made } from "./options.ts";
import { isImage, outputsOf, type Output } from "./outputs.ts";

/** An output, and where it is meanwhile. */
export interface HeldOutput {
  readonly output: Output;
  /** Absolute; null for an image, which is in the engine's store. */
  readonly place: string | null;
}

/** What to build in place of what was asked for. */
export interface HeldBack extends AsyncDisposable {
  /** As asked for. */
  readonly asked: BuildOptions;
  /** The same, but that nothing has its name or its place. */
  readonly options: BuildOptions;
  readonly outputs: readonly HeldOutput[];
  /** True when caches are to be exported, once all is proved. */
  readonly hasCaches: boolean;
  /** For whoever clears up after us, should we be killed. */
  readonly note: HeldNote;
}

/**
 * Rewrites the outputs. A folder or file is made beside its place, or in the folder that is there, so
 * that a rename brings it to its place. Disposing removes what was not brought there.
 *
 * @throws {@link UsageError} USAGE, USAGE_CONFLICT
 */
export async function holdBack(options: BuildOptions): Promise<HeldBack> {
  const folders: string[] = [];
  const outputs: HeldOutput[] = [];
  for (const output of outputsOf(options)) {
    refuseByDigest(output);
    refuseNameless(output);
    const place = await placeOf(output, options.cwd, folders);
    outputs.push({ output, place });
  }
  const flags = outputs.map(flagOf);
  const exports = cachesOf(options).exports.filter(({ type }) => type !== "inline");
  const places = [...outputs.flatMap(({ place }) => place ?? []), ...folders];
  const note = await HeldNote.open(cacheFolder(options.env), places);
  return {
    asked: options,
    options: {
      ...options,
      tags: [],
      // they are attributes of the outputs by now
      annotations: [],
      outputs: flags.length === 0 ? ["type=cacheonly"] : flags,
      push: false,
      load: false,
    },
    outputs,
    hasCaches: exports.length > 0,
    note,
    async [Symbol.asyncDispose]() {
      for (const path of places) await removeTree(path);
      await note.remove();
    },
  };
}

/** What was made, for whoever proves it. */
export function madeOf({ outputs }: HeldBack, imageId: string): Made[] {
  const made = outputs.flatMap(({ output, place }): Made[] => {
    if (place === null) return [];
    return [{ kind: kindOf(output), path: place, name: output.destination ?? "" }];
  });
  const hasImage = outputs.some(({ output }) => isImage(output));
  return hasImage
    ? [{ kind: "image", id: imageId, name: namesOf(outputs)[0] ?? imageId }, ...made]
    : made;
}

function kindOf({ exporter, isLayout }: Output): "folder" | "tar" | "archive" | "layout" {
  if (exporter === "local") return "folder";
  if (exporter === "tar") return "tar";
  return isLayout === true ? "layout" : "archive";
}

/** The names that the images of some outputs are to have. */
export function namesOf(outputs: readonly HeldOutput[]): string[] {
  const names = outputs
    .filter(({ output }) => isImage(output))
    .flatMap(({ output }) => (output.attributes["name"] ?? "").split(","));
  return [...new Set(names)].filter((name) => name !== "");
}

/** The engine pushes under a name only, and what it pushes must be what was proved. */
function refuseByDigest({ attributes }: Output): void {
  if (attributes["push-by-digest"] !== "true") return;
  throw new UsageError("USAGE_CONFLICT", "what is to be proved can't be pushed by its digest", {
    hint: "leave out push-by-digest=true: the image gets its name once it is proved",
  });
}

/** Found here, before anything is built. */
function refuseNameless({ exporter, attributes }: Output): void {
  if (exporter !== "moby" || attributes["name"] === undefined) return;
  const names = attributes["name"].split(",");
  if (names.every((name) => parseReference(name)?.tag !== undefined)) return;
  throw new UsageError("USAGE", "an image can't have that name", { hint: "write -t NAME[:TAG]" });
}

async function placeOf(
  { destination, exporter, isLayout }: Output,
  cwd: string,
  folders: string[],
): Promise<string | null> {
  if (destination === null) return null;
  if (destination === "-") {
    const folder = await mkdtemp(join(tmpdir(), "sealmount-"));
    folders.push(folder);
    return join(folder, "output");
  }
  const path = resolve(cwd, destination);
  const mark = randomBytes(6).toString("hex");
  const isFolder = exporter === "local" || isLayout === true;
  const there = isFolder && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return there ? join(realpathSync(path), `.sealmount-${mark}.part`) : `${path}.${mark}.part`;
}

function flagOf({ output: { exporter, attributes }, place }: HeldOutput): string {
  if (place !== null)
    return writeRecord([["type", exporter], ["dest", place], ...Object.entries(attributes)]);
  const unnamed = Object.entries(attributes).filter(([key]) => key !== "name");
  return writeRecord([["type", "image"], ...unnamed]);
}
