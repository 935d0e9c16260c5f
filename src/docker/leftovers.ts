/** What a killed sealmount left behind: on the engine, and in this machine's memory. */
import type { Engine } from "./engine.ts";
import { type Env, identityOf, listPrivateFolders, removePrivateFolder } from "./host-tmpfs.ts";
import type { PrivateFolder } from "./host-tmpfs.ts";
import { GRACE_MS, LABEL_OWNER, LABEL_ROLE, LABEL_RUN, isAbandoned, isAlive } from "./labels.ts";
import { findPushNames, removePushName } from "./push-name.ts";

/** One thing that can go. */
export interface Leftover {
  readonly kind: "container" | "volume" | "folder" | "image" | "image name" | "output" | "note";
  /** Id, name or path. */
  readonly name: string;
  /** Kept on purpose, for the next run: nothing to report, but free to go. */
  readonly kept: boolean;
  readonly remove: () => Promise<void>;
}

interface Container {
  readonly Id: string;
  readonly State: string;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly Labels: Readonly<Record<string, string>>;
}

interface Volume {
  readonly Name: string;
  /** RFC 3339; empty on engines that do not say. */
  readonly CreatedAt?: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/**
 * Finds leftovers, in the order in which they can be removed. A container that ever ran is never
 * one of them, nor is a volume or folder that a container still refers to.
 *
 * @param engine - null when none answers: then only folders that no container can need
 */
export async function findLeftovers(
  engine: Engine | null,
  env: Env,
  now: number = Date.now(),
): Promise<Leftover[]> {
  // looked at before the containers are: one that starts in between must not lose its folder
  const found = await listPrivateFolders(env);
  const containers = engine === null ? [] : await listContainers(engine);
  const stale = containers.filter((container) => isStale(container, now));
  const staleIds = new Set(stale.map(({ Id }) => Id));
  const rest = containers.filter(({ Id }) => !staleIds.has(Id));
  const runs = new Set(rest.map(({ Labels }) => Labels[LABEL_RUN]));
  return [
    ...(engine === null ? [] : stale.map((container) => containerLeftover(engine, container))),
    ...(engine === null ? [] : await volumeLeftovers(engine, runs, now)),
    ...(engine === null ? [] : await nameLeftovers(engine, now)),
    ...(await folderLeftovers(engine, found, { runs, now })),
  ];
}

async function listContainers(engine: Engine): Promise<Container[]> {
  const query = { all: true, filters: JSON.stringify({ label: [LABEL_OWNER] }) };
  return engine.request<Container[]>("GET", "/containers/json", { query });
}

function isStale({ State, Created, Labels }: Container, now: number): boolean {
  const isHelper = Labels[LABEL_ROLE] === "helper";
  // an app's container that never ran: we were killed between its creation and its start
  return (
    (isHelper || State === "created") &&
    isAbandoned(Labels[LABEL_OWNER] ?? "", Created * 1000, { now })
  );
}

function containerLeftover(engine: Engine, { Id }: Container): Leftover {
  const remove = async (): Promise<void> => engine.removeContainer(Id);
  return { kind: "container", name: Id.slice(0, 12), kept: false, remove };
}

async function volumeLeftovers(
  engine: Engine,
  runs: ReadonlySet<string | undefined>,
  now: number,
): Promise<Leftover[]> {
  const query = { filters: JSON.stringify({ label: [LABEL_OWNER] }) };
  const { Volumes } = await engine.request<{ Volumes: Volume[] | null }>("GET", "/volumes", {
    query,
  });
  const abandoned = (Volumes ?? []).filter(({ Labels, CreatedAt }) => {
    const made = Date.parse(CreatedAt ?? "") || 0;
    return (
      !runs.has(Labels?.[LABEL_RUN]) && isAbandoned(Labels?.[LABEL_OWNER] ?? "", made, { now })
    );
  });
  const found: Leftover[] = [];
  for (const { Name, Labels } of abandoned) {
    const kept = Labels?.[LABEL_ROLE] === "gate";
    // containers of other runs than the one that made it have it mounted
    if (kept && (await isUsed(engine, Name))) continue;
    found.push({ kind: "volume", name: Name, kept, remove: () => engine.removeVolume(Name) });
  }
  return found;
}

async function nameLeftovers(engine: Engine, now: number): Promise<Leftover[]> {
  return (await findPushNames(engine, now)).map((name) => ({
    kind: "image name",
    name,
    kept: false,
    remove: async () => removePushName(engine, name),
  }));
}

async function isUsed(engine: Engine, volume: string): Promise<boolean> {
  const query = { all: true, filters: JSON.stringify({ volume: [volume] }) };
  return (await engine.request<unknown[]>("GET", "/containers/json", { query })).length > 0;
}

/**
 * Removes what is certainly nobody's: folders and volumes of containers that were started and are
 * gone. Never throws: it is on the way of something else.
 *
 * @param o.started - runs whose container this process has started
 * @param o.own - the run that it is on the way of, which looks after itself
 */
export async function sweepLeftovers(
  engine: Engine,
  env: Env,
  { started, own }: { readonly started: ReadonlySet<string>; readonly own: string },
): Promise<void> {
  try {
    const folders = (await listPrivateFolders(env)).filter(
      ({ note }) => note?.kept === true && note.run !== own,
    );
    const earlier = new Set(started);
    earlier.delete(own);
    // a process that has started nothing yet has left no volume
    const all = earlier.size === 0 ? [] : await engine.listVolumes(LABEL_OWNER);
    const volumes = all.filter(
      ({ Labels }) => earlier.has(Labels?.[LABEL_RUN] ?? "") && Labels?.[LABEL_ROLE] !== "gate",
    );
    if (folders.length + volumes.length === 0) return;
    const containers = await listContainers(engine);
    const runs = new Set(containers.map(({ Labels }) => Labels[LABEL_RUN]));
    for (const { remove } of await folderLeftovers(engine, folders, { runs, now: 0 }))
      await remove();
    for (const { Name, Labels } of volumes) {
      if (!runs.has(Labels?.[LABEL_RUN])) await engine.removeVolume(Name);
    }
  } catch {
    // doctor --clean finds it again
  }
}

interface FolderFacts {
  readonly runs: ReadonlySet<string | undefined>;
  readonly now: number;
}

async function folderLeftovers(
  engine: Engine | null,
  folders: readonly PrivateFolder[],
  facts: FolderFacts,
): Promise<Leftover[]> {
  if (folders.length === 0) return [];
  const id = engine === null ? null : identityOf(await engine.info());
  return folders
    .filter((folder) => mayGo(folder, id, facts))
    .map(({ path }) => ({
      kind: "folder",
      name: path,
      kept: false,
      remove: () => removePrivateFolder(path),
    }));
}

/** A folder that stays with its container is judged only by the engine that has the container. */
function mayGo(
  { note, changed }: PrivateFolder,
  engine: string | null,
  facts: FolderFacts,
): boolean {
  const { runs, now } = facts;
  if (note === null) return now - changed > GRACE_MS;
  // its container was started: gone is gone, and only that engine knows
  if (note.kept) return note.engine === engine && !runs.has(note.run);
  if (runs.has(note.run)) return false;
  return isAlive(note.owner) === false || now - changed > GRACE_MS;
}
