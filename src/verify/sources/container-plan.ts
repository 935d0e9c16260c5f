import type { FileChange } from "../../docker/container-files.ts";

/** How to get at what a container has changed. Pure. */
export interface ChangePlan {
  /** Paths to fetch with all that is below them: new files and folders. */
  readonly whole: readonly string[];
  /** Modified, a file or a folder: a folder would come with all that is below it. */
  readonly modified: readonly string[];
  /** Paths whose names alone are the container's: deleted, or a place that something is mounted on. */
  readonly names: readonly string[];
  /** Every path whose bytes are the container's own, as {@link wantedName} writes it. */
  readonly wanted: ReadonlySet<string>;
  /** Some are no UTF-8: the engine does not say their bytes, so they can't be asked for. */
  readonly hasOddNames: boolean;
}

/**
 * Sorts the changes of a container. What is mounted into it (volumes, tmpfs, single files) is none of
 * its own, but comes along when a folder above is fetched.
 *
 * @param mounts - absolute paths
 */
export function planChanges(changes: readonly FileChange[], mounts: readonly string[]): ChangePlan {
  const plan = { whole: [] as string[], modified: [] as string[], names: [] as string[] };
  const wanted = new Set<string>();
  const parents = new Set(changes.map(({ path }) => parentOf(path)));
  const fetched = new Set<string>();
  const sorted = changes.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, kind } of sorted) {
    const isMounted = mounts.some((mount) => isAtOrBelow(path, mount));
    if (kind === "deleted" || isMounted) {
      plan.names.push(path);
      continue;
    }
    wanted.add(wantedName(path.slice(1)));
    if (isBelowAny(path, fetched)) continue;
    if (kind === "modified") {
      // a folder in which something was changed
      if (!parents.has(path)) plan.modified.push(path);
    } else if (mounts.some((mount) => isAtOrBelow(mount, path))) plan.names.push(path);
    else {
      plan.whole.push(path);
      fetched.add(path);
    }
  }
  return { ...plan, wanted, hasOddNames: [...wanted].some((name) => name.includes(REPLACED)) };
}

const REPLACED = "\uFFFD";

/**
 * What a path of the container is compared by, without the slash before it. For bytes that are no
 * UTF-8 the engine and Node write different numbers of replacement characters: here it is one.
 */
export function wantedName(path: string): string {
  return path.includes(REPLACED) ? path.replaceAll(/\uFFFD+/gu, REPLACED) : path;
}

/** `/a` of `/a/b`; empty for what is in the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

function isBelowAny(path: string, folders: ReadonlySet<string>): boolean {
  for (let at = parentOf(path); at !== ""; at = parentOf(at)) if (folders.has(at)) return true;
  return false;
}
