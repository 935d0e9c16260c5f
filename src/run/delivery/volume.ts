/**
 * Files in a tmpfs volume of the engine: works on any engine, local or remote, without touching its
 * host's file system.
 *
 * A tmpfs volume has content only while somebody has it mounted. Two containers of the app's image,
 * never started, do the work: the holder keeps an upload open, the writer uploads the files. Once
 * the app runs, it holds the volume itself and both go.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { labelsOf } from "../../docker/labels.ts";
import { compareApi } from "../../docker/version.ts";
import { DockerError } from "../../errors.ts";
import { Cleanup } from "../cleanup.ts";
import type { CleanupStep } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import type { Ids } from "../owner.ts";
import type { Delivery, DeliveryContext } from "./delivery.ts";
import { createTwoHelpers } from "./helper.ts";
import type { Helper } from "./helper.ts";
import { refuseHidden } from "./hidden.ts";
import { openHold } from "./hold.ts";
import type { Hold } from "./hold.ts";
import { layOut } from "./layout.ts";
import type { Layout, VolumeLayout } from "./layout.ts";
import { packEmpty, packFiles } from "./tar.ts";

/** First API version that mounts one file of a volume; older ones ignore the field (measured). */
const SUBPATH_API = "1.45";

/** How long the engine may take to mount a volume for an upload. */
const HOLD_TIMEOUT_MS = 10_000;

/** Where the helpers see the volumes; a path of the helpers only. */
const HELPER_ROOT = "/.sealmount";

/**
 * Makes volumes and helpers, and proves that the volumes are really in memory. On tmpfs without
 * swap; on kernels that can't (before 6.4) on ramfs, which never swaps.
 *
 * @throws {@link DockerError} DELIVERY_FAILED when the engine keeps the volume on its disk,
 *   DELIVERY_PATH when an engine before API 1.45 would have to hide files of the image
 */
export async function prepareVolume(context: DeliveryContext): Promise<Delivery> {
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

/** @param filesystem - type of the volumes; exported for tests of the second choice */
export async function prepareOn(
  filesystem: "tmpfs" | "ramfs",
  context: DeliveryContext,
): Promise<Delivery> {
  const subpath = compareApi(context.engine.version.api, SUBPATH_API) >= 0;
  const layout = layOut(context.run, context.files, subpath);
  const volumes: CleanupStep[] = [];
  for (const volume of layout.volumes) {
    volumes.push(await createVolume(context, volume, filesystem));
  }
  const mounts = layout.volumes.map(helperMount);
  const [writer, holder] = await createTwoHelpers(context, mounts);
  // the first to mount the volumes, and its answers carry the engine's reason
  await proveMemory(context, writer.id, layout);
  if (!subpath) await refuseHidden(context.engine, writer.id, context.files);
  return new VolumeDelivery({ context, layout, writer, holder, volumes });
}

interface VolumeParts {
  readonly context: DeliveryContext;
  readonly layout: Layout;
  readonly writer: Helper;
  readonly holder: Helper;
  /** Removal of the volumes; only works once no container has them. */
  readonly volumes: readonly CleanupStep[];
}

class VolumeDelivery implements Delivery {
  readonly kind = "volume";
  readonly labels = {};
  readonly mounts: readonly Mount[];
  readonly #parts: VolumeParts;
  #hold: Hold | undefined;

  constructor(parts: VolumeParts) {
    this.#parts = parts;
    this.mounts = parts.layout.mounts;
  }

  async probe(): Promise<string> {
    return this.#parts.writer.id;
  }

  async fill(owners: readonly Ids[]): Promise<void> {
    const { context, holder, layout } = this.#parts;
    const hold = await openHold(context.engine, holder.id);
    this.#hold = hold;
    // above the helpers on the stack: the engine does not remove a container with an open upload
    context.cleanup.add("an open upload", () => hold.release());
    const tar = await packFiles(context.files, owners, layout);
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
    const { context, writer, holder, volumes } = this.#parts;
    await Promise.all([writer, holder].map(({ step }) => context.cleanup.run(step)));
    // the volumes are the app's now: in use until it is removed
    for (const step of volumes) context.cleanup.forget(step);
  }

  async ended(): Promise<void> {
    for (const { name } of this.#parts.layout.volumes) {
      await this.#parts.context.engine.removeVolume(name);
    }
  }

  /** Writes until the content stays, that is, until the hold has taken. */
  async #write(tar: Buffer): Promise<void> {
    const { context, writer, layout } = this.#parts;
    const deadline = Date.now() + HOLD_TIMEOUT_MS;
    for (let pause = 2; Date.now() < deadline; pause = Math.min(pause * 2, 100)) {
      await context.engine.putArchive(writer.id, HELPER_ROOT, tar);
      if (await allThere(context, writer.id, layout)) return;
      await sleep(pause);
    }
    throw new DockerError("DELIVERY_FAILED", "the engine does not keep the volume mounted", {
      hint: "a proxy in front of the engine may hold uploads back: connect to it directly",
    });
  }
}

async function createVolume(
  context: DeliveryContext,
  volume: VolumeLayout,
  filesystem: "tmpfs" | "ramfs",
): Promise<CleanupStep> {
  const { engine, run, cleanup } = context;
  const flags = `mode=${volume.mode},nosuid,nodev,noexec`;
  // added first: a create request whose answer is lost has still made the volume
  const step = cleanup.add(`volume ${volume.name}`, () => engine.removeVolume(volume.name));
  await engine.createVolume({
    Name: volume.name,
    Driver: "local",
    Labels: labelsOf(run, "files"),
    DriverOpts: {
      type: filesystem,
      device: filesystem,
      // ramfs knows no size; noswap is tmpfs's only, since kernel 6.4
      o: filesystem === "tmpfs" ? `size=${volume.bytes},${flags},noswap` : flags,
    },
  });
  return step;
}

function helperMount({ name, key }: VolumeLayout): Mount {
  const target = `${HELPER_ROOT}/${key}`;
  return { Type: "volume", Source: name, Target: target, VolumeOptions: { NoCopy: true } };
}

/**
 * Uploads a file without a secret and looks for it again. Memory that nobody has mounted forgets:
 * if it is still there, the volume lies on a disk (Podman does that), and no secret must go there.
 */
async function proveMemory(
  { engine }: DeliveryContext,
  writer: string,
  layout: Layout,
): Promise<void> {
  const tar = await packEmpty("probe");
  for (const { key } of layout.volumes) {
    const folder = `${HELPER_ROOT}/${key}`;
    await engine.putArchive(writer, folder, tar);
    if ((await engine.headArchive(writer, `${folder}/probe`)) === null) continue;
    throw new DockerError("DELIVERY_FAILED", "the engine keeps tmpfs volumes on its disk", {
      hint: "use an engine on this machine with --delivery bind, or deliver variables",
    });
  }
}

async function allThere(
  { engine }: DeliveryContext,
  writer: string,
  layout: Layout,
): Promise<boolean> {
  // the upload is unpacked in order, so the last file of each volume speaks for it
  const last = new Map(layout.names.map((name) => [name.split("/")[0], name]));
  for (const name of last.values()) {
    if ((await engine.headArchive(writer, `${HELPER_ROOT}/${name}`)) === null) return false;
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

async function finish(cleanup: Cleanup): Promise<void> {
  const left = await cleanup.runAll();
  if (left.length > 0) throw new Error(left.join(", "));
}
