import { isImageId, parseReference } from "../../docker/reference.ts";
import type { ImageReference } from "../../docker/reference.ts";
import { UsageError } from "../../errors.ts";

/** What somebody named to be searched. */
export type SourceName =
  | { readonly kind: "engine"; readonly image: string }
  | { readonly kind: "registry"; readonly reference: ImageReference }
  | { readonly kind: "archive" | "layout"; readonly path: string }
  /** An archive, or the folder of a layout. */
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "stdin" };

/** The words of skopeo and podman (containers-transports(5)); all archives are told by their content. */
const PREFIXES = [
  ["docker-daemon:", "engine"],
  ["docker-archive:", "archive"],
  ["oci-archive:", "archive"],
  ["oci:", "layout"],
] as const;

const REGISTRY = "docker://";

/** What looks like a path, and what archives are called. */
const PATH = /^(?:\.{0,2}\/|\.{1,2}$|[A-Za-z]:\\)|\.(?:tar|tar\.gz|tgz|tar\.zst|tzst)$/u;

/**
 * Says by the text alone what is meant, so that a file which happens to be there changes nothing:
 * a prefix decides, then what looks like a path, and everything else is an image of the engine.
 *
 * @throws {@link UsageError} USAGE for what is no name of an image, and for nothing behind a prefix
 */
export function readSourceName(text: string): SourceName {
  if (text === "-") return { kind: "stdin" };
  if (text.startsWith(REGISTRY)) return registryName(text.slice(REGISTRY.length));
  for (const [prefix, kind] of PREFIXES) {
    if (!text.startsWith(prefix)) continue;
    const rest = text.slice(prefix.length);
    if (rest === "") throw new UsageError("USAGE", `nothing is named behind ${prefix}`);
    return kind === "engine" ? engineName(rest) : { kind, path: rest };
  }
  return PATH.test(text) ? { kind: "path", path: text } : engineName(text);
}

function engineName(text: string): SourceName {
  if (isImageId(text) || parseReference(text) !== null) return { kind: "engine", image: text };
  // not quoted: it may be a value that was typed in the wrong place
  throw new UsageError("USAGE", "IMAGE is no name of an image", {
    hint: "write NAME[:TAG] or an id; a path begins with ./ and a registry's image with docker://",
  });
}

function registryName(text: string): SourceName {
  const reference = parseReference(text);
  if (reference !== null) return { kind: "registry", reference };
  // not quoted: it may be a value that was typed in the wrong place
  throw new UsageError("USAGE", "what is behind docker:// is no name of an image", {
    hint: "write docker://HOST[:PORT]/NAME[:TAG] or docker://HOST[:PORT]/NAME@sha256:…",
  });
}
