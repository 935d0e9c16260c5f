/** The seam between `run` and the ways files can take into a container. */
import type { DeliveryKind } from "../../docker/delivery-choice.ts";
import type { Engine } from "../../docker/engine.ts";
import type { Secret } from "../../secret/secret.ts";
import type { Cleanup } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import type { ImageFiles } from "../image-files.ts";
import type { ImageMemory } from "../image-memory.ts";
import type { Ids } from "../owner.ts";
import type { Env } from "../options.ts";
import type { LazyHelper } from "./helper.ts";
import type { StoreLayout } from "./layout.ts";
import type { PlacedFile } from "./placement.ts";

/** A file before its owner is known. */
export interface FileToDeliver extends PlacedFile {
  readonly name: string;
  readonly mode: number;
  readonly value: Secret;
}

/** What goes into a store: the files with their owners, and the note beside them. */
export interface StoreContent {
  readonly files: readonly FileToDeliver[];
  /** In the order of the files. */
  readonly owners: readonly Ids[];
  /** Text of the note in each mounted folder; no value is in it. */
  readonly note: string;
}

/** What every delivery is prepared from. */
export interface DeliveryContext {
  readonly engine: Engine;
  readonly cleanup: Cleanup;
  /** Id shared by everything of this run. */
  readonly run: string;
  /** Id of the app's image. */
  readonly image: string;
  readonly platform: string | undefined;
  readonly files: readonly FileToDeliver[];
  /** Targets of the user's mounts and of the image's volumes. */
  readonly mounts: readonly string[];
  readonly env: Env;
  /** `sealmount agent` brings the files back after each start: volumes are mounted whole. */
  readonly reseed: boolean;
  /** What is known of the image. */
  readonly memory: ImageMemory;
  /** A helper without mounts, for a delivery that has none of its own. */
  readonly helper: LazyHelper;
  /** What a delivery's own helpers have mounted besides, once that is there. */
  readonly helperMounts?: Promise<readonly Mount[]> | undefined;
}

/**
 * Files on their way. Steps in order: mounts go into the create request, `fill` before the start,
 * `started` right after it. Whatever has to be taken back is on the context's cleanup stack.
 */
export interface Delivery {
  readonly kind: DeliveryKind;
  readonly layout: StoreLayout;
  /** Of the engine, where the store lies in them; `key` as in `volumes.ts`. */
  readonly volumes: readonly { readonly name: string; readonly key: string | null }[];
  readonly mounts: readonly Mount[];
  /** Labels for the app's container. */
  readonly labels: Readonly<Record<string, string>>;
  /** What the image has where files go; `--strict` refuses it. */
  readonly warnings: readonly string[];
  /** For questions about the image. */
  readonly image: ImageFiles;
  /** Writes the files. */
  fill(content: StoreContent): Promise<void>;
  /**
   * Right after the start.
   *
   * @throws DockerError DELIVERY_FAILED when the program may have found no files
   */
  assertThere(): void;
  /** The container has its own hold on the files: lets go of ours. */
  started(): Promise<void>;
  /** The container is gone, or stopped for good. */
  ended(): Promise<void>;
}
