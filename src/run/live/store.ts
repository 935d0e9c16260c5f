/** The files of a container, wherever they lie: one way to replace, empty and read them. */
import type { Engine } from "../../docker/engine.ts";
import { DockerError } from "../../errors.ts";
import type { Cleanup } from "../cleanup.ts";
import type { StoreContent } from "../delivery/delivery.ts";
import type { Env } from "../options.ts";
import type { KnownContainer } from "./find.ts";

/** Steps of `refresh` and `revoke`, in order; an abort is obeyed between them. */
export type LivePhase = "find" | "open" | "write" | "swap" | "clean" | "verify" | "after";

/** What a store is opened with. */
export interface StoreContext {
  readonly engine: Engine;
  readonly env: Env;
  readonly cleanup: Cleanup;
  readonly container: KnownContainer;
  readonly enter: (phase: LivePhase) => void;
}

/** Opened once for one refresh or revoke: two at a time are refused. */
export interface Store {
  /**
   * Puts new values in the place of old ones, each at one moment, and reads the note back.
   *
   * @throws {@link DockerError} DELIVERY_FAILED; until the first is replaced nothing has changed
   */
  replace(content: StoreContent): Promise<void>;
  /** Takes the values away, and looks again. Safe to repeat. */
  empty(): Promise<void>;
}

/** @throws {@link DockerError} DELIVERY_FAILED when the files can't be reached from here */
export async function openStore(context: StoreContext): Promise<Store> {
  const { spec, folder } = context.container.labels;
  if (spec.volumes.length > 0) {
    const { openVolumeStore } = await import("./store-volume.ts");
    return openVolumeStore(context);
  }
  if (folder === undefined) {
    throw new DockerError(
      "DELIVERY_FAILED",
      `${context.container.name} does not say where its files are`,
    );
  }
  const { openBindStore } = await import("./store-bind.ts");
  return openBindStore(context, folder);
}

/** Two refreshes at a time would each take the other's new files for what an earlier one left. */
export function busy(name: string): DockerError {
  return new DockerError(
    "DELIVERY_FAILED",
    `the files of ${name} are being replaced by another call`,
    {
      hint: "try again in a moment; what a killed call left is removed by sealmount doctor --clean",
    },
  );
}

/** @throws {@link DockerError} DELIVERY_FAILED unless each folder has the note that was written */
export function compareNotes(written: string, found: readonly (string | null)[]): void {
  if (found.every((text) => text === written)) return;
  throw new DockerError("DELIVERY_FAILED", "the files are not there after they were written", {
    hint: "the container may have been restarted meanwhile: try again",
  });
}
