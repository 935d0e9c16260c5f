/** Looks at the places of the image that files go to. */
import { posix } from "node:path";

import { statusOf } from "../../docker/errors.ts";
import type { ImageFiles } from "../image-files.ts";
import { explainPaths } from "./explain.ts";
import { type FolderFacts, isBelow, type PlacedFile, type Placement } from "./placement.ts";

/** So many files are looked for one by one; each costs a call. */
const MAX_LOOKED_FOR = 16;
/** So many names stand in a warning. */
const MAX_LISTED = 10;

/** Where to look. */
export interface SurveyOptions {
  readonly image: ImageFiles;
  /** Targets of the user's mounts and of the image's volumes. */
  readonly mounts: readonly string[];
  /** List every folder, not only those for secrets: nothing may vanish under a mount. */
  readonly listsAll?: boolean;
}

/** A file by name. */
type NamedFile = PlacedFile & { readonly name: string };

/**
 * @returns the facts of the folder of every file
 * @throws {@link DockerError} DELIVERY_PATH for a path below a file of the image
 */
export async function surveyFolders(
  files: readonly NamedFile[],
  o: SurveyOptions,
): Promise<Map<string, FolderFacts>> {
  try {
    return await lookAtFolders(files, o);
  } catch (error) {
    // for a path below a file the engine has an error of its own
    if (statusOf(error) === undefined) throw error;
    throw (await explainPaths(o.image, files)) ?? error;
  }
}

async function lookAtFolders(
  files: readonly NamedFile[],
  o: SurveyOptions,
): Promise<Map<string, FolderFacts>> {
  const facts = new Map<string, FolderFacts>();
  const own = new Set(files.filter(({ ownFolder }) => ownFolder).map(({ path }) => folderOf(path)));
  // parents first: below a folder that is not there nothing has to be asked
  for (const folder of new Set(files.map(({ path }) => folderOf(path)).toSorted())) {
    const mounted = o.mounts.some((target) => target === folder || isBelow(target, folder));
    const isKnown = [...facts].some(([other, { absent }]) => absent && isBelow(folder, other));
    const seen = isKnown ? ABSENT : await look(folder, o.listsAll === true || own.has(folder), o);
    const fault = seen === null ? await explainPaths(o.image, files) : null;
    if (fault !== null) throw fault;
    facts.set(folder, { ...(seen ?? ABSENT), mounted });
  }
  return facts;
}

/**
 * What people should know: a folder for secrets that the image has filled, and files of the image
 * that are hidden behind a secret.
 *
 * @param hidesFolders - the engine mounts whole folders only
 */
export async function placeWarnings(
  files: readonly PlacedFile[],
  placement: Placement,
  o: SurveyOptions & {
    readonly facts: ReadonlyMap<string, FolderFacts>;
    readonly hidesFolders: boolean;
  },
): Promise<string[]> {
  const filled = new Map(
    files.filter(({ ownFolder }) => ownFolder).map(({ path }) => [folderOf(path), path]),
  );
  const warnings = [...filled.keys()].flatMap((folder) => {
    const names = o.facts.get(folder)?.names ?? [];
    return names.length === 0 ? [] : [filledFolder(folder, names, o.hidesFolders)];
  });
  const alone = placement.singles.filter(
    ({ target }) => o.facts.get(folderOf(target))?.absent === false,
  );
  for (const { target } of alone.slice(0, MAX_LOOKED_FOR)) {
    if ((await o.image.kindOf(target)) !== "file") continue;
    warnings.push(`the image's own ${target} is hidden behind a secret`);
  }
  return warnings;
}

const ABSENT = { absent: true, names: [] };

/** @returns null for a file */
async function look(
  folder: string,
  listed: boolean,
  { image }: SurveyOptions,
): Promise<Omit<FolderFacts, "mounted"> | null> {
  const kind = await image.kindOf(folder);
  if (kind === "nothing") return ABSENT;
  if (kind === "file") return null;
  return { absent: false, names: listed ? await image.namesIn(folder) : [] };
}

function filledFolder(folder: string, names: readonly string[], hidden: boolean): string {
  const more = names.length > MAX_LISTED ? ", …" : "";
  const listed = names.slice(0, MAX_LISTED).join(", ") + more;
  const end = hidden
    ? "this engine mounts whole folders, so they are hidden"
    : "they stay visible, and refresh can't replace the secrets among them";
  return `the image has files in ${folder} (${listed}): ${end}`;
}

function folderOf(path: string): string {
  return posix.dirname(path);
}
