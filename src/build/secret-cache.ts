/**
 * `--secret-cache=value`: a step that mounts a secret runs again when its value has changed.
 *
 * BuildKit leaves the content of a secret out of a step's cache key, but not the ids of its mounts.
 * So the step gets one mount more, optional and never served, whose id is a keyed digest of the
 * values. BuildKit leaves out an optional mount that nobody serves: the step sees the same files as
 * without it, and neither the files nor the history of the image differ (measured on Engine 20.10,
 * 26.1 and 28.5, with both image stores). The same value finds the old result again, also after another one
 * was there in between.
 *
 * The digest is no oracle. It stays on the engine, in the Dockerfile that was sent and in cache
 * records, and a bare hash would let its reader try guesses. It is an HMAC under a key that is
 * derived from the app's private key: whoever could compute it for a guess can open the value itself.
 * That key, unlike a random one in a file, is on every machine that builds the app, so these machines
 * share their caches. What remains visible is that a value has changed, or is an earlier one again.
 */
import { digestOf } from "../crypto/digest.ts";
import { BuildError } from "../errors.ts";
import type { Secret } from "../secret/secret.ts";
import { neededStages, readDockerfile } from "./dockerfile.ts";
import { splitDockerfile } from "./instructions.ts";

/** One step that gets a digest. */
export interface CachedStep {
  /** First line of its instruction, from 1. */
  readonly line: number;
  /** The secrets that its digest covers, sorted. */
  readonly ids: readonly string[];
}

/** Start of the ids that carry digests. Nothing of that name is ever served. */
const MARK = "sealmount-cache.";

/** What {@link withSecretCache} needs. */
export interface SecretCacheOptions {
  readonly dockerfile: Buffer;
  /** As shown in errors. */
  readonly shown: string;
  readonly target?: string | undefined;
  /** Ids whose value decides. */
  readonly marked: ReadonlySet<string>;
  /** See `crypto/digest.ts`; stays the caller's. */
  readonly key: Secret;
  /** Null for an id that this build does not serve. The Secret stays its owner's. */
  open(id: string): Promise<Secret | null>;
}

/**
 * The Dockerfile to send instead. Opens the marked secrets that the build's steps mount, and no
 * others; the step that asks for them later gets them as ever, under their own ids.
 *
 * @returns the Dockerfile itself when no step of this build mounts a marked secret
 * @throws {@link BuildError} BUILD_DOCKERFILE when a step can't be marked; whatever `open` throws
 */
export async function withSecretCache(o: SecretCacheOptions): Promise<Buffer> {
  const digests = new Map<number, string>();
  for (const { line, ids } of cachedSteps(o.dockerfile.toString("utf8"), o)) {
    const values = new Map<string, Secret | null>();
    for (const id of ids) values.set(id, await o.open(id));
    digests.set(line, digestOf(o.key, values));
  }
  const rewritten = withDigests(o.dockerfile, digests);
  if (rewritten !== null) return rewritten;
  throw new BuildError("BUILD_DOCKERFILE", "a step can't be tied to the value of its secret", {
    place: { file: o.shown },
    hint: "begin the step's line with RUN, or pass --secret-cache=off",
  });
}

/**
 * Which steps of a build depend on which of the marked secrets. A mount whose id holds a variable may
 * be any of them: its step depends on all, so it runs once too often rather than once too rarely.
 * Steps in `ONBUILD` belong to other builds, and steps of stages that are not built are left alone.
 *
 * @param marked - ids whose value decides
 */
export function cachedSteps(
  dockerfile: string,
  o: { readonly marked: ReadonlySet<string>; readonly target?: string | undefined },
): CachedStep[] {
  const facts = readDockerfile(dockerfile);
  const needed = neededStages(facts, o.target);
  const { instructions } = splitDockerfile(dockerfile);
  const steps = new Map<number, Set<string>>();
  for (const mount of facts.mounts) {
    if (mount.onbuild || !needed.has(mount.stage)) continue;
    const ids = mount.id === null ? [...o.marked] : [mount.id].filter((id) => o.marked.has(id));
    const step = instructions.findLast((instruction) => instruction.line <= mount.line);
    if (step === undefined || ids.length === 0) continue;
    const known = steps.get(step.line) ?? new Set();
    for (const id of ids) known.add(id);
    steps.set(step.line, known);
  }
  return [...steps].map(([line, ids]) => ({ line, ids: [...ids].toSorted() }));
}

/**
 * The Dockerfile with the digests in it. Lines stay lines, so places in messages stay right; all
 * bytes but the added ones stay as they are.
 *
 * @param digests - by the first line of the step
 * @returns null when a step's `RUN` is not where it should be: then nothing may be sent
 */
export function withDigests(
  dockerfile: Buffer,
  digests: ReadonlyMap<number, string>,
): Buffer | null {
  // latin1 keeps every byte, whatever encoding the file has
  const lines = dockerfile.toString("latin1").split("\n");
  for (const [line, digest] of digests) {
    const text = lines[line - 1] ?? "";
    // the first line may begin with a byte order mark
    const run = /^(?:\u00ef\u00bb\u00bf)?[ \t]*RUN/i.exec(text)?.[0];
    if (run === undefined) return null;
    lines[line - 1] = `${run} ${flagOf(digest)}${text.slice(run.length)}`;
  }
  return Buffer.from(lines.join("\n"), "latin1");
}

/** Takes the digests out of text that comes back from the engine: names of steps, excerpts. */
export function withoutDigests(text: string): string {
  return text.includes(MARK) ? text.replaceAll(DIGEST_FLAG, "") : text;
}

const DIGEST_FLAG = / --mount=type=secret,id=sealmount-cache\.[0-9a-f]+/g;

function flagOf(digest: string): string {
  return `--mount=type=secret,id=${MARK}${digest}`;
}
