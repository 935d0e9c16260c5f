/** The seam between `run` and the ways files can take into a container. */
import type { DeliveryKind } from "../../docker/delivery-choice.ts";
import type { Engine } from "../../docker/engine.ts";
import type { Secret } from "../../secret/secret.ts";
import type { Cleanup } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import type { Ids } from "../owner.ts";
import type { Env } from "../options.ts";
import type { Life } from "./life.ts";

/** A file before its owner is known. */
export interface FileToDeliver {
  readonly name: string;
  /** Absolute and normal. */
  readonly path: string;
  readonly mode: number;
  readonly value: Secret;
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
  readonly life: Life;
  readonly env: Env;
}

/**
 * Files on their way. Steps in order: mounts go into the create request, `fill` before the start,
 * `started` right after it. Whatever has to be taken back is on the context's cleanup stack.
 */
export interface Delivery {
  readonly kind: DeliveryKind;
  readonly mounts: readonly Mount[];
  /** Labels for the app's container. */
  readonly labels: Readonly<Record<string, string>>;
  /** A never-started container of the image, made when first asked for. */
  probe(): Promise<string>;
  /** Writes the files. `owners` in the order of the context's files. */
  fill(owners: readonly Ids[]): Promise<void>;
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
