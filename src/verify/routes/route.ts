import type { Blobs } from "../blobs.ts";
import type { RouteName } from "../model.ts";

/** A way to the bytes of an engine's image. All ways give the same findings. */
export interface Route {
  readonly name: RouteName;
  /**
   * Finds out whether this way can be gone; reads nothing of the image yet.
   *
   * @throws {@link RouteError} when it can't
   * @throws {@link DockerError} when the engine refuses, on the last way
   */
  open(): Promise<OpenRoute>;
}

/** A way that is open. */
export interface OpenRoute {
  /** As of `OpenSource`; a way may know them only once it has read. */
  readonly roots?: readonly string[] | undefined;
  /**
   * Gives every file of the image to `blobs`.
   *
   * @throws {@link RouteError} when it can't be gone to its end; another one is tried then, from the
   *   beginning
   */
  read(blobs: Blobs): Promise<void>;
  /** Never throws; safe to repeat, and in the middle of reading. */
  close(): void;
}

/** Why a way can't be gone. The message is for the report: no foreign text in it. */
export class RouteError extends Error {}
