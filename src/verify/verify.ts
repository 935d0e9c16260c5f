import { InterruptedError } from "../errors.ts";
import { wipeNeedles } from "../needles/needle.ts";
import type { Needle } from "../needles/needle.ts";
import { NeedleSearch } from "../needles/search.ts";
import { NeedleTable } from "../needles/table.ts";
import { needlesOf } from "../needles/variants.ts";
import type { Secret } from "../secret/secret.ts";
import { Blobs } from "./blobs.ts";
import { buildReport } from "./build-report.ts";
import { JSON_BUDGET } from "./content.ts";
import { MemberQueue } from "./members/queue.ts";
import type { Finding, VerifyReport } from "./model.ts";
import type { ImageSource, OpenSource } from "./sources/source.ts";
import { Verdicts } from "./verdicts/verdicts.ts";

/** How to verify. */
export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with the bytes read so far, and those that there are in all, about, where that is known; an
   * engine may be silent for long before the first.
   */
  readonly onProgress?: ((bytes: number, total?: number) => void) | undefined;
  /**
   * Variables by which this user's cache folder is found, where verdicts on layers are kept: a layer
   * is searched once for each secret. Without them, every layer is searched.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Secrets that should be looked for and are not given, as nobody here has their key: by name, or
   * `prod/*`. The report has them as unproved.
   */
  readonly unopened?: readonly string[] | undefined;
  /** False: every layer is searched, whatever is known of it, and nothing is kept. */
  readonly cache?: boolean | undefined;
}

/** A verification: its findings one by one, or the report with all of them. */
export interface Verification extends AsyncIterable<Finding> {
  /** What was searched and found; also when nothing can be proved. See `assertClean`. */
  report(): Promise<VerifyReport>;
}

/**
 * Searches an image for every given secret: each byte of each layer, also of files that a later layer
 * deletes, and config, history, labels and env. Begins when it is first asked for findings or the
 * report, and reads once, however often it is asked.
 *
 * Which layer of which image a finding is in is only known when all was read: findings come then.
 *
 * @param source - of `engineImage`, `registryImage`, `archiveFile`, `archiveStream`, `layoutFolder`,
 *   `containerSource`, `mergedTar` or `mergedFolder`
 * @param secrets - of `openForVerify`, or your own of `Secret.take`. They stay with the caller, who
 *   keeps them until the report is there; their names, such as `prod/API_KEY`, appear in it. Without
 *   any, nothing is looked for, and the report says so
 * @returns whose iterator and report throw what the source's `open` does, such as
 *   {@link DockerError} IMAGE_MISSING and DOCKER_REFUSED, and {@link InterruptedError} when the signal
 *   fires. What can't be read is no error: the report lists it, and `assertClean` refuses it
 */
export function verify(
  source: ImageSource,
  secrets: Iterable<Secret>,
  o: VerifyOptions = {},
): Verification {
  let result: Promise<VerifyReport> | undefined;
  const report = async (): Promise<VerifyReport> => (result ??= scan(source, [...secrets], o));
  return {
    report,
    async *[Symbol.asyncIterator]() {
      yield* (await report()).findings;
    },
  };
}

async function scan(
  source: ImageSource,
  secrets: readonly Secret[],
  o: VerifyOptions,
): Promise<VerifyReport> {
  const { signal } = o;
  throwIfAborted(signal);
  const opened = await source.open(signal);
  const abort = (): void => opened.close();
  signal?.addEventListener("abort", abort);
  try {
    throwIfAborted(signal);
    return await searchIn(opened, { ...o, source, secrets });
  } finally {
    signal?.removeEventListener("abort", abort);
    opened.close();
  }
}

interface SearchOptions extends VerifyOptions {
  readonly source: ImageSource;
  readonly secrets: readonly Secret[];
}

async function searchIn(opened: OpenSource, o: SearchOptions): Promise<VerifyReport> {
  const { source, secrets, signal } = o;
  const needles = secrets.flatMap((secret) => needlesOf(secret));
  const table = new NeedleTable(needles);
  const search = new NeedleSearch(table);
  const budget = { left: JSON_BUDGET };
  using verdicts = verdictsFor(opened, o, needles);
  const members = new MemberQueue(table);
  const stop = (): void => members.stop();
  signal?.addEventListener("abort", stop);
  const context = { table, search, members, checkDigests: opened.isForeign, budget };
  const blobs = new Blobs(context, (bytes) => o.onProgress?.(bytes, opened.size), verdicts);
  try {
    await opened.read(blobs);
    // a source that was closed looks like a broken one
    throwIfAborted(signal);
    const { unopened = [] } = o;
    return buildReport(blobs, { image: source.name, opened, secrets, unopened, table });
  } finally {
    signal?.removeEventListener("abort", stop);
    await members.close();
    await verdicts?.trim();
    search.end();
    table.wipe();
    wipeNeedles(needles);
  }
}

function verdictsFor(
  { isForeign }: OpenSource,
  { source: { voucher }, env, cache }: SearchOptions,
  needles: readonly Needle[],
): Verdicts | undefined {
  if (cache === false || env === undefined) return undefined;
  // bytes that nobody vouches for, and whose digests nobody computes, prove nothing for tomorrow
  if (!isForeign && voucher === undefined) return undefined;
  return Verdicts.open({ env, voucher: isForeign ? undefined : voucher, needles });
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError();
}
