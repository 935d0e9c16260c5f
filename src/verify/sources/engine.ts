import type { Engine } from "../../docker/engine.ts";
import { DockerError } from "../../errors.ts";
import { visible } from "../../mask/visible.ts";
import { readTar } from "./archive.ts";
import type { ImageSource } from "./source.ts";

/**
 * An image of an engine, by the id that the reference has when it is opened: a tag that moves
 * meanwhile does not change what is read.
 *
 * @returns a source whose `open` throws IMAGE_MISSING
 */
export function engineImage(engine: Engine, image: string): ImageSource {
  return {
    name: image,
    async open(signal) {
      const found = await engine.inspectImage(image);
      if (found === null) throw missing(image);
      // on overlay2 the first byte comes only after the engine has written the whole archive
      const stream = await engine.saveImage(found.Id, signal);
      return {
        id: found.Id,
        isForeign: false,
        read: async (blobs) => readTar(stream, blobs),
        close: () => void stream.destroy(),
      };
    },
  };
}

function missing(image: string): DockerError {
  return new DockerError("IMAGE_MISSING", `the engine has no image ${visible(image)}`, {
    hint: "build or pull it first, or check the name with: docker image ls",
  });
}
