/**
 * `agent`: brings the files of containers back after each start, where they lie in volumes that a
 * stop empties. The containers wait for them at the gate.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { Engine } from "../../docker/engine.ts";
import { jsonLines } from "../../docker/json-lines.ts";
import { LABEL_ROLE, LABEL_RUN } from "../../docker/labels.ts";
import { SealmountError } from "../../errors.ts";
import { DATA } from "../delivery/tree.ts";
import { findContainer, isKnown, type KnownContainer, listContainers } from "./find.ts";
import { LABEL_APP, LABEL_RESEED } from "./spec.ts";

/** Something that the agent has done, or could not do. Never a value. */
export type AgentEvent =
  | { readonly kind: "watching" }
  | { readonly kind: "seeded"; readonly container: string; readonly files: number }
  | { readonly kind: "failed"; readonly container: string; readonly error: SealmountError }
  /** The engine does not answer; the agent goes on trying. */
  | { readonly kind: "lost"; readonly error: SealmountError };

/** What goes into {@link agent}. */
export interface AgentOptions {
  readonly engine: Engine;
  readonly app: string;
  /** Only its containers: what one agent can be asked for has a limit. */
  readonly environment: string;
  /**
   * Writes the files of one container, with the values of now, as `reseed` does, which looks at who
   * has signed its labels; false when they are there.
   */
  readonly seed: (container: KnownContainer) => Promise<boolean>;
  /** Ends the agent. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: AgentEvent) => void;
}

/** How often all containers are looked at, events or not: a connection can die in silence. */
const SCAN_MS = 30_000;
/** Between two tries to reach the engine: from, to. */
const RETRY_MS = [500, 15_000] as const;
/** A container that stops and starts while its files are written is tried again. */
const ATTEMPTS = 5;
const ATTEMPT_MS = 300;

/** Runs until the signal fires. Never throws for what an engine or a container does. */
export async function agent(options: AgentOptions): Promise<void> {
  const { signal, onEvent } = options;
  let [pause] = RETRY_MS as readonly number[];
  while (!signal.aborted) {
    const began = Date.now();
    try {
      await watch(options);
    } catch (error) {
      if (isOver(signal)) return;
      if (!(error instanceof SealmountError)) throw error;
      onEvent({ kind: "lost", error });
    }
    pause = Date.now() - began > SCAN_MS ? RETRY_MS[0] : Math.min((pause ?? 0) * 2, RETRY_MS[1]);
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

/** One connection: ends when it is lost, throws when it can't be made. */
async function watch(options: AgentOptions): Promise<void> {
  const { engine, app, signal, onEvent } = options;
  const lost = new AbortController();
  const both = AbortSignal.any([signal, lost.signal]);
  // asked for before the containers are listed: a start in between is told
  const query = {
    filters: JSON.stringify({
      type: ["container"],
      event: ["start", "destroy"],
      label: [`${LABEL_RESEED}=agent`, `${LABEL_APP}=${app}`],
    }),
  };
  const answer = await engine.stream("GET", "/events", { query, signal: both });
  onEvent({ kind: "watching" });
  const scanning = scanAgain(options, lost, both);
  try {
    const lines = jsonLines<EngineEvent>(answer, { host: engine.endpoint.host, signal: both });
    for await (const { Action, Actor } of lines) {
      const id = Actor?.ID ?? "";
      if (Action === "start") await seedById(options, id);
      if (Action === "destroy") await removeVolumes(engine, Actor?.Attributes?.[LABEL_RUN]);
    }
  } finally {
    lost.abort();
    await scanning;
  }
}

/** What is read of a line of `GET /events`. */
interface EngineEvent {
  readonly Action: string;
  readonly Actor: {
    readonly ID: string;
    readonly Attributes?: Readonly<Record<string, string>>;
  };
}

/** Looks at all containers now and then; an engine that does not answer ends the connection. */
async function scanAgain(
  options: AgentOptions,
  lost: AbortController,
  signal: AbortSignal,
): Promise<void> {
  const { engine, app, environment } = options;
  try {
    while (!isOver(signal)) {
      const containers = (await listContainers(engine, { app, environment })).filter(isKnown);
      const ours = containers.filter(({ labels }) => labels.reseed);
      for (const container of ours) await seedOne(options, container);
      await sleep(SCAN_MS, undefined, { signal });
    }
  } catch {
    lost.abort();
  }
}

async function seedById(options: AgentOptions, id: string): Promise<void> {
  const { engine, app, environment } = options;
  try {
    const container = await findContainer(engine, id, app);
    if (container.environment !== environment) return;
    await seedOne(options, container);
  } catch (error) {
    // gone again, or no labels of this version
    if (!(error instanceof SealmountError) || error.code !== "CONTAINER_MISSING") throw error;
  }
}

async function seedOne(options: AgentOptions, container: KnownContainer): Promise<void> {
  const { engine, seed, signal, onEvent } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      // nothing is opened for a container that has its files
      if (!(await isWaiting(engine, container)) || !(await seed(container))) return;
      const files = container.labels.spec.files.length;
      return onEvent({ kind: "seeded", container: container.name, files });
    } catch (error) {
      if (!(error instanceof SealmountError) || error.code === "DOCKER_UNREACHABLE") throw error;
      const mayPass = error.code === "DELIVERY_FAILED" && attempt < ATTEMPTS;
      if (!mayPass) return onEvent({ kind: "failed", container: container.name, error });
      await sleep(ATTEMPT_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Through the container itself: its volumes are mounted whole, so looking at them does no harm. */
async function isWaiting(engine: Engine, { id, labels }: KnownContainer): Promise<boolean> {
  const target = labels.spec.folders.at(-1)?.target;
  if (labels.spec.volumes.length === 0 || target === undefined) return false;
  return (await engine.headArchive(id, `${target}/${DATA}`)) === null;
}

/** Of a container that is gone. What does not go now, doctor --clean finds. */
async function removeVolumes(engine: Engine, run: string | undefined): Promise<void> {
  if (run === undefined) return;
  const volumes = await engine.listVolumes(`${LABEL_RUN}=${run}`);
  for (const { Name, Labels } of volumes) {
    if (Labels?.[LABEL_ROLE] === "files") await engine.removeVolume(Name).catch(() => undefined);
  }
}

function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
