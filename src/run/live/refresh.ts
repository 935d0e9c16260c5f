/** `refresh`: rotated values for a container that runs. */
import type { Engine } from "../../docker/engine.ts";
import { statusOf } from "../../docker/errors.ts";
import { DockerError, InterruptedError, SealmountError } from "../../errors.ts";
import { Cleanup } from "../cleanup.ts";
import type { Env } from "../options.ts";
import { type AfterRefresh, checkAfter, doAfter } from "./after.ts";
import { liveContent } from "./content.ts";
import { digestsOf, type NamedValue } from "./describe.ts";
import type { DigestKey } from "./digest-key.ts";
import { findContainer, type KnownContainer } from "./find.ts";
import { fileNames, hiddenFile, namesOf } from "./hidden.ts";
import { readNotes } from "./notes.ts";
import { refuseUntrusted } from "./sign.ts";
import { compareValue, type Freshness, heldBy } from "./status.ts";
import { type LivePhase, openStore, type StoreContext } from "./store.ts";

/** What goes into `refresh`. */
export interface RefreshOptions {
  readonly engine: Engine;
  /** Name or id. */
  readonly container: string;
  /** The app that it must belong to; any when it is not given. */
  readonly app?: string | undefined;
  /** The values of now of the container's app and environment; the caller wipes them. */
  readonly entries: readonly NamedValue[];
  /**
   * Must have signed the container's labels, and tells which values have changed. Without it, which is
   * for values that are no secret, any container is given them, and all files are written. Stays the
   * caller's.
   */
  readonly digestKey?: DigestKey | undefined;
  /** Environment of the client: names its tmpfs folders. */
  readonly env: Env;
  /** Write the files although no value has changed. */
  readonly force?: boolean | undefined;
  /** Only when a file was written. */
  readonly after?: AfterRefresh | undefined;
  /** Obeyed between the steps, until the first file is replaced. */
  readonly signal?: AbortSignal | undefined;
  readonly onPhase?: ((phase: LivePhase) => void) | undefined;
  /** Told once each, in words; a value is never part of them. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** A value that the program does not have yet, and what brings it there. */
export interface StaleValue {
  readonly name: string;
  readonly why: string;
}

/** How a refresh ended. */
export interface RefreshResult {
  /** Its name. */
  readonly container: string;
  /** Names of the files that have new values. */
  readonly refreshed: readonly string[];
  readonly unchanged: readonly string[];
  readonly stale: readonly StaleValue[];
}

/**
 * Replaces the files of one container by the values of now, each at one moment: a reader finds the
 * old value or the new one.
 *
 * @throws SealmountError CONTAINER_MISSING; SECRET_MISSING for a file whose secret is gone;
 *   DELIVERY_FAILED when the files can't be reached or written (then the old ones are whole)
 * @throws PolicyError LABELS_UNTRUSTED when the labels are not signed by the key
 */
export async function refresh(options: RefreshOptions): Promise<RefreshResult> {
  const { engine, after = {}, onWarning } = options;
  checkAfter(after);
  const enter = phases(options);
  enter("find");
  const container = await findContainer(engine, options.container, options.app);
  refuseUntrusted(container, options.digestKey);
  const cleanup = new Cleanup();
  const context = { engine, env: options.env, cleanup, container, enter };
  try {
    const result = await refreshFiles(context, options);
    if (result.refreshed.length > 0) {
      enter("after");
      await doAfter(engine, container, after);
    }
    return result;
  } catch (error) {
    throw await explain(error, context);
  } finally {
    await cleanup.finish(onWarning);
  }
}

async function refreshFiles(
  context: StoreContext,
  options: RefreshOptions,
): Promise<RefreshResult> {
  const { container } = context;
  const { spec } = container.labels;
  using content = liveContent(spec, options.entries, options.digestKey);
  const { inStore, inProgram } = await compare(context, options);
  const alone = new Set(spec.singles.map(({ file }) => spec.files[file]?.name));
  const files = fileNames(spec).filter((name) => !alone.has(name));
  const written = hiddenFile(spec) === null ? files : [...files, ...spec.variables];
  const wanted = written.filter((name) => options.force === true || inStore(name) !== "same");
  if (wanted.length > 0) {
    const store = await openStore(context);
    await store.replace(content);
    // a folder of this machine outlives its container
    await findContainer(context.engine, container.id);
  }
  const refreshed = files.filter((name) => wanted.includes(name));
  const stale = namesOf(spec).flatMap((name): StaleValue[] => {
    const fresh = inProgram(name);
    if (files.includes(name) || fresh === "same") return [];
    return [{ name, why: whyStale(name, container, fresh) }];
  });
  const others = new Set([...refreshed, ...stale.map(({ name }) => name)]);
  const unchanged = namesOf(spec).filter((name) => !others.has(name));
  return { container: container.name, refreshed, unchanged, stale };
}

/** How a value of now compares, by name. */
type Compare = (name: string) => Freshness;

/** With what lies in the store, and with what the program has: not the same for hidden variables. */
async function compare(
  context: StoreContext,
  { digestKey, entries }: RefreshOptions,
): Promise<{ readonly inStore: Compare; readonly inProgram: Compare }> {
  const { labels, startedAt } = context.container;
  const { states } = await readNotes(context, context.container);
  const now = digestsOf(digestKey, entries);
  const compareAt =
    (at: number): Compare =>
    (name) => {
      // what can't be seen is written
      if (states === null && !labels.spec.variables.includes(name)) return "unknown";
      const held = heldBy({ labels, notes: states ?? [], startedAt: at });
      return compareValue(name, held, (key) => (key === digestKey?.fingerprint ? now : null));
    };
  return { inStore: compareAt(Infinity), inProgram: compareAt(startedAt) };
}

function whyStale(name: string, { labels }: KnownContainer, fresh: Freshness): string {
  const { spec } = labels;
  const isVariable = spec.variables.includes(name);
  if (fresh === "gone") return "it is not set any more: run the container anew";
  if (fresh === "unknown") return "it can't be told whether it has changed: run the container anew";
  if (!isVariable) return "mounted alone: run the container anew";
  if (hiddenFile(spec) === null) return "a variable: run the container anew";
  return spec.volumes.length > 0
    ? "a hidden variable: run the container anew"
    : "a hidden variable: the program gets it when the container is started again";
}

/** Announces a phase, and stops where nothing is changed yet. */
function phases({ onPhase, signal }: RefreshOptions): (phase: LivePhase) => void {
  const late: readonly LivePhase[] = ["swap", "clean", "verify", "after"];
  return (phase) => {
    onPhase?.(phase);
    if (signal?.aborted === true && !late.includes(phase)) throw new InterruptedError();
  };
}

/** A container that goes meanwhile is a better reason than what its files are then. */
async function explain(error: unknown, { engine, container }: StoreContext): Promise<unknown> {
  if (!(error instanceof DockerError) || error.code === "DOCKER_UNREACHABLE") return error;
  const { id, name, running, startedAt } = container;
  try {
    const { State } = await engine.inspectContainer(id);
    const isOther = State.Running !== running || (Date.parse(State.StartedAt) || 0) !== startedAt;
    if (!isOther) return error;
    const fact = `${name} was ${State.Running ? "restarted" : "stopped"} while it was refreshed`;
    return new DockerError("DELIVERY_FAILED", `${fact}: ${error.message}`, { hint: "try again" });
  } catch (gone) {
    if (statusOf(gone) !== 404) return error;
    const fact = `container ${name} was removed while it was refreshed`;
    return new SealmountError("CONTAINER_MISSING", fact);
  }
}
