/** `revoke`: takes the secrets of a container away; it keeps running. */
import type { Engine } from "../../docker/engine.ts";
import { InterruptedError } from "../../errors.ts";
import { Cleanup } from "../cleanup.ts";
import type { Env } from "../options.ts";
import { findContainer, type KnownContainer } from "./find.ts";
import { fileNames, hiddenFile } from "./hidden.ts";
import { type LivePhase, openStore } from "./store.ts";

/** What goes into `revoke`. */
export interface RevokeOptions {
  readonly engine: Engine;
  /** Name or id. */
  readonly container: string;
  /** The app that it must belong to; any when it is not given. */
  readonly app?: string | undefined;
  /** Environment of the client: names its tmpfs folders. */
  readonly env: Env;
  readonly signal?: AbortSignal | undefined;
  readonly onPhase?: ((phase: LivePhase) => void) | undefined;
  /** Told once each, in words; a value is never part of them. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** What can't be taken back. */
export interface LeftValue {
  readonly name: string;
  readonly why: string;
}

/** How a revoke ended. */
export interface RevokeResult {
  /** Its name. */
  readonly container: string;
  /** Names of the files that are gone now. */
  readonly revoked: readonly string[];
  readonly left: readonly LeftValue[];
}

/**
 * Empties the files of one container at once, and looks again. What the program has read already it
 * may still know. A second call is fine. Afterwards the container can't be started again by anybody
 * who does not bring its files back: `run` makes a new one.
 *
 * @throws SealmountError CONTAINER_MISSING; DELIVERY_FAILED when the files can't be reached
 */
export async function revoke(options: RevokeOptions): Promise<RevokeResult> {
  const { engine, env, onWarning, onPhase, signal } = options;
  const container = await findContainer(engine, options.container, options.app);
  const cleanup = new Cleanup();
  const enter = (phase: LivePhase): void => {
    onPhase?.(phase);
    if (signal?.aborted === true && phase === "open") throw new InterruptedError();
  };
  try {
    await emptyFiles(container, { engine, env, cleanup, container, enter });
  } finally {
    await cleanup.finish(onWarning);
  }
  const { spec } = container.labels;
  return { container: container.name, revoked: fileNames(spec), left: leftIn(container) };
}

async function emptyFiles(
  { labels }: KnownContainer,
  context: Parameters<typeof openStore>[0],
): Promise<void> {
  const { folders, singles } = labels.spec;
  if (folders.length + singles.length === 0) return;
  const store = await openStore(context);
  await store.empty();
}

/** Variables stay where they are. */
function leftIn({ labels, running }: KnownContainer): LeftValue[] {
  const { spec } = labels;
  const isHidden = hiddenFile(spec) !== null;
  if (isHidden && !running) return [];
  const why = isHidden
    ? "the program has it in its environment until it ends"
    : "docker inspect shows it until the container is removed, and the engine's disk may longer";
  return spec.variables.map((name) => ({ name, why }));
}
