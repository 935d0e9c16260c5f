/** Walks a build context: what is not ignored, parents before children, in byte order. */
import type { Stats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";

import { escapeControl } from "../docker/errors.ts";
import { BuildError } from "../errors.ts";
import type { IgnoreFile, ParentMatch } from "./ignore.ts";

/** One file, folder, link or pipe of the context. */
export interface ContextEntry {
  /** Relative to the context, with `/`. */
  readonly path: string;
  readonly absolute: string;
  readonly stat: Stats;
  /** Target of a symbolic link, as it is written; links are never followed. */
  readonly link?: string;
}

/** What to walk. */
export interface Walk {
  readonly root: string;
  readonly ignore: IgnoreFile;
  /** Path that is sent even when it is ignored: the engine needs the Dockerfile. */
  readonly keep?: string | undefined;
}

/** A folder on the way down; sent late when it is ignored itself but something in it is not. */
interface Folder {
  readonly entry: ContextEntry;
  readonly match: ParentMatch;
  readonly parent: Folder | undefined;
  sent: boolean;
}

/**
 * Yields the entries of a context. Sockets are left out, as docker does.
 *
 * @throws {@link BuildError} BUILD_CONTEXT for a folder that can't be read or a name that is not UTF-8
 */
export async function* walkContext(walk: Walk): AsyncGenerator<ContextEntry> {
  yield* walkFolder(walk, undefined);
}

async function* walkFolder(walk: Walk, folder: Folder | undefined): AsyncGenerator<ContextEntry> {
  const base = folder === undefined ? "" : `${folder.entry.path}/`;
  for (const name of await namesIn(walk.root, folder?.entry.path ?? "")) {
    const entry = await entryAt(walk.root, base + name);
    if (entry !== null) yield* visit(walk, folder, entry);
  }
}

async function* visit(
  walk: Walk,
  parent: Folder | undefined,
  entry: ContextEntry,
): AsyncGenerator<ContextEntry> {
  const { path } = entry;
  const { ignored, match } = walk.ignore.verdict(path, parent?.match);
  const sent = !ignored || path === walk.keep;
  if (sent) yield* [...unsentParents(parent), entry];
  const enter = entry.stat.isDirectory() && (sent || worthEntering(walk, path));
  if (enter) yield* walkFolder(walk, { entry, match, parent, sent });
}

/** An ignored folder is read only when something in it may be taken back in. */
function worthEntering(walk: Walk, path: string): boolean {
  return walk.ignore.mayHoldExceptions(path) || walk.keep?.startsWith(`${path}/`) === true;
}

function unsentParents(folder: Folder | undefined): ContextEntry[] {
  const unsent: ContextEntry[] = [];
  for (let at = folder; at !== undefined && !at.sent; at = at.parent) {
    at.sent = true;
    unsent.unshift(at.entry);
  }
  return unsent;
}

/** Sorted by bytes, as the engine's own walk: the default order of JavaScript is UTF-16. */
async function namesIn(root: string, path: string): Promise<string[]> {
  const names = await readdir(join(root, path), { encoding: "buffer" }).catch((error: unknown) => {
    throw unreadable(path === "" ? "." : path, error);
  });
  return names
    .toSorted((a, b) => Buffer.compare(a, b))
    .map((bytes) => {
      const name = bytes.toString("utf8");
      if (Buffer.from(name, "utf8").equals(bytes)) return name;
      throw new BuildError(
        "BUILD_CONTEXT",
        `a file name in ${escapeControl(path === "" ? "." : path)} is not UTF-8: ${escapeControl(name)}`,
        { hint: "rename it, or add it to .dockerignore by a pattern such as its folder" },
      );
    });
}

/** Null for a socket, and for what vanished since the folder was read. */
async function entryAt(root: string, path: string): Promise<ContextEntry | null> {
  const absolute = join(root, path);
  try {
    const stat = await lstat(absolute);
    if (stat.isSocket()) return null;
    const link = stat.isSymbolicLink() ? await readlink(absolute) : undefined;
    return { path, absolute, stat, ...(link !== undefined && { link }) };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw unreadable(path, error);
  }
}

/** The error for a path of the context that can't be read. */
export function unreadable(path: string, error: unknown): BuildError {
  const shown = escapeControl(path);
  return new BuildError(
    "BUILD_CONTEXT",
    `can't read ${shown} in the build context (${codeOf(error)})`,
    {
      hint: `make it readable, or add ${shown} to .dockerignore`,
    },
  );
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "unknown error";
}
