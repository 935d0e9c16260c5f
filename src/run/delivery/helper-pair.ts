/**
 * Two containers of the app's image that bring files into volumes: the holder keeps an upload open, by
 * which the volumes stay mounted, the writer uploads the files. Neither is ever started.
 */
import { setImmediate as nextTurn } from "node:timers/promises";

import { DockerError } from "../../errors.ts";
import type { CleanupStep } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import { createProbe } from "../probe.ts";
import type { DeliveryContext } from "./delivery.ts";
import { type Hold, openHold } from "./hold.ts";
import { mountError } from "./memory.ts";
import { type EmptyFile, packEmptyFiles } from "./tar.ts";
import { HELPER_ROOT, type StoreVolume } from "./volumes.ts";

/** File without a secret by which volumes are proved to be in memory; in each of them. */
const PROBE = "probe";

/** Helpers whose volumes are in memory, and held. */
export interface ReadyPair {
  /** Id; of the two, the one that answers. */
  readonly writer: string;
  readonly hold: Hold;
}

/** The helpers of one store. */
export class HelperPair {
  /** Removes both, with what they hold. */
  readonly step: CleanupStep;
  readonly #context: DeliveryContext;
  readonly #volumes: readonly StoreVolume[];
  readonly #made: readonly [holder: Promise<string>, writer: Promise<string>];
  readonly #ready: Promise<ReadyPair>;
  #hold: Hold | undefined;

  /**
   * Starts to make them. What goes wrong is told by {@link ready}.
   *
   * @param mounts - those of the volumes, and whatever else they shall have
   */
  constructor(context: DeliveryContext, volumes: readonly StoreVolume[], mounts: readonly Mount[]) {
    this.#context = context;
    this.#volumes = volumes;
    // added first: it waits for one that is still being made
    this.step = context.cleanup.add("helper containers", async () => this.#remove());
    const { engine, image, platform, run } = context;
    const make = async (): Promise<string> => createProbe({ engine, image, platform, run, mounts });
    this.#made = [make(), make()];
    this.#ready = this.#prepare();
    // until somebody asks, a refusal must not be an unhandled rejection
    for (const promise of [...this.#made, this.#ready]) promise.catch(() => undefined);
  }

  /**
   * Waits for the proof that what is in the volumes is in memory only.
   *
   * @throws {@link MountRefusedError} when the engine does not mount them
   * @throws {@link DockerError} DELIVERY_FAILED when it keeps them on its disk, or what it refused
   */
  async ready(): Promise<ReadyPair> {
    return this.#ready;
  }

  /**
   * Uploads files without a secret and looks for them again. Memory that nobody has mounted forgets:
   * what is still there lies on a disk (Podman does that), and no secret must go there. The hold may
   * be opened meanwhile, since what it mounts anew is as empty. So may other containers be created,
   * but not started: only a start mounts volumes that nothing is copied into (measured).
   */
  async #prepare(): Promise<ReadyPair> {
    const { engine } = this.#context;
    // the requests leave first: what follows keeps this thread from sending others
    await nextTurn();
    const probes = await packEmptyFiles(this.#volumes.map(probeIn));
    const holder = await this.#made[0];
    await engine.putArchive(holder, HELPER_ROOT, probes).catch((error: unknown) => {
      throw mountError(error);
    });
    const hold = openHold(engine, holder);
    this.#hold = hold;
    const writer = await this.#made[1];
    for (const { path } of this.#volumes) {
      if ((await engine.headArchive(writer, `${path}/${PROBE}`)) === null) continue;
      throw new DockerError("DELIVERY_FAILED", "the engine keeps tmpfs volumes on its disk", {
        hint: "use an engine on this machine with --delivery bind, or deliver variables",
      });
    }
    return { writer, hold };
  }

  async #remove(): Promise<void> {
    await this.#ready.catch(() => undefined);
    // the engine does not remove a container with an open upload
    await this.#hold?.release();
    const made = await Promise.allSettled(this.#made);
    const ids = made.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    await Promise.all(ids.map(async (id) => this.#context.engine.removeContainer(id)));
  }
}

function probeIn({ key }: StoreVolume): EmptyFile {
  const path = key === null ? PROBE : `${key}/${PROBE}`;
  return { path, mode: 0o400, ids: { uid: 0, gid: 0 } };
}
