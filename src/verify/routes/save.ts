import type { Engine } from "../../docker/engine.ts";
import { downloadImage } from "../../docker/image-download.ts";
import { DockerError } from "../../errors.ts";
import { readTar } from "../sources/archive.ts";
import type { Route } from "./route.ts";

/**
 * What `docker save` gets, searched as it streams by: slow, and always there. On overlay2 the first
 * byte comes only after the engine has written the whole archive to its disk.
 */
export function saveRoute(engine: Engine, id: string, signal?: AbortSignal): Route {
  return {
    name: "save",
    async open() {
      const download = await downloadImage(engine, id, signal);
      if (download !== null) {
        return {
          read: async (blobs) => readTar(download.pieces, blobs),
          close: () => download.close(),
        };
      }
      const stream = await engine.saveImage(id, signal).catch(async (error: unknown) => {
        throw await reasonOf(engine, id, error);
      });
      return {
        read: async (blobs) => readTar(stream, blobs),
        close: () => void stream.destroy(),
      };
    },
  };
}

/** Engines refuse an image that is gone in several ways. */
async function reasonOf(engine: Engine, id: string, error: unknown): Promise<unknown> {
  const isRefusal = error instanceof DockerError && error.status !== undefined;
  if (!isRefusal || (await engine.inspectImage(id)) !== null) return error;
  return new DockerError("IMAGE_MISSING", "the image was removed before it could be read", {
    hint: "build or pull it again",
  });
}
