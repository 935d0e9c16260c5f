import type { Readable } from "node:stream";
import type { Engine } from "../docker/engine.ts";
import { DockerError } from "../errors.ts";
import { visible } from "../mask/visible.ts";

/** An image that is being read. */
export interface OpenImage {
  /** The engine's id of the image when it was opened. */
  readonly id: string;
  /** The tar of `docker save`; on overlay2 its first byte comes only after the whole was written. */
  readonly stream: Readable;
}

/**
 * Opens an image of the engine, by the id that the reference has now: a tag that moves meanwhile
 * does not change what is read.
 *
 * @throws {@link DockerError} IMAGE_MISSING
 */
export async function openImage(
  engine: Engine,
  image: string,
  signal?: AbortSignal,
): Promise<OpenImage> {
  const found = await engine.inspectImage(image);
  if (found === null) {
    throw new DockerError("IMAGE_MISSING", `the engine has no image ${visible(image)}`, {
      hint: "build or pull it first, or check the name with: docker image ls",
    });
  }
  return { id: found.Id, stream: await engine.saveImage(found.Id, signal) };
}
