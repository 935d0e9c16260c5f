/** What of a folder is sent: the engine's patterns, and what its owner allows. */
import { BuildError } from "../../errors.ts";
import { shown } from "./faults.ts";
import { followLinks, withoutInner } from "./follow-links.ts";
import { PatternError, PatternMatcher, type ParentMatch } from "./pattern-matcher.ts";

/** The engine's wishes, as they come in the call's headers; undefined is not the same as empty. */
export interface FilterPatterns {
  readonly excludes?: readonly string[] | undefined;
  readonly includes?: readonly string[] | undefined;
  readonly followPaths?: readonly string[] | undefined;
}

/** What a folder's children inherit. */
export interface FolderMatch {
  readonly includes: ParentMatch | undefined;
  readonly excludes: ParentMatch | undefined;
}

/** What the filter says of one path. */
export interface FilterVerdict {
  readonly sent: boolean;
  /** For a folder: whether something in it may be sent. */
  readonly enter: boolean;
  readonly match: FolderMatch;
}

const ALL: FilterVerdict = {
  sent: true,
  enter: true,
  match: { includes: undefined, excludes: undefined },
};
const NOTHING: FilterVerdict = {
  sent: false,
  enter: false,
  match: { includes: undefined, excludes: undefined },
};

/** Decides on paths, parents before children. */
export class Filter {
  readonly #includes: PatternMatcher | null;
  readonly #excludes: PatternMatcher | null;
  readonly #only: readonly string[] | null;
  readonly #hasNoPatterns: boolean;

  /**
   * @param root - absolute; links are looked at there to resolve `followPaths` and `only`
   * @param only - paths beside which nothing is sent, whatever the engine asks
   * @throws {@link BuildError} BUILD_CONTEXT for malformed patterns and unreadable folders
   */
  constructor(root: string, patterns: FilterPatterns, only?: readonly string[]) {
    const { excludes, includes, followPaths } = patterns;
    this.#includes = matcher(includedBy(root, includes, followPaths), "include");
    this.#excludes = matcher(excludes ?? null, "exclude");
    this.#only = only === undefined ? null : allowed(root, only);
    this.#hasNoPatterns = this.#includes === null && this.#excludes === null;
  }

  /**
   * @param path - relative, with `/`, clean
   * @param parent - the parent folder's {@link FilterVerdict.match}; undefined on the top level
   */
  verdict(path: string, parent: FolderMatch | undefined): FilterVerdict {
    const place = this.#place(path);
    if (place === "outside") return NOTHING;
    if (this.#hasNoPatterns && place === "inside") return ALL;
    const included = judge(this.#includes, true, path, parent?.includes);
    const excluded = judge(this.#excludes, false, path, parent?.excludes);
    return {
      sent: included.passes && excluded.passes && place === "inside",
      enter: included.below && excluded.below,
      match: { includes: included.match, excludes: excluded.match },
    };
  }

  #place(path: string): "inside" | "above" | "outside" {
    if (this.#only === null) return "inside";
    if (this.#only.some((one) => path === one || path.startsWith(`${one}/`))) return "inside";
    return this.#only.some((one) => one.startsWith(`${path}/`)) ? "above" : "outside";
  }
}

/** What one of the two lists says of a path. */
interface Judgement {
  readonly passes: boolean;
  /** Whether something in it may pass. */
  readonly below: boolean;
  readonly match: ParentMatch | undefined;
}

const PASSES: Judgement = { passes: true, below: true, match: undefined };

/** @param keeps - what a match means: true for the includes, false for the excludes */
function judge(
  patterns: PatternMatcher | null,
  keeps: boolean,
  path: string,
  parent: ParentMatch | undefined,
): Judgement {
  if (patterns === null) return PASSES;
  const { matched, match } = patterns.verdict(path, parent);
  const passes = matched === keeps;
  const below = passes || patterns.mayMatchBelow(path, keeps ? "pattern" : "exception");
  return { passes, below, match };
}

/** As fsutil: the followed paths join the include patterns; no list is no restriction. */
function includedBy(
  root: string,
  includes: readonly string[] | undefined,
  followPaths: readonly string[] | undefined,
): readonly string[] | null {
  const given = includes ?? null;
  if (followPaths === undefined || followPaths.length === 0) return given;
  const followed = followLinks(root, followPaths);
  return followed === null ? given : withoutInner([...(given ?? []), ...followed]);
}

/** The owner's paths are names, not patterns, but links at them lead to what belongs to them. */
function allowed(root: string, only: readonly string[]): readonly string[] | null {
  const followed = followLinks(
    root,
    only.filter((path) => !/[*?[\\]/.test(path)),
  );
  return followed === null ? null : [...only, ...followed];
}

function matcher(patterns: readonly string[] | null, kind: string): PatternMatcher | null {
  if (patterns === null || patterns.length === 0) return null;
  try {
    return new PatternMatcher(patterns);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    const pattern = shown(patterns[error.index] ?? "");
    throw new BuildError("BUILD_CONTEXT", `malformed ${kind} pattern: ${pattern}`, {
      hint: "correct it in .dockerignore",
    });
  }
}
