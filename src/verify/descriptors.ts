/** What the descriptors of an index say: for which platform a manifest is, and what it is about. */
import { isSamePlatform } from "../docker/platform.ts";
import type { Platform } from "../docker/platform.ts";
import { field, fields, items, text } from "./json.ts";

/** Manifests of an index. */
export interface Choice {
  readonly wanted: readonly unknown[];
  /** For other platforms. */
  readonly others: readonly unknown[];
}

/**
 * Which manifests of an index are for a platform; one that does not say for which may be. An
 * attestation goes with its image.
 */
export function choose(index: unknown, platform: Platform | undefined): Choice {
  const all = items(field(index, "manifests"));
  const others = all.filter(
    (child) => !isAttestation(child) && !isFor(field(child, "platform"), platform),
  );
  // an attestation that does not say what it is about is of no other platform
  const left = new Set([...others, ...others.flatMap((child) => field(child, "digest") ?? [])]);
  return { wanted: all.filter((child) => !left.has(subjectOf(child))), others };
}

/**
 * `index` or `manifest` by the shape of a document; else why it is neither. One that is both is read as
 * one or the other, by what its media type says here or there (CVE-2021-41190): nobody may trust it.
 */
export function kindOf(document: unknown): string {
  const isIndex = Array.isArray(field(document, "manifests"));
  if (isIndex && isManifest(document)) return "an index and a manifest in one document";
  if (isIndex) return "index";
  return isManifest(document) ? "manifest" : "neither an index nor a manifest";
}

/** Go writes `null` where an image has no layers. */
function isManifest(document: unknown): boolean {
  const layers = field(document, "layers");
  return Array.isArray(layers) || (layers === null && field(document, "config") !== undefined);
}

/** What decides about a manifest: itself, or the digest of the one that it attests. */
function subjectOf(child: unknown): unknown {
  return isAttestation(child) ? field(field(child, "annotations"), SUBJECT) : child;
}

/** Whether what says its platform is for the one that is wanted; true when either is unknown. */
export function isFor(said: unknown, wanted: Platform | undefined): boolean {
  const { os, architecture, variant } = fields(said);
  if (wanted === undefined || typeof os !== "string" || typeof architecture !== "string") {
    return true;
  }
  return isSamePlatform(wanted, { os, architecture, variant: text(variant) ?? "" });
}

/** `linux/arm/v7` */
export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== "").join("/");
}

/** The platform that a descriptor names, in the same form; undefined when it names none. */
export function platformOf(descriptor: unknown): string | undefined {
  const { os, architecture, variant } = fields(field(descriptor, "platform"));
  const parts = [os, architecture, variant].filter((part) => typeof part === "string");
  return parts.length < 2 ? undefined : parts.join("/");
}

/** Why there is no image to search. */
export function nothingFor(platform: Platform | undefined): string {
  if (platform !== undefined) return `no image for ${platformText(platform)}`;
  return "no image manifest: not a docker save or OCI archive";
}

/** Which manifest an attestation is about. */
const SUBJECT = "vnd.docker.reference.digest";

/** BuildKit marks the manifests that hold provenance and SBOM documents. */
export function isAttestation(descriptor: unknown): boolean {
  const kind = field(field(descriptor, "annotations"), "vnd.docker.reference.type");
  return kind === "attestation-manifest";
}

/** Media types of the configs of images. */
const IMAGE_CONFIGS: readonly string[] = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];

/**
 * True for a manifest whose config says that it is no image's: its layers are files of any kind.
 *
 * @see OCI image-spec, manifest.md, "Guidelines for Artifact Usage"
 */
export function isArtifact(manifest: unknown): boolean {
  const type = text(field(field(manifest, "config"), "mediaType"));
  return type !== undefined && !IMAGE_CONFIGS.includes(type);
}
