import { isImageId, parseReference, type ImageReference } from "../docker/reference.ts";
import { UsageError } from "../errors.ts";

/**
 * What an image's name says.
 *
 * @returns null for an id, which no registry knows
 * @throws {@link UsageError} USAGE for what docker takes for no name
 */
export function readImageName(text: string): ImageReference | null {
  if (isImageId(text)) return null;
  const reference = parseReference(text);
  if (reference !== null) return reference;
  const isUpperCase = parseReference(text.toLowerCase()) !== null;
  // not quoted: it may be a value that was typed in the wrong place
  throw new UsageError("USAGE", "IMAGE is no name of an image", {
    hint: isUpperCase
      ? "names of images are lower case"
      : "write [HOST[:PORT]/]NAME[:TAG], or an image's id",
  });
}
