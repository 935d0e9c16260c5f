/** `ps`: which containers have secrets, and whether those are the values of now. */
import type { Engine } from "../../docker/engine.ts";
import { SealmountError } from "../../errors.ts";
import type { Env } from "../options.ts";
import type { DigestKey } from "./digest-key.ts";
import { type ContainerFilter, isKnown, listContainers, type LiveContainer } from "./find.ts";
import { fileNames, hiddenFile, namesOf } from "./hidden.ts";
import { readNotes } from "./notes.ts";
import { distrust } from "./sign.ts";
import type { LaunchIdentity, LaunchLabels, LaunchSpec } from "./spec.ts";
import { type DigestsOfNow, heldBy, type Status, statusFrom } from "./status.ts";

/** What goes into `ps`. */
export interface PsOptions extends ContainerFilter {
  readonly engine: Engine;
  /** Environment of the client: names its tmpfs folders. */
  readonly env: Env;
  /**
   * The values of now, of those names that are set. What it throws (no key, no manifest …) becomes
   * the reason why a status is unknown; it is asked for each container.
   */
  readonly current: (labels: LaunchLabels, names: readonly string[]) => Promise<ValuesOfNow>;
}

/** What a container is compared with. */
export interface ValuesOfNow {
  readonly digests: DigestsOfNow;
  /** Must have signed its labels, see `digestKeyOf`; null where nothing tells. Disposed by `ps`. */
  readonly signer: DigestKey | null;
}

/** One container. */
export interface PsLine extends LaunchIdentity {
  readonly id: string;
  readonly name: string;
  /** The engine's word: `running`, `exited` … */
  readonly state: string;
  /** Names of secrets that are files, and that are variables. */
  readonly files: readonly string[];
  readonly variables: readonly string[];
  /** The variables are hidden from the engine. */
  readonly hidden: boolean;
  readonly delivery: "none" | "bind" | "volume";
  readonly status: Status;
}

/** @throws DockerError when the engine can't be asked; nothing else is an error */
export async function ps(options: PsOptions): Promise<PsLine[]> {
  const lines: PsLine[] = [];
  for (const container of await listContainers(options.engine, options)) {
    lines.push(await lineOf(container, options));
  }
  return lines;
}

async function lineOf(container: LiveContainer, options: PsOptions): Promise<PsLine> {
  const { id, name, app, environment, state, labels } = container;
  const { spec } = labels ?? { spec: NOTHING };
  return {
    id,
    name,
    app,
    environment,
    state,
    files: fileNames(spec),
    variables: spec.variables,
    hidden: hiddenFile(spec) !== null,
    delivery: deliveryOf(spec),
    status: await statusOf(container, options),
  };
}

/** For labels that nobody understands. */
const NOTHING: LaunchSpec = {
  version: 1,
  files: [],
  folders: [],
  singles: [],
  volumes: [],
  variables: [],
  hides: false,
};

function deliveryOf({ folders, singles, volumes }: LaunchSpec): PsLine["delivery"] {
  if (folders.length + singles.length === 0) return "none";
  return volumes.length > 0 ? "volume" : "bind";
}

async function statusOf(container: LiveContainer, options: PsOptions): Promise<Status> {
  if (!isKnown(container)) return unknown("its labels are not of this version of sealmount");
  const { labels, startedAt } = container;
  const names = namesOf(labels.spec);
  const notes = await readNotes(options, container);
  try {
    const { digests, signer } = await options.current(labels, names);
    using own = signer;
    const why = own === null ? null : distrust(container, own);
    if (why !== null) return { kind: "untrusted", why };
    if (notes.states === null) return unknown(notes.why);
    return statusFrom(names, heldBy({ labels, notes: notes.states, startedAt }), digests);
  } catch (error) {
    if (!(error instanceof SealmountError)) throw error;
    return unknown(notes.states === null ? notes.why : `${error.message} [${error.code}]`);
  }
}

function unknown(why: string): Status {
  return { kind: "unknown", why };
}
