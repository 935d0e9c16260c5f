/**
 * Files in a tmpfs volume of the engine: works on any engine, local or remote, without touching its
 * host's file system.
 *
 * A tmpfs volume has content only while somebody has it mounted. Two containers of the app's image,
 * never started, do the work, see `helper-pair.ts`. Once the app runs, it holds the volume itself and
 * both go.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { statusOf } from "../../docker/errors.ts";
import type { Engine } from "../../docker/engine.ts";
import { labelsOf } from "../../docker/labels.ts";
import { compareApi } from "../../docker/version.ts";
import { DockerError } from "../../errors.ts";
import type { CleanupStep } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import { type ImageFiles, imageFiles } from "../image-files.ts";
import type { Delivery, DeliveryContext, StoreContent } from "./delivery.ts";
import { HelperPair } from "./helper-pair.ts";
import type { Hold } from "./hold.ts";
import { type StoreLayout, storeLayout, volumeSize } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { placeFiles, placeInFolders, type Placement } from "./placement.ts";
import { placeWarnings, surveyFolders } from "./survey.ts";
import { packStore } from "./tar.ts";
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
 * Makes volumes, and starts to make the helpers that fill them. Of an image that is known well enough
 * nothing else is waited for, so that the app's container can be created beside that.
 *
 * @throws {@link DockerError} DELIVERY_PATH when an engine before API 1.45 would have to hide files
 *   of the image; for an image that has to be asked also what {@link HelperPair.ready} throws
 */
export async function prepareVolume(
  context: DeliveryContext,
  memory: Memory,
): Promise<VolumeDelivery> {
  const { engine, files } = context;
  const subpath = mountsParts(engine) && !context.reseed;
  // without parts of volumes, each folder needs its own, whatever the image has there
  const whole = subpath ? null : storeLayout(placeInFolders(files));
  const volumes = volumesOf(context.run, whole, volumeSize(files));
  const steps = await createVolumes(context, volumes, memory);
  const mounts = [...helperMounts(volumes), ...((await context.helperMounts) ?? [])];
  const pair = new HelperPair(context, volumes, mounts);
  const image = imageFiles(engine, context.memory, async () => (await pair.ready()).writer);
  const survey = { image, mounts: context.mounts, listsAll: whole !== null };
  const facts = await surveyFolders(files, survey);
  const placement: Placement = whole ?? placeFiles(files, facts);
  if (whole !== null) refuseHidden(files, facts);
  const warnings = await placeWarnings(files, placement, {
    ...survey,
    facts,
    hidesFolders: !subpath,
  });
  const layout = whole ?? storeLayout(placement);
  return new VolumeDelivery({ context, image, layout, volumes, pair, steps, warnings });
}

/** True for an engine that mounts parts of volumes; others mount the whole one in silence. */
export function mountsParts({ version }: Pick<Engine, "version">): boolean {
  return compareApi(version.api, SUBPATH_API) >= 0;
}

interface VolumeParts {
  readonly context: DeliveryContext;
  readonly image: ImageFiles;
  readonly layout: StoreLayout;
  readonly volumes: readonly StoreVolume[];
  readonly pair: HelperPair;
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
  readonly #parts: VolumeParts;
  #hold: Hold | undefined;

  constructor(parts: VolumeParts) {
    const { image, layout, volumes, warnings } = parts;
    this.#parts = parts;
    this.layout = layout;
    this.volumes = volumes.map(({ name, key }) => ({ name, key }));
    this.warnings = warnings;
    this.image = image;
    this.mounts = [...layout.folders, ...layout.singles].map((stored) => appMount(volumes, stored));
  }

  /** Id of a never-started container that has the volumes mounted. */
  async writer(): Promise<string> {
    return (await this.#parts.pair.ready()).writer;
  }

  /** @throws {@link DockerError} what {@link HelperPair.ready} throws: nothing was sent then */
  async fill(content: StoreContent): Promise<void> {
    // packed while the helpers are made
    const tar = await packStore(this.layout, content, "..a");
    try {
      const { writer, hold } = await this.#parts.pair.ready();
      this.#hold = hold;
      await Promise.race([this.#write(writer, tar), hold.lost]);
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
    const { context, pair, steps } = this.#parts;
    await context.cleanup.run(pair.step);
    // the volumes are the app's now: in use until it is removed
    for (const step of steps) context.cleanup.forget(step);
  }

  async ended(): Promise<void> {
    const { context, volumes } = this.#parts;
    for (const { name } of volumes) await context.engine.removeVolume(name).catch(ignoreInUse);
  }

  /** Writes until the content stays, that is, until the hold has taken. */
  async #write(writer: string, tar: Buffer): Promise<void> {
    const { context, volumes } = this.#parts;
    const deadline = Date.now() + HOLD_TIMEOUT_MS;
    for (let pause = 2; Date.now() < deadline; pause = Math.min(pause * 2, 100)) {
      await context.engine.putArchive(writer, HELPER_ROOT, tar);
      if (await allThere(context, writer, lastPaths(this.layout, volumes))) return;
      await sleep(pause);
    }
    throw new DockerError("DELIVERY_FAILED", "the engine does not keep the volume mounted", {
      hint: "a proxy in front of the engine may hold uploads back: connect to it directly",
    });
  }
}

/** Waits for all even when one fails, or another would get lost. */
async function createVolumes(
  context: DeliveryContext,
  volumes: readonly StoreVolume[],
  memory: Memory,
): Promise<CleanupStep[]> {
  const making = volumes.map(async (volume) => createVolume(context, volume, memory));
  await Promise.allSettled(making);
  return Promise.all(making);
}

async function createVolume(
  context: DeliveryContext,
  volume: StoreVolume,
  memory: Memory,
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
      type: memory,
      device: memory,
      // ramfs knows neither
      o: memory === "tmpfs" ? `size=${volume.bytes},${flags},noswap` : flags,
    },
  });
  return step;
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

/** A stopped container keeps its volume; the content went with the program. */
function ignoreInUse(error: unknown): void {
  if (statusOf(error) !== 409) throw error;
}
