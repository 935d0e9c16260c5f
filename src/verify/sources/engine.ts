import type { Engine } from "../../docker/engine.ts";
import { inspectFor, saysPlatforms } from "../../docker/inspect-for.ts";
import type { Platform } from "../../docker/platform.ts";
import type { ImageInspect } from "../../docker/types.ts";
import { DockerError } from "../../errors.ts";
import { visible } from "../../mask/visible.ts";
import type { Blobs } from "../blobs.ts";
import { platformText } from "../descriptors.ts";
import type { RouteName } from "../model.ts";
import { readBuildRecords } from "../routes/build-records.ts";
import { contentRoute, isContainerd } from "../routes/content.ts";
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
  /**
   * The only platform to search, where containerd's store holds an image for several; without, every
   * one that is there.
   */
  readonly platform?: Platform | undefined;
}

/** Fastest first. */
const AUTO: readonly RouteName[] = ["content", "folders", "save"];

/**
 * An image of an engine, by the id that the reference has when it is opened: a tag that moves
 * meanwhile does not change what is read.
 *
 * @returns a source whose `open` throws IMAGE_MISSING, also for an image that is not for `platform`
 */
export function engineImage(
  engine: Engine,
  image: string,
  { route = "auto", history = false, platform }: EngineImageOptions = {},
): ImageSource {
  return {
    name: image,
    voucher: engine.endpoint.host,
    async open(signal) {
      // most ways ask for both; the engine answers them side by side, and remembers the second
      const info = engine.info().catch(() => undefined);
      const [found] = await Promise.all([findImage(engine, image, platform), info]);
      const { Id: id } = found;
      const make: Readonly<Record<RouteName, () => Route>> = {
        content: () => contentRoute(engine, id, { platform, signal }),
        push: () => pushRoute(engine, found, { signal }),
        folders: () => foldersRoute(engine, id),
        save: () => saveRoute(engine, id, { signal, size: found.Size }),
      };
      const routes = orderOf(route).map((name) => make[name]());
      const records = async (blobs: Blobs): Promise<readonly string[]> =>
        readBuildRecords(engine, blobs, { signal });
      const readRecords = history ? records : undefined;
      const source = await EngineSource.open(id, routes, { platform, readRecords });
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

async function findImage(
  engine: Engine,
  image: string,
  platform: Platform | undefined,
): Promise<ImageInspect> {
  const own = platform === undefined ? null : await inspectFor(engine, image, platform);
  const found = own ?? (await engine.inspectImage(image));
  if (found === null) throw missing(image);
  if (own === null && platform !== undefined) await refuseOther(engine, found, { image, platform });
  return found;
}

/** Of several platforms, an engine before API 1.49 tells only one: what is read must say then. */
async function refuseOther(
  engine: Engine,
  found: ImageInspect,
  { image, platform }: { readonly image: string; readonly platform: Platform },
): Promise<void> {
  if (isContainerd(await engine.info()) && !saysPlatforms(engine)) return;
  const { Os: os, Architecture: architecture, Variant: variant = "" } = found;
  const own = visible(platformText({ os, architecture, variant }));
  const wanted = visible(platformText(platform));
  const message = `the engine has ${visible(image)} for ${own}, not for ${wanted}`;
  throw new DockerError("IMAGE_MISSING", message, {
    hint: `pull it with --platform ${wanted}, or search what is there without --platform`,
  });
}

function missing(image: string): DockerError {
  return new DockerError("IMAGE_MISSING", `the engine has no image ${visible(image)}`, {
    hint: "build or pull it first, check its name with docker image ls, or write docker://NAME for one in a registry",
  });
}
