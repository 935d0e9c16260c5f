/**
 * Which paths the engine needs so that it can resolve the ones it asked for: those themselves, and
 * what links on the way to them point at. Exactly fsutil's way, since what is sent takes part in
 * the image's cache keys.
 *
 * @see https://github.com/tonistiigi/fsutil/blob/master/followlinks.go
 */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";

import { isMissing, unreadable } from "./faults.ts";
import { cleanPath } from "./ignore-pattern.ts";

/**
 * @param paths - relative to `root`, with `/`; a part may have wildcards
 * @returns include patterns, sorted, none inside of another; null for "everything"
 * @throws {@link BuildError} BUILD_CONTEXT for a folder or link that can't be read
 */
export function followLinks(root: string, paths: readonly string[]): string[] | null {
  const resolved = new Set<string>();
  for (const path of paths) follow({ root, resolved }, path);
  const sorted = [...resolved].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return withoutInner(sorted);
}

/**
 * Leaves out what lies inside of a path that comes before it.
 *
 * @returns null when one of the paths is the folder itself, which is no restriction
 */
export function withoutInner(paths: readonly string[]): string[] | null {
  const kept: string[] = [];
  let last = "";
  for (const path of paths) {
    if (path === ".") return null;
    if (path.startsWith(`${last}/`)) continue;
    kept.push(path);
    last = path;
  }
  return kept;
}

interface Resolver {
  readonly root: string;
  readonly resolved: Set<string>;
}

function follow(r: Resolver, path: string): void {
  const parts = cleanPath(`./${path}`).split("/");
  for (const [index] of parts.entries()) {
    const current = parts.slice(0, index + 1).join("/");
    const rest = parts.slice(index + 1).join("/");
    const targets = targetsOf(r.root, current);
    if ((rest === "" || targets.length > 0) && r.resolved.has(current)) return;
    if (rest === "" || targets.length > 0) r.resolved.add(current);
    if (targets.length > 0) {
      for (const target of targets) follow(r, `${target}/${rest}`);
      return;
    }
  }
}

/** Where a path, or with wildcards each of several, points: relative to the root, as if chrooted. */
function targetsOf(root: string, path: string): string[] {
  const { folder, name } = split(path);
  if (!hasWildcards(name)) return targetOf(root, path);
  const test = nameTest(name);
  if (test === null) return [];
  return namesIn(root, folder)
    .filter(test)
    .flatMap((found) => targetOf(root, folder === "." ? found : `${folder}/${found}`));
}

function targetOf(root: string, path: string): string[] {
  // never out of the root; no link of the root itself is followed either
  if (path === "." || path === ".." || path.startsWith("../")) return [];
  try {
    if (!lstatSync(`${root}/${path}`).isSymbolicLink()) return [];
    const link = cleanPath(readlinkSync(`${root}/${path}`));
    return [cleanPath(link.startsWith("/") ? link : `/${split(path).folder}/${link}`)];
  } catch (error) {
    if (isMissing(error)) return [];
    throw unreadable(path, error);
  }
}

function namesIn(root: string, folder: string): string[] {
  try {
    return readdirSync(`${root}/${folder}`);
  } catch (error) {
    if (isMissing(error)) return [];
    throw unreadable(folder, error);
  }
}

function split(path: string): { readonly folder: string; readonly name: string } {
  const at = path.lastIndexOf("/");
  return { folder: at < 0 ? "." : path.slice(0, at), name: path.slice(at + 1) };
}

function hasWildcards(name: string): boolean {
  return /^(?:\\[^]|[^\\])*?[*?[]/.test(name);
}

/** Go's `filepath.Match` for one name, which knows no `**`; null for a malformed pattern. */
function nameTest(pattern: string): ((name: string) => boolean) | null {
  const piece = /\\([^])|(\*+)|(\?)|\[(\^?)((?:\\[^]|[^\]\\])+)\]|([^\\[])/gu;
  let source = "";
  let end = 0;
  for (const found of pattern.matchAll(piece)) {
    if (found.index !== end) return null;
    end += found[0].length;
    source += sourceOf(found);
  }
  if (end !== pattern.length) return null;
  try {
    const expression = new RegExp(`^${source}$`, "u");
    return (name) => expression.test(name);
  } catch {
    return null;
  }
}

function sourceOf([, escaped, stars, any, not, set, plain]: readonly (
  string | undefined
)[]): string {
  if (stars !== undefined) return "[^/]*";
  if (any !== undefined) return "[^/]";
  if (set === undefined) return literal(escaped ?? plain ?? "");
  const members = set.replace(/\\([^])|([\\\]^[])/gu, (_all, a?: string, b?: string) =>
    /[\\\]^[-]/.test(a ?? b ?? "") ? `\\${a ?? b ?? ""}` : (a ?? b ?? ""),
  );
  return `[${not ?? ""}${members}]`;
}

function literal(character: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}
