/**
 * Files in a tmpfs volume of the engine: works on any engine, local or remote, without touching its
 * host's file system.
 *
 * A tmpfs volume has content only while somebody has it mounted. Two containers of the app's image,
 * never started, do the work: the holder keeps an upload open, the writer uploads the files. Once
 * the app runs, it holds the volume itself and both go.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { statusOf } from "../../docker/errors.ts";
import type { Engine } from "../../docker/engine.ts";
import { labelsOf } from "../../docker/labels.ts";
import { compareApi } from "../../docker/version.ts";
import { DockerError } from "../../errors.ts";
import { Cleanup } from "../cleanup.ts";
import type { CleanupStep } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import { type ImageFiles, imageFiles } from "../image-files.ts";
import type { Delivery, DeliveryContext, StoreContent } from "./delivery.ts";
import { createTwoHelpers } from "./helper.ts";
import type { Helper } from "./helper.ts";
import { openHold } from "./hold.ts";
import type { Hold } from "./hold.ts";
import { type StoreLayout, storeLayout, volumeSize } from "./layout.ts";
import { placeFiles, placeInFolders, type Placement } from "./placement.ts";
import { placeWarnings, surveyFolders } from "./survey.ts";
import { packEmpty, packStore } from "./tar.ts";
import { DATA } from "./tree.ts";
import {
  appMount,
  HELPER_ROOT,
  helperMounts,
  refuseHidden,
  type StoreVolume,
  volumesOf,
} from "./volumes.ts";

/** First API version that mounts a part of a volume; older ones ignore the field (measured). */
const SUBPATH_API = "1.45";

/** How long the engine may take to mount a volume for an upload. */
const HOLD_TIMEOUT_MS = 10_000;

/**
 * Makes volumes and helpers, and proves that the volumes are really in memory. On tmpfs without
 * swap; where the kernel can't (before 6.4) or won't (for a rootless engine, measured) on ramfs,
 * which never swaps.
 *
 * @throws {@link DockerError} DELIVERY_FAILED when the engine keeps the volume on its disk,
 *   DELIVERY_PATH when an engine before API 1.45 would have to hide files of the image
 */
export async function prepareVolume(context: DeliveryContext): Promise<VolumeDelivery> {
  const cleanup = new Cleanup();
  const step = context.cleanup.add("a tmpfs volume", () => finish(cleanup));
  try {
    return await prepareOn("tmpfs", { ...context, cleanup });
  } catch (error) {
    if (!isMountFault(error)) throw error;
    await context.cleanup.run(step);
    return prepareOn("ramfs", context);
  }
}

/** True for an engine that mounts parts of volumes; others mount the whole one in silence. */
export function mountsParts({ version }: Pick<Engine, "version">): boolean {
  return compareApi(version.api, SUBPATH_API) >= 0;
}

async function prepareOn(
  filesystem: "tmpfs" | "ramfs",
  context: DeliveryContext,
): Promise<VolumeDelivery> {
  const { engine, files, mounts } = context;
  const subpath = mountsParts(engine) && !context.reseed;
  // without parts of volumes, each folder needs its own, whatever the image has there
  const whole = subpath ? null : storeLayout(placeInFolders(files));
  const volumes = volumesOf(context.run, whole, volumeSize(files));
  const steps: CleanupStep[] = [];
  for (const volume of volumes) steps.push(await createVolume(context, volume, filesystem));
  const [writer, holder] = await createTwoHelpers(context, [
    ...helperMounts(volumes),
    ...(context.helperMounts ?? []),
  ]);
  // the first to mount the volumes, and its answers carry the engine's reason; one after the other,
  // since looking at the image mounts them too
  await proveMemory(context, writer.id, volumes);
  const image = imageFiles(engine, context.memory, async () => writer.id);
  const survey = { image, mounts, listsAll: whole !== null };
  const facts = await surveyFolders(files, survey);
  const placement: Placement = whole ?? placeFiles(files, facts);
  if (whole !== null) refuseHidden(files, facts);
  const warnings = await placeWarnings(files, placement, {
    ...survey,
    facts,
    hidesFolders: !subpath,
  });
  const layout = whole ?? storeLayout(placement);
  return new VolumeDelivery({ context, image, layout, volumes, writer, holder, steps, warnings });
}

interface VolumeParts {
  readonly context: DeliveryContext;
  readonly image: ImageFiles;
  readonly layout: StoreLayout;
  readonly volumes: readonly StoreVolume[];
  readonly writer: Helper;
  readonly holder: Helper;
  /** Removal of the volumes; only works once no container has them. */
  readonly steps: readonly CleanupStep[];
  readonly warnings: readonly string[];
}

/** Files in volumes. */
export class VolumeDelivery implements Delivery {
  readonly kind = "volume";
  readonly labels = {};
  readonly layout: StoreLayout;
  readonly volumes: readonly { readonly name: string; readonly key: string | null }[];
  readonly mounts: readonly Mount[];
  readonly warnings: readonly string[];
  readonly image: ImageFiles;
  /** A never-started container that has the volumes mounted. */
  readonly writer: string;
  readonly #parts: VolumeParts;
  #hold: Hold | undefined;

  constructor(parts: VolumeParts) {
    const { image, layout, volumes, warnings, writer } = parts;
    this.#parts = parts;
    this.layout = layout;
    this.volumes = volumes.map(({ name, key }) => ({ name, key }));
    this.warnings = warnings;
    this.image = image;
    this.writer = writer.id;
    this.mounts = [...layout.folders, ...layout.singles].map((stored) => appMount(volumes, stored));
  }

  async fill(content: StoreContent): Promise<void> {
    const { context, holder } = this.#parts;
    const hold = await openHold(context.engine, holder.id);
    this.#hold = hold;
    // above the helpers on the stack: the engine does not remove a container with an open upload
    context.cleanup.add("an open upload", () => hold.release());
    const tar = await packStore(this.layout, content, "..a");
    try {
      await Promise.race([this.#write(tar), hold.lost]);
    } finally {
      tar.fill(0);
    }
  }

  assertThere(): void {
    // engines before API 1.45 start a container with an emptied volume
    if (this.#hold?.isOpen() === true) return;
    throw new DockerError("DELIVERY_FAILED", "the engine lost the files before the start", {
      hint: "run it again; a proxy in front of the engine may end long uploads",
    });
  }

  async started(): Promise<void> {
    await this.#hold?.release();
    const { context, writer, holder, steps } = this.#parts;
    await Promise.all([writer, holder].map(({ step }) => context.cleanup.run(step)));
    // the volumes are the app's now: in use until it is removed
    for (const step of steps) context.cleanup.forget(step);
  }

  async ended(): Promise<void> {
    const { context, volumes } = this.#parts;
    for (const { name } of volumes) await context.engine.removeVolume(name).catch(ignoreInUse);
  }

  /** Writes until the content stays, that is, until the hold has taken. */
  async #write(tar: Buffer): Promise<void> {
    const { context, writer, volumes } = this.#parts;
    const deadline = Date.now() + HOLD_TIMEOUT_MS;
    for (let pause = 2; Date.now() < deadline; pause = Math.min(pause * 2, 100)) {
      await context.engine.putArchive(writer.id, HELPER_ROOT, tar);
      if (await allThere(context, writer.id, lastPaths(this.layout, volumes))) return;
      await sleep(pause);
    }
    throw new DockerError("DELIVERY_FAILED", "the engine does not keep the volume mounted", {
      hint: "a proxy in front of the engine may hold uploads back: connect to it directly",
    });
  }
}

async function createVolume(
  context: DeliveryContext,
  volume: StoreVolume,
  filesystem: "tmpfs" | "ramfs",
): Promise<CleanupStep> {
  const { engine, run, cleanup } = context;
  const flags = "mode=0755,nosuid,nodev,noexec";
  // added first: a create request whose answer is lost has still made the volume
  const step = cleanup.add(`volume ${volume.name}`, () => engine.removeVolume(volume.name));
  await engine.createVolume({
    Name: volume.name,
    Driver: "local",
    Labels: labelsOf(run, "files"),
    DriverOpts: {
      type: filesystem,
      device: filesystem,
      // ramfs knows no size; noswap is tmpfs's only, since kernel 6.4, for the machine's root
      o: filesystem === "tmpfs" ? `size=${volume.bytes},${flags},noswap` : flags,
    },
  });
  return step;
}

/**
 * Uploads a file without a secret and looks for it again. Memory that nobody has mounted forgets:
 * if it is still there, the volume lies on a disk (Podman does that), and no secret must go there.
 */
async function proveMemory(
  { engine }: DeliveryContext,
  writer: string,
  volumes: readonly StoreVolume[],
): Promise<void> {
  const tar = await packEmpty("probe");
  for (const { path } of volumes) {
    await engine.putArchive(writer, path, tar);
    if ((await engine.headArchive(writer, `${path}/probe`)) === null) continue;
    throw new DockerError("DELIVERY_FAILED", "the engine keeps tmpfs volumes on its disk", {
      hint: "use an engine on this machine with --delivery bind, or deliver variables",
    });
  }
}

/** The upload is unpacked in order, so the last entry of each volume speaks for it. */
function lastPaths({ folders, singles }: StoreLayout, volumes: readonly StoreVolume[]): string[] {
  const links = folders.map(({ key }) => `${key}/${DATA}`);
  if (volumes.length > 1) return links;
  return [links.at(-1) ?? singles.at(-1)?.key ?? ""];
}

async function allThere(
  { engine }: DeliveryContext,
  writer: string,
  paths: readonly string[],
): Promise<boolean> {
  for (const path of paths) {
    if ((await engine.headArchive(writer, `${HELPER_ROOT}/${path}`)) === null) return false;
  }
  return true;
}

/** The engine's mount(2) did not know an option. */
function isMountFault(error: unknown): boolean {
  return (
    error instanceof DockerError &&
    error.code === "DOCKER_REFUSED" &&
    /invalid argument/i.test(error.message)
  );
}

/** A stopped container keeps its volume; the content went with the program. */
function ignoreInUse(error: unknown): void {
  if (statusOf(error) !== 409) throw error;
}

async function finish(cleanup: Cleanup): Promise<void> {
  const left = await cleanup.runAll();
  if (left.length > 0) throw new Error(left.join(", "));
}
