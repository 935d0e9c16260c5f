/** An image of the engine for one platform. */
import type { Engine } from "./engine.ts";
import { isFor, type Platform } from "./platform.ts";
import type { ImageInspect } from "./types.ts";
import { compareApi } from "./version.ts";

/** From here on an engine says itself whether it has an image for a platform. */
const PLATFORM_API = "1.49";

/**
 * Looks an image up, with what it is for that platform.
 *
 * @param image - a reference or id
 * @returns null when it is not there, or not for that platform; `Id` is always that of the whole image
 */
export async function inspectFor(
  engine: Engine,
  image: string,
  wanted: Platform,
): Promise<ImageInspect | null> {
  if (!saysPlatforms(engine)) {
    const found = await engine.inspectImage(image);
    return found !== null && isFor(found, wanted) ? found : null;
  }
  const query = { platform: JSON.stringify(withoutGaps(wanted)) };
  const own = await engine.inspectImage(image, query);
  if (own === null) return null;
  // containerd's store tells the id of the platform's manifest, of which no container can be made
  return { ...own, Id: (await engine.inspectImage(image))?.Id ?? own.Id };
}

/** True for an engine that says of which platforms an image is; others tell one of them. */
export function saysPlatforms({ version }: Engine): boolean {
  return compareApi(version.api, PLATFORM_API) >= 0;
}

function withoutGaps({ variant, ...platform }: Platform): object {
  return variant === "" ? platform : { ...platform, variant };
}
