/** Everything that a build sends and that the guard can look at: flags, folders, single files. */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";

import { Filter } from "../session/filesync/filter.ts";
import { IgnoreFile } from "../session/filesync/ignore.ts";
import { Walker } from "../session/filesync/walk.ts";
import { splitPair } from "./flag-values.ts";
import { travellingFiles, type ContextFile } from "./guard-files.ts";
import type { FlagPlace, TravellingFile } from "./guard.ts";
import type { BuildInputs } from "./inputs.ts";
import type { BuildRequest } from "./options.ts";
import { localName } from "./serving.ts";
import { buildArgumentsOf, labelsOf } from "./solve-request.ts";

/** A folder that travels. */
export interface WatchedFolder {
  /** What the engine calls it. */
  readonly dir: string;
  /** Absolute. */
  readonly root: string;
  /** In front of paths in messages; empty for the build's own context, as in its ignore file. */
  readonly prefix: string;
  /** As shown in messages. */
  readonly ignoreFile: string;
  /** Reads the patterns: not needed for what the engine asks for. */
  excludes(): readonly string[];
}

/** Values of flags. A build argument has its final value, from the environment too. */
export function flagsOf(request: BuildRequest): (readonly [FlagPlace, string, string])[] {
  const isReference = /^[a-z][a-z0-9+.-]*:\/\//.test(request.context);
  return [
    ...named("build-arg", Object.entries(buildArgumentsOf(request))),
    ...named("label", Object.entries(labelsOf(request))),
    ...named("annotation", pairsOf(request.annotations)),
    ...named("build-context", pairsOf(request.buildContexts)),
    ...named("context", isReference ? [["", request.context]] : []),
  ];
}

function named(
  place: FlagPlace,
  pairs: readonly (readonly [string, string])[],
): (readonly [FlagPlace, string, string])[] {
  return pairs.map(([name, value]) => [place, name, value] as const);
}

function pairsOf(texts: readonly string[] | undefined): (readonly [string, string])[] {
  return (texts ?? []).map((text) => {
    const [name, value = ""] = splitPair(text);
    return [name, value] as const;
  });
}

/** The folders of a build; a URL and a tar are none. */
export function watchedFolders(inputs: BuildInputs, cwd: string): WatchedFolder[] {
  const { context, ignore, ignoreFile, named: others } = inputs;
  const folders: WatchedFolder[] = [];
  if (context.kind === "folder") {
    const own = { dir: "context", root: context.root, prefix: "" };
    const excludes = (): readonly string[] => ignore.patterns;
    folders.push({ ...own, ignoreFile: ignoreFile ?? ".dockerignore", excludes });
  }
  for (const [name, source] of others) {
    if (source.kind !== "folder") continue;
    const { root } = source;
    const short = relative(cwd, root);
    const prefix = short.length < root.length ? short : root;
    const excludes = (): readonly string[] => excludesIn(root);
    const shown = join(prefix, ".dockerignore");
    folders.push({ dir: localName(name), root, prefix, ignoreFile: shown, excludes });
  }
  return folders;
}

/** As BuildKit reads it for a named context. */
function excludesIn(root: string): readonly string[] {
  try {
    const path = join(root, ".dockerignore");
    return new IgnoreFile(readFileSync(path, "utf8"), path).patterns;
  } catch {
    // none there; or malformed, which the front end is going to tell
    return [];
  }
}

/** Every file of folders that is not ignored. */
export function filesOf(folders: readonly WatchedFolder[]): AsyncGenerator<TravellingFile> {
  return travellingFiles(contextFiles(folders));
}

/** One file of a folder. @param path - relative to it, with `/` */
export function fileOf(folder: WatchedFolder, path: string): AsyncGenerator<TravellingFile> {
  // of unknown size, so not read at once
  return travellingFiles([contextFile(folder, path, Infinity)]);
}

function* contextFiles(folders: readonly WatchedFolder[]): Generator<ContextFile> {
  for (const folder of folders) {
    const { root } = folder;
    const walker = new Walker({ root, filter: new Filter(root, { excludes: folder.excludes() }) });
    for (let entry = walker.next(); entry !== null; entry = walker.next())
      if (entry.content === "file") yield contextFile(folder, entry.stat.path, entry.stat.size);
  }
}

function contextFile(folder: WatchedFolder, path: string, size: number): ContextFile {
  const { root, prefix, ignoreFile } = folder;
  return { path, absolute: join(root, path), size, shown: join(prefix, path), ignoreFile };
}

/**
 * Ends a list of files after some time, also inside of a large one.
 *
 * @param onCut - told when it did
 */
export async function* within(
  ms: number,
  files: AsyncIterable<TravellingFile>,
  onCut: () => void,
): AsyncGenerator<TravellingFile> {
  const until = performance.now() + ms;
  const isOver = (): boolean => {
    const over = performance.now() > until;
    if (over) onCut();
    return over;
  };
  for await (const file of files) {
    if (isOver()) return;
    yield { ...file, open: () => whileNot(isOver, file.open()) };
  }
}

async function* whileNot(
  isOver: () => boolean,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    if (isOver()) return;
  }
}
