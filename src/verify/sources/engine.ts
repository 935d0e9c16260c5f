import type { Engine } from "../../docker/engine.ts";
import { DockerError } from "../../errors.ts";
import { visible } from "../../mask/visible.ts";
import type { Blobs } from "../blobs.ts";
import type { RouteName } from "../model.ts";
import { readBuildRecords } from "../routes/build-records.ts";
import { contentRoute } from "../routes/content.ts";
import { EngineSource } from "../routes/engine-source.ts";
import { foldersRoute } from "../routes/folders.ts";
import { pushRoute } from "../routes/push.ts";
import type { Route } from "../routes/route.ts";
import { saveRoute } from "../routes/save.ts";
import type { ImageSource } from "./source.ts";

/** How to get at an engine's image. */
export interface EngineImageOptions {
  /**
   * The way to try first; the others follow. `auto` takes the fastest that only reads; `push` lets the
   * engine push the image to us, for which it gets a second name for a moment.
   */
  readonly route?: RouteName | "auto" | undefined;
  /** Search the engine's own records of its builds too: of all builds, not this image's alone. */
  readonly history?: boolean | undefined;
}

/** Fastest first. */
const AUTO: readonly RouteName[] = ["content", "folders", "save"];

/**
 * An image of an engine, by the id that the reference has when it is opened: a tag that moves
 * meanwhile does not change what is read.
 *
 * @returns a source whose `open` throws IMAGE_MISSING
 */
export function engineImage(
  engine: Engine,
  image: string,
  { route = "auto", history = false }: EngineImageOptions = {},
): ImageSource {
  return {
    name: image,
    voucher: engine.endpoint.host,
    async open(signal) {
      // most ways ask for both; the engine answers them side by side, and remembers the second
      const info = engine.info().catch(() => undefined);
      const [found] = await Promise.all([engine.inspectImage(image), info]);
      if (found === null) throw missing(image);
      const { Id: id } = found;
      const make: Readonly<Record<RouteName, () => Route>> = {
        content: () => contentRoute(engine, id, signal),
        push: () => pushRoute(engine, found, signal),
        folders: () => foldersRoute(engine, id),
        save: () => saveRoute(engine, id, signal),
      };
      const routes = orderOf(route).map((name) => make[name]());
      const records = async (blobs: Blobs): Promise<boolean> =>
        readBuildRecords(engine, blobs, signal);
      const source = await EngineSource.open(id, routes, history ? records : undefined);
      source.imageSize = found.Size;
      return source;
    },
  };
}

/** The way that was asked for, then the others; `save` is the last resort. */
function orderOf(route: RouteName | "auto"): readonly RouteName[] {
  if (route === "auto") return AUTO;
  if (route === "save") return ["save"];
  return [route, ...AUTO.filter((name) => name !== route)];
}

function missing(image: string): DockerError {
  return new DockerError("IMAGE_MISSING", `the engine has no image ${visible(image)}`, {
    hint: "build or pull it first, or check the name with: docker image ls",
  });
}
