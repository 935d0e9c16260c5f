/** Questions about the files of an image. */
import type { Engine } from "../docker/engine.ts";
import type { ImageMemory } from "./image-memory.ts";
import { kindOf, namesIn, type PathKind, readText } from "./probe.ts";

/** What an image has at a path; each question is asked once, see {@link ImageMemory}. */
export interface ImageFiles {
  /** Through links; a link that leads nowhere is `nothing`. */
  kindOf(path: string): Promise<PathKind>;
  /** Names in a folder, as {@link namesIn}. */
  namesIn(folder: string): Promise<string[]>;
  /** A text file, through links; null when there is none. */
  readText(path: string): Promise<string | null>;
}

/** @param probe - id of a never-started container of the image; called when an answer is missing */
export function imageFiles(
  engine: Engine,
  memory: ImageMemory,
  probe: () => Promise<string>,
): ImageFiles {
  return {
    kindOf: async (path) =>
      memory.recall(`kind ${path}`, isKind, async () => kindOf(engine, await probe(), path)),
    namesIn: async (folder) =>
      memory.recall(`names ${folder}`, isList, async () => namesIn(engine, await probe(), folder)),
    readText: async (path) =>
      memory.recall(`text ${path}`, isText, async () => readText(engine, await probe(), path)),
  };
}

function isKind(value: unknown): value is PathKind {
  return value === "nothing" || value === "file" || value === "directory";
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}
