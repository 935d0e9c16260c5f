/**
 * The gate: a static program of about 2 KB (gate.c) that is started in place of the image's own, puts
 * the variables of a file over its environment, and becomes the image's program.
 */
import type { ImageInspect } from "../../docker/types.ts";
import { DockerError } from "../../errors.ts";

/** Folder of the gate in a container. Outside of it nothing of ours is executable. */
export const GATE_FOLDER = "/run/sealmount-gate";

/** File of the variables in a container: on tmpfs, as every delivered file. */
export const ENV_FILE = "/run/sealmount/env";

/** The bytes for one machine. */
export interface Gate {
  readonly bytes: Buffer;
  /** SHA-256 in hex: names the file and the volume, so that a new version never meets an old one. */
  readonly digest: string;
}

/**
 * The gate for an image.
 *
 * @param platform - `os/arch[/variant]` where one was asked for; else the image's own counts
 * @throws {@link DockerError} DELIVERY_FAILED for Windows and for machines that it was not made for
 */
export async function gateFor(
  image: Pick<ImageInspect, "Os" | "Architecture">,
  platform: string | undefined,
): Promise<Gate> {
  const [os = "", machine] = platform?.includes("/") === true ? platform.split("/") : [image.Os];
  const architecture = ALIASES[machine ?? ""] ?? machine ?? image.Architecture;
  const { GATES } = await import("./binaries.ts");
  if (os.toLowerCase() !== "linux") throw unfit(`for ${os} containers`);
  if (architecture !== "amd64" && architecture !== "arm64") throw unfit(`for ${architecture}`);
  const { base64, sha256 } = GATES[architecture];
  return { bytes: Buffer.from(base64, "base64"), digest: sha256 };
}

/** Other names of the two, as `--platform` takes them. */
const ALIASES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
};

function unfit(what: string): DockerError {
  return new DockerError("DELIVERY_FAILED", `variables can't be hidden ${what}`, {
    hint: "deliver them as files with --env-as-file, or plainly with --env-plain",
  });
}
