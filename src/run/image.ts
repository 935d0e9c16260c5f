/** The image of a run: found on the engine, or pulled, as `docker run` does it. */
import { inspectFor } from "../docker/inspect-for.ts";
import { parsePlatform } from "../docker/platform.ts";
import type { ImageInspect } from "../docker/types.ts";
import { DockerError, UsageError } from "../errors.ts";
import { readImageName } from "./image-name.ts";
import type { RunOptions } from "./options.ts";
import type { RunPlan } from "./plan.ts";
import { pullImage } from "./pull.ts";

/** Whose image it is. */
export interface ImageContext {
  readonly options: RunOptions;
  readonly plan: RunPlan;
}

/**
 * Looks for the image on the engine.
 *
 * @returns null when it is not there, when it is there for another platform than asked for, and when it
 *   is to be pulled anyway (`--pull always`)
 * @throws {@link UsageError} USAGE for a platform that is none
 */
export async function findImage({ options, plan }: ImageContext): Promise<ImageInspect | null> {
  const { pull } = plan.container;
  // an id is what it is, here and everywhere
  if (pull === "always" && readImageName(plan.image) !== null) return null;
  return inspect({ options, plan });
}

/**
 * The image to run: what {@link findImage} found, else pulled with the login of its registry.
 *
 * @throws {@link DockerError} IMAGE_MISSING when no registry has it, or none may be asked; and what
 *   {@link pullImage} throws
 */
export async function ensureImage(
  context: ImageContext,
  found: ImageInspect | null,
): Promise<ImageInspect> {
  if (found !== null) return found;
  const { options, plan } = context;
  const { engine, auth, signal, onPull } = options;
  const { image } = plan;
  const { platform, pull } = plan.container;
  const reference = readImageName(image);
  if (reference === null || pull === "never") throw notThere(plan, reference === null);
  await pullImage({ engine, image, reference, platform, auth, signal, onPull });
  const pulled = await inspect(context);
  // where an image is made for one platform, engines pull that one, whatever they were asked for
  if (pulled === null) throw wrongPlatform(plan);
  return pulled;
}

async function inspect({ options: { engine }, plan }: ImageContext): Promise<ImageInspect | null> {
  const { platform } = plan.container;
  if (platform === undefined) return engine.inspectImage(plan.image);
  const wanted = parsePlatform(platform, engine.version);
  if (wanted === null) {
    throw new UsageError("USAGE", "--platform does not name a platform", {
      hint: "write os/arch or os/arch/variant, such as linux/arm64",
    });
  }
  return inspectFor(engine, plan.image, wanted);
}

function notThere({ image, container: { platform } }: RunPlan, isId: boolean): DockerError {
  const wanted = platform === undefined ? "" : ` for ${platform}`;
  return new DockerError("IMAGE_MISSING", `image ${image} is not on the engine${wanted}`, {
    hint: isId ? "name it with its registry, so that it can be pulled" : "leave out --pull never",
  });
}

function wrongPlatform({ image, container: { platform } }: RunPlan): DockerError {
  const fact =
    platform === undefined
      ? "was pulled, and is not on the engine"
      : `is pulled, but not for ${platform}`;
  return new DockerError("IMAGE_MISSING", `image ${image} ${fact}`, {
    hint: platform === undefined ? "try again" : "name a platform that the image is made for",
  });
}
