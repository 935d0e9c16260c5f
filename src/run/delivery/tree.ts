/**
 * What lies in a mounted folder: the files in a generation, `..data` pointing to it as Kubernetes
 * has it, and each file once more under its own name, as a hard link. So a name is a real file with
 * its owner and mode, replaced by one rename; and whoever reads several files below `..data` gets
 * them all of one generation. Pure.
 */
import type { FolderMount } from "./placement.ts";

/** The link that says which generation holds. */
export const DATA = "..data";

/** The two generations: what is new is written into the one that `..data` does not point to. */
export const GENERATIONS = ["..a", "..b"] as const;
export type Generation = (typeof GENERATIONS)[number];

/** Where a new generation waits for the renames that put it in place, where none can be made from here. */
export const FRESH = "..new";

/** The note beside the files of a generation: see `live/state.ts`. */
export const STATE = "..state";

/** One entry, in the order in which it has to be made. Paths are relative, with no `..` segment. */
export type TreeEntry =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly file: number }
  /** The note. It holds no value. */
  | { readonly kind: "note"; readonly path: string }
  /** One more name of a file; `target` is relative to the folder, as `path` is. */
  | {
      readonly kind: "name";
      readonly path: string;
      readonly target: string;
      readonly file: number;
    }
  /** A symbolic link beside its target. */
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** The other generation. */
export function nextGeneration(current: string): Generation {
  return current === GENERATIONS[0] ? GENERATIONS[1] : GENERATIONS[0];
}

/** The content of one generation: folders before what is in them. */
export function generationOf(folder: FolderMount, generation: Generation): TreeEntry[] {
  return [
    { kind: "folder", path: generation },
    ...foldersOf(folder, `${generation}/`),
    ...folder.files.map(({ file, path }): TreeEntry => ({
      kind: "file",
      path: `${generation}/${path}`,
      file,
    })),
    { kind: "note", path: `${generation}/${STATE}` },
  ];
}

/** Everything of a folder; `..data` comes last: where it is, all is. */
export function treeOf(folder: FolderMount, generation: Generation): TreeEntry[] {
  return [
    ...generationOf(folder, generation),
    ...foldersOf(folder, ""),
    ...folder.files.map(({ file, path }): TreeEntry => ({
      kind: "name",
      path,
      target: `${generation}/${path}`,
      file,
    })),
    { kind: "link", path: DATA, target: generation },
  ];
}

/** What puts a generation in place, each entry below `..new` at the path that it will have. */
export function freshOf(folder: FolderMount, generation: Generation): TreeEntry[] {
  return [
    { kind: "folder", path: FRESH },
    ...foldersOf(folder, `${FRESH}/`),
    ...folder.files.map(({ file, path }): TreeEntry => ({
      kind: "name",
      path: `${FRESH}/${path}`,
      target: `${generation}/${path}`,
      file,
    })),
    { kind: "link", path: `${FRESH}/${DATA}`, target: generation },
  ];
}

/** The paths of {@link freshOf} that are renamed, in order: `..data` first, as it holds for all. */
export function freshPaths({ files }: FolderMount): string[] {
  return [DATA, ...files.map(({ path }) => path)];
}

/** Folders in which files are, below the mounted one; parents first. */
function foldersOf({ files }: FolderMount, prefix: string): TreeEntry[] {
  const below = new Set(files.flatMap(({ path }) => parentsOf(path)));
  return Array.from(below, (path) => ({ kind: "folder", path: prefix + path }));
}

/** `a/b/c` → `a`, `a/b`; of an absolute path, an empty one for the root comes first. */
export function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
