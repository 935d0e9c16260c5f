/** After a refused start: was it a path? The engine's own words name only its inner folders. */
import { DockerError } from "../../errors.ts";
import type { ImageFiles } from "../image-files.ts";

/** A file by name. */
interface NamedPath {
  readonly name: string;
  readonly path: string;
}

/**
 * Looks at the targets in the image.
 *
 * @returns DELIVERY_PATH for the first one that can't hold a file, null when all of them can
 */
export async function explainPaths(
  image: ImageFiles,
  files: readonly NamedPath[],
): Promise<DockerError | null> {
  for (const { name, path } of files) {
    const why = await faultOf(image, path);
    if (why === null) continue;
    return new DockerError("DELIVERY_PATH", `${name} can't be delivered to ${path}: ${why}`, {
      hint: `give it a path of its own, such as --file ${name}=/run/secrets/${name}`,
    });
  }
  return null;
}

/** From the top down: below a file the engine answers with an error of its own. */
async function faultOf(image: ImageFiles, path: string): Promise<string | null> {
  const parts = path.split("/").slice(1);
  for (let depth = 1; depth < parts.length; depth += 1) {
    const folder = `/${parts.slice(0, depth).join("/")}`;
    const kind = await image.kindOf(folder);
    if (kind === "file") return `${folder} is a file in the image`;
    if (kind === "nothing") return null;
  }
  const kind = await image.kindOf(path);
  return kind === "directory" ? "that is a directory in the image" : null;
}
