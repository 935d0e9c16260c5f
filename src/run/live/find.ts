/** Containers that have secrets of an app, found by their labels. */
import type { Engine } from "../../docker/engine.ts";
import { escapeControl, statusOf } from "../../docker/errors.ts";
import { isAlive, LABEL_OWNER } from "../../docker/labels.ts";
import type { ContainerInspect } from "../../docker/types.ts";
import { DockerError } from "../../errors.ts";
import { LABEL_APP, LABEL_ENV, LABEL_SPEC, type LaunchLabels, readLabels } from "./spec.ts";

/** A container as `ps`, `refresh`, `revoke` and `down` see it. */
export interface LiveContainer {
  readonly id: string;
  readonly name: string;
  readonly app: string;
  readonly environment: string;
  /** Id of its image, and `os/architecture` where the engine says it. */
  readonly image: string;
  readonly platform: string | undefined;
  /** The engine's word: `running`, `exited`, `paused` … */
  readonly state: string;
  readonly running: boolean;
  /** Milliseconds since 1970 of the engine's clock. */
  readonly startedAt: number;
  /** It was run on this machine. */
  readonly fromHere: boolean;
  /** As the engine has them: foreign text. */
  readonly rawLabels: Readonly<Record<string, string>>;
  /** Null when this version can't read them. */
  readonly labels: LaunchLabels | null;
}

/** One whose labels were understood. */
export type KnownContainer = LiveContainer & { readonly labels: LaunchLabels };

/** What the engine takes for a name or an id; anything else would be another path of its API. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** Which containers. */
export interface ContainerFilter {
  /** Of this app only. */
  readonly app?: string | undefined;
  readonly environment?: string | undefined;
  /** Stopped ones too. */
  readonly all?: boolean | undefined;
}

/**
 * Finds one by name or id.
 *
 * @param app - the app that it must belong to; any when it is not given
 * @throws {@link DockerError} CONTAINER_MISSING
 */
export async function findContainer(
  engine: Engine,
  nameOrId: string,
  app?: string,
): Promise<KnownContainer> {
  const shown = JSON.stringify(nameOrId.slice(0, 100));
  const inspect = NAME.test(nameOrId) ? await inspectOrNull(engine, nameOrId) : null;
  if (inspect === null) throw missing(`there is no container ${shown} on the engine`);
  const found = toLive(inspect);
  if (inspect.Config.Labels?.[LABEL_SPEC] === undefined) {
    throw missing(`container ${found.name} was not started by sealmount for an app`);
  }
  if (app !== undefined && found.app !== app) {
    throw missing(`container ${found.name} belongs to app ${found.app}, not to ${app}`);
  }
  if (!isKnown(found)) {
    throw missing(`the labels of container ${found.name} are not of this version of sealmount`);
  }
  return found;
}

/** Lists them, newest first as the engine does. One that goes meanwhile is left out. */
export async function listContainers(
  engine: Engine,
  filter: ContainerFilter,
): Promise<LiveContainer[]> {
  const label = [
    LABEL_SPEC,
    ...(filter.app === undefined ? [] : [`${LABEL_APP}=${filter.app}`]),
    ...(filter.environment === undefined ? [] : [`${LABEL_ENV}=${filter.environment}`]),
  ];
  const query = { all: filter.all === true, filters: JSON.stringify({ label }) };
  const lines = await engine.request<{ Id: string }[]>("GET", "/containers/json", { query });
  const found: LiveContainer[] = [];
  for (const { Id } of lines) {
    const inspect = await inspectOrNull(engine, Id);
    if (inspect !== null) found.push(toLive(inspect));
  }
  return found;
}

export function isKnown(container: LiveContainer): container is KnownContainer {
  return container.labels !== null;
}

async function inspectOrNull(engine: Engine, id: string): Promise<ContainerInspect | null> {
  try {
    return await engine.inspectContainer(id);
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
}

function toLive(inspect: ContainerInspect): LiveContainer {
  const { Id, Name, Image, State, Config } = inspect;
  const labels = Config.Labels ?? {};
  const platform = inspect.ImageManifestDescriptor?.platform;
  return {
    id: Id,
    name: Name.replace(/^\//, ""),
    app: escapeControl(labels[LABEL_APP] ?? ""),
    environment: escapeControl(labels[LABEL_ENV] ?? ""),
    image: Image,
    platform: platform ? `${platform.os ?? "linux"}/${platform.architecture ?? ""}` : undefined,
    state: State.Status,
    running: State.Running,
    startedAt: Date.parse(State.StartedAt) || 0,
    fromHere: isAlive(labels[LABEL_OWNER] ?? "") !== undefined,
    rawLabels: labels,
    labels: readLabels(labels),
  };
}

function missing(message: string): DockerError {
  return new DockerError("CONTAINER_MISSING", message, {
    hint: "see sealmount ps --any-app --all",
  });
}
