/** Which files are mounted as part of a folder, and which alone: pure. */
import { posix } from "node:path";

/** What is known of a folder of the image. */
export interface FolderFacts {
  /** The image has no such path. */
  readonly absent: boolean;
  /** Names in it, of the image; the first ones where there are very many. */
  readonly names: readonly string[];
  /** A mount of the user or a volume of the image is at this path or below it. */
  readonly mounted: boolean;
}

/** What is placed: a file by its path and whether its folder is all its own. */
export interface PlacedFile {
  /** Absolute and normal. */
  readonly path: string;
  /** Its folder is for secrets only: the default one, or one of `[[secret_files]]`. */
  readonly ownFolder: boolean;
}

/** A folder that becomes one read-only mount. */
export interface FolderMount {
  readonly target: string;
  /** Index of each file with its path below the target. */
  readonly files: readonly { readonly file: number; readonly path: string }[];
}

/** A file that is mounted alone. */
export interface SingleMount {
  readonly target: string;
  readonly file: number;
}

/** Where every file goes. */
export interface Placement {
  readonly folders: readonly FolderMount[];
  readonly singles: readonly SingleMount[];
}

/**
 * A folder is mounted as a whole when nothing of the image or the user is in it: then `refresh` can
 * replace all its files at one moment. That is so for the default folder and those of
 * `[[secret_files]]`, and for folders that the image lacks. In folders of other programs (`/etc`,
 * or `~/.aws`, into which they also write) each file is mounted alone, and its neighbours stay as
 * they are.
 *
 * @param facts - of the folder of every file
 */
export function placeFiles(
  files: readonly PlacedFile[],
  facts: ReadonlyMap<string, FolderFacts>,
): Placement {
  const free = new Set<string>();
  for (const { path, ownFolder } of files) {
    const folder = posix.dirname(path);
    if (isFree(folder, ownFolder, facts.get(folder))) free.add(folder);
  }
  const roots = [...free].filter((folder) => !hasParentIn(free, folder));
  const folders = new Map(roots.map((target) => [target, [] as { file: number; path: string }[]]));
  const singles: SingleMount[] = [];
  for (const [file, { path }] of files.entries()) {
    const root = roots.find((target) => isBelow(path, target));
    if (root === undefined) singles.push({ target: path, file });
    else folders.get(root)?.push({ file, path: posix.relative(root, path) });
  }
  return { folders: Array.from(folders, ([target, list]) => ({ target, files: list })), singles };
}

/**
 * For engines that mount only whole volumes: every folder becomes a mount, whatever is in it.
 *
 * @returns the placement; `singles` is empty
 */
export function placeInFolders(files: readonly PlacedFile[]): Placement {
  const facts = { absent: true, names: [], mounted: false };
  const all = files.map(({ path }) => ({ path, ownFolder: true }));
  return placeFiles(all, new Map(files.map(({ path }) => [posix.dirname(path), facts])));
}

function isFree(folder: string, ownFolder: boolean, facts: FolderFacts | undefined): boolean {
  if (facts === undefined || folder === "/" || facts.mounted || facts.names.length > 0)
    return false;
  // a dot folder belongs to a user's programs, and they keep more than secrets there
  return ownFolder || (facts.absent && !/\/\./.test(folder));
}

function hasParentIn(folders: ReadonlySet<string>, folder: string): boolean {
  return [...folders].some((other) => other !== folder && isBelow(folder, other));
}

/** True for a path somewhere below a folder; both absolute and normal. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
