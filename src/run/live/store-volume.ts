/**
 * A store in tmpfs volumes of the engine, reached through helper containers of the app's image. One
 * that is never started has the volumes mounted while it is written to; its name is the lock.
 */
import { posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Engine } from "../../docker/engine.ts";
import { statusOf } from "../../docker/errors.ts";
import { isAlive, LABEL_OWNER, LABEL_ROLE, LABEL_RUN } from "../../docker/labels.ts";
import { DockerError } from "../../errors.ts";
import type { StoreContent } from "../delivery/delivery.ts";
import { createHelper, type HelperContext } from "../delivery/helper.ts";
import { GRACE_MS, revoked } from "../delivery/host-tree.ts";
import { packEmptyFiles, packGeneration, packStore } from "../delivery/tar.ts";
import {
  DATA,
  FRESH,
  freshPaths,
  type Generation,
  GENERATIONS,
  nextGeneration,
  STATE,
} from "../delivery/tree.ts";
import { HELPER_ROOT, helperMounts, type StoreVolume } from "../delivery/volumes.ts";
import { readText, sizesIn } from "../probe.ts";
import { gateFor } from "../gate/gate.ts";
import { gateFromVolume, makeGateVolume } from "../gate/volume.ts";
import { runGate, type Work } from "./helper-program.ts";
import type { LaunchSpec } from "./spec.ts";
import { busy, compareNotes, type Store, type StoreContext } from "./store.ts";

/** A name that a killed call left, or another has just given back, is asked for again. */
const ATTEMPTS = 3;

/**
 * @throws {@link DockerError} DELIVERY_FAILED when the volumes are not those of that container, or
 *   not in memory
 */
export async function openVolumeStore(context: StoreContext): Promise<Store> {
  const volumes = await ownVolumes(context);
  context.enter("open");
  const delivery = helperContext(context);
  // runs on the engine's own machine, whatever the image is made for
  const machine = { Os: "linux", Architecture: context.engine.version.arch };
  const gate = await gateFor(machine, undefined);
  const gateVolume = await makeGateVolume(delivery, gate);
  const mounts = [...helperMounts(volumes), gateVolume.helperMount];
  const writer = await createWriter(context, delivery, mounts);
  const run = async (work: Work): Promise<void> =>
    runGate(
      delivery,
      await gateFromVolume(delivery, gate, gateVolume, async () => writer),
      volumes,
      work,
    );
  const parts = { context, writer, run };
  return {
    replace: async (content) => replace(parts, content),
    empty: async () => empty(parts),
  };
}

/**
 * Fills volumes that are empty since their container was started.
 *
 * @returns false when the files are there
 * @throws {@link DockerError} DELIVERY_FAILED as {@link openVolumeStore}, and when nothing stays
 */
export async function seedVolumes(context: StoreContext, content: StoreContent): Promise<boolean> {
  const { engine, container } = context;
  const { spec } = container.labels;
  const volumes = await ownVolumes(context);
  const writer = await createWriter(context, helperContext(context), helperMounts(volumes));
  // the gate waits for the last folder: where its link is, all is
  const last = `${HELPER_ROOT}/${spec.folders.at(-1)?.key ?? ""}/${DATA}`;
  if ((await engine.headArchive(writer, last)) !== null) return false;
  const tar = await packStore(spec, content, GENERATIONS[0]);
  try {
    await engine.putArchive(writer, HELPER_ROOT, tar);
  } finally {
    tar.fill(0);
  }
  // memory that nobody has mounted forgets
  compareNotes(content.note, await readNotesBy(engine, writer, spec));
  return true;
}

interface Parts {
  readonly context: StoreContext;
  /** A container that is never started. */
  readonly writer: string;
  /** Runs the gate on the volumes. */
  readonly run: (work: Work) => Promise<void>;
}

async function replace(parts: Parts, content: StoreContent): Promise<void> {
  const { context, run } = parts;
  const { spec } = context.container.labels;
  const current = await currentGenerations(parts);
  const next = new Map(Array.from(current, ([key, old]) => [key, nextGeneration(old)] as const));
  context.enter("write");
  await upload(parts, content, next);
  context.enter("swap");
  await run({
    mode: "rename",
    parts: spec.folders.flatMap((folder) =>
      freshPaths(folder).map((path) => [`${folder.key}/${FRESH}/${path}`, `${folder.key}/${path}`]),
    ),
  });
  context.enter("clean");
  await sleep(GRACE_MS);
  await drop(parts, current);
  context.enter("verify");
  compareNotes(
    content.note,
    await readNotesBy(context.engine, parts.writer, context.container.labels.spec),
  );
}

/** The new files, beside the old ones. Where there is no room for them, they go again. */
async function upload(
  parts: Parts,
  content: StoreContent,
  next: ReadonlyMap<string, Generation>,
): Promise<void> {
  const { context, writer } = parts;
  const { engine, container } = context;
  const tar = await packGeneration(
    container.labels.spec,
    content,
    ({ key }) => next.get(key) ?? GENERATIONS[0],
  );
  try {
    await engine.putArchive(writer, HELPER_ROOT, tar);
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    await drop(parts, next);
    if (!(error instanceof DockerError) || !/no space left/i.test(error.message)) throw error;
    const fact = `there is no room for the new values in the volume of ${container.name}`;
    throw new DockerError("DELIVERY_FAILED", fact, {
      hint: "they are much longer than the old ones: run the container anew",
    });
  } finally {
    tar.fill(0);
  }
}

/** An empty file in the place of each generation, and of what was to put a new one in place. */
async function drop(
  { context, writer }: Parts,
  generations: ReadonlyMap<string, Generation>,
): Promise<void> {
  const paths = Array.from(generations, ([key, generation]) => [
    `${key}/${generation}`,
    `${key}/${FRESH}`,
  ]).flat();
  const tar = await packEmptyFiles(paths.map((path) => ({ path, mode: 0o400, ids: ROOT })));
  await context.engine.putArchive(writer, HELPER_ROOT, tar);
}

const ROOT = { uid: 0, gid: 0 };

async function empty(parts: Parts): Promise<void> {
  const { context, run, writer } = parts;
  const { engine, container, enter } = context;
  const { folders, singles } = container.labels.spec;
  if (!(await isHeld(parts))) return;
  enter("write");
  const files = [...namesOf(parts), ...folders.flatMap(({ key }) => ownPaths(key))];
  await engine.putArchive(writer, HELPER_ROOT, await packEmptyFiles(files));
  enter("swap");
  if (singles.length > 0) {
    await run({ mode: "empty", parts: singles.map(({ key }) => [key]) });
  }
  enter("verify");
  const sizes = await sizesIn(engine, writer, HELPER_ROOT);
  if (sizes.every((size) => size === 0)) return;
  throw new DockerError("DELIVERY_FAILED", `the files of ${container.name} are not all empty`, {
    hint: "remove the container: sealmount down",
  });
}

/** Under the names that the program knows, with the owner and mode that they had. */
function namesOf({ context }: Parts): { path: string; mode: number; ids: typeof ROOT }[] {
  const { folders, files } = context.container.labels.spec;
  return folders.flatMap((folder) =>
    folder.files.map(({ file, path }) => {
      const { mode = 0o400, uid = 0, gid = 0 } = files[file] ?? {};
      return { path: `${folder.key}/${path}`, mode, ids: { uid, gid } };
    }),
  );
}

function ownPaths(key: string): { path: string; mode: number; ids: typeof ROOT }[] {
  return [DATA, ...GENERATIONS, FRESH].map((name) => ({
    path: `${key}/${name}`,
    mode: 0o400,
    ids: ROOT,
  }));
}

/** Memory that nobody has mounted is empty: what is there now is the app's. */
async function isHeld({ context, writer }: Parts): Promise<boolean> {
  const { folders, singles } = context.container.labels.spec;
  const path = [...folders.map(({ key }) => `${key}/${DATA}`), ...singles.map(({ key }) => key)][0];
  if (path === undefined) return false;
  return (await context.engine.headArchive(writer, `${HELPER_ROOT}/${path}`)) !== null;
}

/** @throws {@link DockerError} DELIVERY_FAILED where the app does not hold them, or no more */
async function currentGenerations({
  context,
  writer,
}: Parts): Promise<ReadonlyMap<string, Generation>> {
  const { container, engine } = context;
  const found = new Map<string, Generation>();
  for (const { key } of container.labels.spec.folders) {
    const stat = await engine.headArchive(writer, `${HELPER_ROOT}/${key}/${DATA}`);
    if (stat === null) {
      throw new DockerError(
        "DELIVERY_FAILED",
        `${container.name} does not hold its files any more`,
        {
          hint: "files in a volume go with the program: run the container anew",
        },
      );
    }
    const target = posix.basename(stat.linkTarget);
    const generation = GENERATIONS.find((one) => one === target);
    if (generation === undefined) throw revoked();
    found.set(key, generation);
  }
  return found;
}

async function readNotesBy(
  engine: Engine,
  writer: string,
  { folders }: LaunchSpec,
): Promise<(string | null)[]> {
  const notes: (string | null)[] = [];
  for (const { key } of folders) {
    notes.push(await readText(engine, writer, `${HELPER_ROOT}/${key}/${DATA}/${STATE}`));
  }
  return notes;
}

/** A label may name any volume: these are of that run, and tmpfs, as `run` has made them. */
async function ownVolumes({ engine, container }: StoreContext): Promise<StoreVolume[]> {
  const { run, spec } = container.labels;
  const ours = await engine.listVolumes(`${LABEL_RUN}=${run}`);
  return spec.volumes.map(({ name, key }) => {
    const volume = ours.find(({ Name }) => Name === name);
    const isOurs = volume?.Labels?.[LABEL_ROLE] === "files" && volume.Driver === "local";
    if (!isOurs || !["tmpfs", "ramfs"].includes(volume.Options?.["type"] ?? "")) {
      throw new DockerError("DELIVERY_FAILED", `the volume of ${container.name} is not in memory`, {
        hint: "run the container anew",
      });
    }
    return { name, key, path: key === null ? HELPER_ROOT : `${HELPER_ROOT}/${key}`, bytes: 0 };
  });
}

async function createWriter(
  { engine, container }: StoreContext,
  delivery: HelperContext,
  mounts: Parameters<typeof createHelper>[1],
): Promise<string> {
  const name = `sealmount-${delivery.run}-writer`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      return (await createHelper(delivery, mounts, name)).id;
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
    }
    if (!(await removeDead(engine, name))) break;
  }
  throw busy(container.name);
}

/** @returns false for a helper whose process may still need it */
async function removeDead(engine: Engine, name: string): Promise<boolean> {
  try {
    const { Id, Config } = await engine.inspectContainer(name);
    const { [LABEL_OWNER]: owner = "", [LABEL_ROLE]: role } = Config.Labels ?? {};
    if (role !== "helper" || isAlive(owner) !== false) return false;
    await engine.removeContainer(Id);
  } catch (error) {
    // its own call has just removed it
    if (statusOf(error) !== 404) throw error;
  }
  return true;
}

function helperContext({ engine, cleanup, container }: StoreContext): HelperContext {
  const { image, platform } = container;
  const { run } = container.labels;
  return { engine, cleanup, image, platform, run };
}
