/** For engines that mount only whole folders: no file of the image may vanish under one. */
import { posix } from "node:path";

import type { Engine } from "../../docker/engine.ts";
import { DockerError } from "../../errors.ts";
import { hasEntries } from "../probe.ts";
import type { FileToDeliver } from "./delivery.ts";

/**
 * @param probe - a never-started container of the image
 * @throws {@link DockerError} DELIVERY_PATH
 */
export async function refuseHidden(
  engine: Engine,
  probe: string,
  files: readonly FileToDeliver[],
): Promise<void> {
  for (const { name, path } of files) {
    const folder = posix.dirname(path);
    if (folder !== "/" && !(await hasEntries(engine, probe, folder))) continue;
    throw new DockerError(
      "DELIVERY_PATH",
      `${name} can't be delivered to ${path}: this engine mounts only whole folders, ` +
        `and that would hide the image's files in ${folder}`,
      {
        hint: `deliver it to a folder of its own, such as --file ${name}=/run/secrets/${name}, or use an engine with API 1.45`,
      },
    );
  }
}
