import { existsSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { UsageError } from "../errors.ts";
import type { ManifestError } from "../errors.ts";
import type { Manifest } from "../manifest/model.ts";
import { nearMiss } from "../manifest/near-miss.ts";
import { parseManifestLazily } from "../manifest/parse-lazily.ts";
import { tomlString } from "../manifest/toml-text.ts";
import { fileError, readManifestFile } from "./read-file.ts";

/** File names that are looked for, in this order, in each folder. */
export const MANIFEST_NAMES = ["iterapp.toml", "store.toml"] as const;

/** A manifest with where it was found. */
export interface Project {
  /** Absolute; a symbolic link is kept as it is. */
  readonly path: string;
  readonly folder: string;
  /** The whole text as read, BOM and line ends included. */
  readonly text: string;
  readonly manifest: Manifest;
  /** Folder of this sub-app as its parent lists it. */
  readonly appling?: string;
}

/**
 * Finds and reads the manifest to work with.
 *
 * Without `file`, folders are searched from `cwd` upwards for `iterapp.toml`, else `store.toml`.
 * An appling (chosen by name, or because `cwd` is in its folder) inherits `[seal]` from the nearest
 * manifest above it whose `applings` lists its folder.
 *
 * @param o.file - path of the manifest, or of the folder that has one
 * @param o.appling - folder as the manifest lists it, or its last part when that is unique
 * @throws ManifestError MANIFEST_NOT_FOUND, MANIFEST_UNREADABLE, MANIFEST_TOO_LARGE, and those of
 *   parseManifest; UsageError USAGE_UNKNOWN for an appling that is not listed
 */
export async function findProject(o: {
  readonly cwd: string;
  readonly file?: string | undefined;
  readonly appling?: string | undefined;
}): Promise<Project> {
  const cwd = resolve(o.cwd);
  const found = o.file === undefined ? await findUpwards(cwd) : await openNamed(cwd, o.file);
  return o.appling === undefined ? found : openAppling(cwd, found, o.appling);
}

/** Reads a project again from its file, after it was written. */
export async function reloadProject(project: Project): Promise<Project> {
  const { path, manifest } = project;
  const text = readManifestFile({ path, shown: manifest.file });
  if (text === null) throw notFound(manifest.file);
  return { ...project, text, manifest: await parseAgain(project, text) };
}

/**
 * Parses another text as this project's manifest: the check before each write.
 *
 * @throws ManifestError as parseManifest
 */
export function parseAgain(
  { folder, manifest, appling }: Project,
  text: string,
): Promise<Manifest> {
  return parseManifestLazily(text, {
    file: manifest.file,
    folderName: basename(folder),
    // only an appling may go on with what it inherited; an own [seal] is read afresh
    inherited: appling === undefined ? undefined : manifest.seal,
  });
}

async function findUpwards(cwd: string): Promise<Project> {
  for (const folder of foldersFrom(cwd)) {
    const project = await openFolder(cwd, folder);
    if (project) return project;
  }
  throw fileError(MANIFEST_NAMES[0], "MANIFEST_NOT_FOUND", {
    message: `there is no ${MANIFEST_NAMES.join(" or ")} in this folder or above it`,
    hint: "sealmount init",
  });
}

async function openNamed(cwd: string, file: string): Promise<Project> {
  const path = resolve(cwd, file);
  const project = (await openFolder(cwd, path)) ?? (await openFile(cwd, path));
  if (project) return project;
  throw notFound(shownPath(cwd, path));
}

async function openFolder(cwd: string, folder: string): Promise<Project | null> {
  for (const name of MANIFEST_NAMES) {
    const project = await openFile(cwd, join(folder, name));
    if (project) return project;
  }
  return null;
}

async function openFile(cwd: string, path: string): Promise<Project | null> {
  const shown = shownPath(cwd, path);
  const text = readManifestFile({ path, shown });
  if (text === null) return null;
  const folder = dirname(path);
  const parent = await findParent(cwd, folder);
  const manifest = await parseManifestLazily(text, {
    file: shown,
    folderName: basename(folder),
    inherited: parent?.project.manifest.seal,
  });
  return { path, folder, text, manifest, ...(parent ? { appling: parent.appling } : {}) };
}

interface Parent {
  readonly project: Project;
  readonly appling: string;
}

/** The nearest manifest above a folder that lists it, within the same repository. */
async function findParent(cwd: string, folder: string): Promise<Parent | null> {
  for (const above of foldersOfRepository(folder)) {
    const appling = (await applingsOf(cwd, above)).find((name) => join(above, name) === folder);
    const project = appling === undefined ? null : await openFolder(cwd, above);
    if (project && appling !== undefined) return { project, appling };
  }
  return null;
}

/**
 * What a folder's manifest lists, without what that one inherits. A broken manifest is an error
 * even here: guessing that it lists nothing would seal for the wrong app.
 */
async function applingsOf(cwd: string, folder: string): Promise<readonly string[]> {
  for (const name of MANIFEST_NAMES) {
    const path = join(folder, name);
    const shown = shownPath(cwd, path);
    const text = readManifestFile({ path, shown });
    if (text === null) continue;
    const context = { file: shown, folderName: basename(folder) };
    return (await parseManifestLazily(text, context)).applings;
  }
  return [];
}

/** Opens an appling that the found manifest lists, or one above it when that is itself an appling. */
async function openAppling(cwd: string, found: Project, name: string): Promise<Project> {
  const known: string[] = [];
  for (const folder of [found.folder, ...foldersOfRepository(found.folder)]) {
    const listed = await applingsOf(cwd, folder);
    known.push(...listed);
    const appling = matchAppling(listed, name);
    if (appling === undefined) continue;
    const project = await openFolder(cwd, join(folder, appling));
    if (project) return project;
    throw notFound(shownPath(cwd, join(folder, appling, MANIFEST_NAMES[0])));
  }
  throw unknownAppling(name, known);
}

function matchAppling(listed: readonly string[], name: string): string | undefined {
  const folder = name.replace(/\/+$/, "");
  if (listed.includes(folder)) return folder;
  const [first, ...others] = listed.filter((candidate) => basename(candidate) === folder);
  return others.length === 0 ? first : undefined;
}

function unknownAppling(name: string, known: readonly string[]): UsageError {
  const meant = nearMiss(name, known);
  const list = known.length === 0 ? "no manifest here lists any" : `known are: ${known.join(", ")}`;
  return new UsageError("USAGE_UNKNOWN", `there is no appling ${tomlString(name)}`, {
    hint: meant === undefined ? list : `did you mean ${meant}?`,
  });
}

/** A folder and all above it. */
function foldersFrom(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersFrom(above)];
}

/** All folders above one, up to the root of its git repository when it is in one. */
function foldersOfRepository(folder: string): string[] {
  const folders: string[] = [];
  for (const candidate of foldersFrom(folder)) {
    if (candidate !== folder) folders.push(candidate);
    if (existsSync(join(candidate, ".git"))) break;
  }
  return folders;
}

/** As short as it goes, seen from the working directory; safe to print. */
function shownPath(cwd: string, path: string): string {
  const short = relative(cwd, path);
  const shown = short.length < path.length ? short : path;
  return shown.replace(/\p{Cc}/gu, "?");
}

function notFound(shown: string): ManifestError {
  return fileError(shown, "MANIFEST_NOT_FOUND", {
    message: "there is no such manifest",
    hint: "sealmount init",
  });
}
