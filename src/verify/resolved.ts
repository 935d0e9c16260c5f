/** What an archive turns out to hold. */
import type { Blob } from "./blob.ts";
import type { Unseen } from "./model.ts";

/** What a JSON blob is, by the way it was reached. */
export type Role = "manifest" | "config" | "attestation" | "container" | "build-record" | "other";

/** A layer as a manifest names it. */
export interface ImageLayer {
  /** Digest of the stored blob; in the legacy layout, which has none, undefined. */
  readonly digest: string | undefined;
  /** Undefined when the archive lacks it. */
  readonly blob: Blob | undefined;
}

/** One image: an archive holds one for each platform. */
export interface ImageParts {
  readonly config: Blob;
  /** Digest, or the legacy name of the config without its `.json`. */
  readonly configDigest: string;
  readonly layers: readonly ImageLayer[];
}

/** What can be reached from the roots of an image, and what could not be. */
export interface Resolved {
  readonly images: readonly ImageParts[];
  /** Roles of the JSON blobs that were reached. */
  readonly roles: ReadonlyMap<Blob, Role>;
  readonly unseen: readonly Unseen[];
  /** Manifests of an index that the archive does not hold, by platform or digest. */
  readonly absent: readonly string[];
  /** Digests of every index, manifest and config that was reached. */
  readonly digests: ReadonlySet<string>;
}
