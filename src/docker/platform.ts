/** `--platform`, read as docker reads it, and compared with an image. Pure. */
import type { EngineVersion, ImageInspect } from "./types.ts";

/** One platform, in Go's words. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** `v7`; empty where it does not matter. */
  readonly variant: string;
}

const OPERATING_SYSTEMS = new Set(["linux", "windows", "freebsd", "darwin"]);
/** Other names of architectures, as containerd takes them. */
const OTHER_NAMES: ReadonlyMap<string, readonly [architecture: string, variant: string]> = new Map([
  ["x86_64", ["amd64", ""]],
  ["x86-64", ["amd64", ""]],
  ["i386", ["386", ""]],
  ["aarch64", ["arm64", ""]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
]);

/**
 * Reads `os`, `arch`, `os/arch` or `os/arch/variant`.
 *
 * @param engine - says what is left out
 * @returns null for what is no platform
 */
export function parsePlatform(
  text: string,
  engine: Pick<EngineVersion, "arch" | "os">,
): Platform | null {
  const parts = text.toLowerCase().split("/");
  if (parts.length > 3 || !parts.every((part) => /^[\w-]+$/.test(part))) return null;
  const [first = "", second, variant = ""] = parts;
  if (second !== undefined) return platformOf(first, second, variant);
  if (OPERATING_SYSTEMS.has(first)) return platformOf(first, engine.arch, "");
  return platformOf(engine.os, first, "");
}

/** True when an image is for a platform; a variant that the image does not tell is not compared. */
export function isFor(image: ImageInspect, wanted: Platform): boolean {
  const { Os: os, Architecture: architecture, Variant: variant = "" } = image;
  return isSamePlatform(wanted, { os, architecture, variant });
}

/** The same for what an index or a config says; a variant that either leaves out is not compared. */
export function isSamePlatform(wanted: Platform, said: Platform): boolean {
  const own = platformOf(said.os, said.architecture, said.variant);
  const isVariant = wanted.variant === own.variant || wanted.variant === "" || own.variant === "";
  return own.os === wanted.os && own.architecture === wanted.architecture && isVariant;
}

function platformOf(os: string, name: string, given: string): Platform {
  const [architecture, own] = OTHER_NAMES.get(name) ?? [name, ""];
  const variant = given === "" ? own : given.replace(/^(?=\d)/, "v");
  // the only one that there was for years, so nobody writes it
  return { os, architecture, variant: architecture === "arm64" && variant === "v8" ? "" : variant };
}
