/** The guard of one build: no secret travels to the engine in plain. */
import { SealmountError } from "../errors.ts";
import type { Needle } from "../needles/needle.ts";
import { wipeNeedles } from "../needles/needle.ts";
import { NeedleTable } from "../needles/table.ts";
import type { Secret } from "../secret/secret.ts";
import type { FileInspection } from "../session/filesync/inspect.ts";
import {
  fileOf,
  filesOf,
  flagsOf,
  type WatchedFolder,
  watchedFolders,
  within,
} from "./guard-places.ts";
import { plaintextWarnings, refusePlaintext } from "./guard-refuse.ts";
import { ContentWatch, PlaintextStop, type SeenFile } from "./guard-watch.ts";
import {
  finding,
  findPlaintext,
  guardNeedles,
  type GuardInput,
  type PlaintextFinding,
  type TravellingFile,
} from "./guard.ts";
import type { BuildInputs } from "./inputs.ts";
import type { BuildRequest, BuildSecrets } from "./options.ts";
import { type BuildPlan, mountableIds } from "./plan.ts";

/** What to look for, and what to do about it. */
export interface Guard {
  /**
   * Values to look for besides those that the build itself may serve. Called once; they stay the
   * caller's.
   */
  readonly secrets?: (() => Promise<Iterable<Secret>>) | undefined;
  /** True: what is found is told as a warning, and travels. */
  readonly allowPlaintext?: boolean | undefined;
  /** Told how many values are looked for; those that stand in any project are none of them. */
  readonly onReady?: ((values: number) => void) | undefined;
}

/** One build, before it begins. */
export interface GuardedBuild {
  readonly request: BuildRequest & { readonly signal?: AbortSignal | undefined };
  readonly inputs: BuildInputs;
  readonly plan: BuildPlan;
  /** Those that the build may serve. */
  readonly secrets: BuildSecrets;
  readonly guard: Guard;
}

/** How long the rest of a refused build is searched, so that all places are told at once. */
const LISTING_MS = 2_000;
/** What the guard calls the context on stdin. */
const STDIN = "stdin";

/** What was opened and made of it; there from {@link BuildGuard.begin} on. */
interface Ready {
  readonly needles: readonly Needle[];
  readonly table: NeedleTable;
  readonly watch: ContentWatch;
}

/**
 * Flags and the Dockerfile are looked at by {@link begin}, before anything is asked of the engine;
 * files when they are about to be sent, so that those that the engine has already cost nothing.
 */
export class BuildGuard implements Disposable {
  readonly #build: GuardedBuild;
  readonly #folders: readonly WatchedFolder[];
  #ready: Ready | undefined;

  constructor(build: GuardedBuild) {
    this.#build = build;
    this.#folders = watchedFolders(build.inputs, build.request.cwd);
  }

  /**
   * Opens the values and looks at flags and the Dockerfile.
   *
   * @returns warnings, one line each
   * @throws {@link PlaintextError} POLICY with every place, of files too, unless plaintext is allowed
   */
  async begin(): Promise<string[]> {
    const { guard } = this.#build;
    const needles = await needlesFor(this.#build);
    const table = new NeedleTable(needles);
    const roots = new Map(this.#folders.map(({ dir, root }) => [dir, root]));
    const allow = guard.allowPlaintext === true;
    this.#ready = { needles, table, watch: new ContentWatch({ table, roots, allow }) };
    guard.onReady?.(new Set(needles.map(({ secret }) => secret)).size);
    const found = await findPlaintext(table, this.#written());
    if (!allow && found.some(({ certain }) => certain)) await this.#refuse(table, null);
    return plaintextWarnings(found, { allowed: allow });
  }

  /**
   * Looks at every file as well: for a builder that sends them by itself.
   *
   * @returns as {@link begin}; also throws as it does
   */
  async beginWhole(): Promise<string[]> {
    const warnings = await this.begin();
    const { guard, request } = this.#build;
    const { signal } = request;
    const found = await findPlaintext(this.#now().table, { files: filesOf(this.#folders), signal });
    if (guard.allowPlaintext !== true) refusePlaintext(found);
    return [...warnings, ...plaintextWarnings(found, { allowed: guard.allowPlaintext === true })];
  }

  /** For `fileSyncService`. */
  open(dir: string, path: string): FileInspection {
    return this.#now().watch.open(dir, path);
  }

  /** Passes the context on stdin on. */
  stream(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    return this.#now().watch.stream(STDIN, chunks);
  }

  /** What travelled, or what may be harmless: warnings, one line each. */
  async warnings(): Promise<string[]> {
    if (this.#ready === undefined) return [];
    const { table, watch } = this.#ready;
    const found: PlaintextFinding[] = [];
    for (const seen of watch.seen) found.push(...(await this.#placesOf(table, seen)));
    return plaintextWarnings(found, { allowed: this.#build.guard.allowPlaintext === true });
  }

  /** The error for one that ended the build: every place in place of the first one. */
  async refusal(error: unknown): Promise<unknown> {
    const first = this.#ready?.watch.seen.findLast(({ hit }) => hit !== null);
    if (!(error instanceof PlaintextStop) || this.#ready === undefined) return error;
    return this.#refuse(this.#ready.table, first ?? null).catch((refused: unknown) => refused);
  }

  [Symbol.dispose](): void {
    if (this.#ready === undefined) return;
    const { needles, table, watch } = this.#ready;
    wipeNeedles(needles);
    table.wipe();
    watch.wipe();
  }

  #now(): Ready {
    if (this.#ready !== undefined) return this.#ready;
    throw new Error("the guard has not begun");
  }

  #written(): GuardInput {
    const { request, inputs } = this.#build;
    const { shown, content } = inputs.dockerfile;
    return { flags: flagsOf(request), ...(content !== null && { dockerfile: { shown, content } }) };
  }

  /** @param first - what ended the build: told in any case, also when time is up */
  async #refuse(table: NeedleTable, first: SeenFile | null): Promise<undefined> {
    let isCut = false;
    const cut = (): void => void (isCut = true);
    const { signal } = this.#build.request;
    const files = within(LISTING_MS, readable(filesOf(this.#folders), cut), cut);
    const written = await findPlaintext(table, this.#written());
    const found = await findPlaintext(table, { files, signal });
    const ended = first === null ? [] : await this.#placesOf(table, first);
    const isTold = found.some(({ place }) => place.file === ended[0]?.place.file);
    refusePlaintext([...written, ...(isTold ? [] : ended), ...found], isCut);
    return undefined;
  }

  /** With lines, where the file still is what it was. */
  async #placesOf(table: NeedleTable, { dir, path, hit }: SeenFile): Promise<PlaintextFinding[]> {
    const folder = this.#folders.find((one) => one.dir === dir);
    if (folder === undefined) return hit === null ? [] : [finding("tar", hit, {})];
    const found = await findPlaintext(table, {
      files: within(LISTING_MS, fileOf(folder, path), () => undefined),
    });
    if (found.some(({ certain }) => certain) || hit === null) return found;
    return [finding("file", hit, { file: path })];
  }
}

/** A folder that can't be read ends the list, not the refusal. */
async function* readable(
  files: AsyncIterable<TravellingFile>,
  cut: () => void,
): AsyncGenerator<TravellingFile> {
  try {
    yield* files;
  } catch (error) {
    if (!(error instanceof SealmountError)) throw error;
    cut();
  }
}

/** What the build may serve, and what the caller adds; what does not open is not looked for. */
async function needlesFor(build: GuardedBuild): Promise<Needle[]> {
  const { plan, secrets, guard } = build;
  const more = [...((await guard.secrets?.().catch(() => [])) ?? [])];
  const ids = new Set([...mountableIds(plan, secrets.ids), ...plan.secretFlags]);
  const own: Secret[] = [];
  for (const id of ids) {
    // the step that asks for it says why it does not open
    const secret = await secrets.open(id).catch(() => null);
    if (secret !== null) own.push(secret);
  }
  const others = more.filter((secret) => !own.some((one) => one.equals(secret)));
  return guardNeedles([...own, ...others]);
}
