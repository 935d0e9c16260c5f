import type { Blob } from "./blob.ts";
import type { Blobs } from "./blobs.ts";
import { field, fields, items, text } from "./json.ts";
import type { Unseen } from "./model.ts";

/** What a JSON blob is, by the way it was reached. */
export type Role = "manifest" | "config" | "attestation" | "other";

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

/** Nesting of indexes that is followed; real ones nest twice. */
const DEPTH_LIMIT = 8;

/**
 * Follows index and manifest documents to every config and layer. Whatever is named and was not
 * read, or is not what it should be, is `unseen`: "nothing found" must never mean "not looked".
 *
 * @param roots - digests to begin at, in place of `index.json` and `manifest.json`
 */
export function resolveImages(blobs: Blobs, roots?: readonly string[]): Resolved {
  const resolver = new Resolver(blobs);
  if (blobs.trouble !== undefined) resolver.report("archive", blobs.trouble);
  if (roots === undefined) {
    resolver.followLayout();
    resolver.followLegacy();
  } else for (const digest of roots) resolver.followRoot(digest);
  if (resolver.images.length === 0 && resolver.unseen.length === 0) {
    resolver.report("manifest", "no image manifest: not a docker save or OCI archive");
  }
  return resolver;
}

class Resolver implements Resolved {
  readonly images: ImageParts[] = [];
  readonly roles = new Map<Blob, Role>();
  readonly unseen: Unseen[] = [];
  readonly absent: string[] = [];
  readonly digests = new Set<string>();
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  report(what: string, reason: string): void {
    if (!this.unseen.some((other) => other.what === what)) this.unseen.push({ what, reason });
  }

  /** The OCI image layout: `index.json` and blobs by digest. */
  followLayout(): void {
    const index = this.#blobs.find("index.json");
    if (index === undefined) return;
    this.roles.set(index, "manifest");
    this.#need("index.json", index);
    for (const descriptor of items(field(index.json, "manifests"))) this.#follow(descriptor, 1);
  }

  /** `manifest.json` of `docker save`: the only root of the legacy layout, a second one of OCI. */
  followLegacy(): void {
    const root = this.#blobs.find("manifest.json");
    if (root === undefined) return;
    this.roles.set(root, "manifest");
    this.#need("manifest.json", root);
    for (const image of items(root.json)) {
      const name = text(field(image, "Config")) ?? "";
      const config = this.#blobs.find(name);
      if (this.images.some((known) => known.config === config)) continue;
      this.#addImage({
        configName: name,
        config,
        layers: items(field(image, "Layers")).map((layer) => ({
          name: text(layer) ?? "",
          blob: this.#blobs.find(text(layer) ?? ""),
        })),
      });
    }
  }

  /** An index, or a manifest. */
  followRoot(digest: string): void {
    this.#follow({ digest }, 1);
  }

  #follow(descriptor: unknown, depth: number): void {
    const digest = text(field(descriptor, "digest")) ?? "";
    if (this.digests.has(digest)) return;
    this.digests.add(digest);
    const blob = this.#blobs.find(blobName(digest));
    if (blob === undefined) {
      // an index names the manifests of all platforms, an engine holds those that it pulled
      if (depth > 1) this.absent.push(platformOf(descriptor) ?? digest);
      else this.report(digest, "missing from the archive");
      return;
    }
    this.roles.set(blob, "manifest");
    this.#need(digest, blob);
    if (depth > DEPTH_LIMIT) this.report(digest, "indexes nested too deep");
    else if (Array.isArray(field(blob.json, "manifests"))) {
      for (const child of items(field(blob.json, "manifests"))) this.#follow(child, depth + 1);
    } else this.#followManifest(digest, { document: blob.json, descriptor });
  }

  #followManifest(digest: string, o: { document: unknown; descriptor: unknown }): void {
    if (!Array.isArray(field(o.document, "layers"))) {
      this.report(digest, "neither an index nor a manifest");
      return;
    }
    const configName = text(field(field(o.document, "config"), "digest")) ?? "";
    const layers = items(field(o.document, "layers")).map((layer) => {
      const name = text(field(layer, "digest")) ?? "";
      return { name, blob: this.#blobs.find(blobName(name)) };
    });
    const config = this.#blobs.find(blobName(configName));
    if (isAttestation(o.descriptor))
      this.#addAttestation([{ name: configName, blob: config }, ...layers]);
    else this.#addImage({ configName, config, layers });
  }

  #addAttestation(parts: readonly NamedBlob[]): void {
    for (const { name, blob } of parts) {
      this.#need(name, blob);
      if (blob === undefined) continue;
      this.roles.set(blob, "attestation");
      if (blob.kind !== "json") this.report(name, "an attestation that is no JSON");
    }
  }

  #addImage(o: { configName: string; config: Blob | undefined; layers: NamedBlob[] }): void {
    this.#need(o.configName, o.config);
    for (const { name, blob } of o.layers) {
      this.#need(name, blob);
      if (blob !== undefined && blob.kind !== "tar") {
        this.report(name, "a layer that is no tar: encrypted, or an unknown compression");
      }
    }
    if (o.config === undefined) return;
    this.roles.set(o.config, "config");
    if (o.config.kind !== "json") this.report(o.configName, "a config that is no JSON");
    const diffIds = items(field(field(o.config.json, "rootfs"), "diff_ids"));
    if (diffIds.length !== o.layers.length) {
      const named = `the config names ${diffIds.length} layers`;
      this.report(o.configName, `${named}, the manifest ${o.layers.length}`);
    }
    const configDigest = digestOf(o.configName);
    this.digests.add(configDigest);
    this.images.push({
      config: o.config,
      configDigest,
      layers: o.layers.map(({ name, blob }) => ({ digest: layerDigest(name), blob })),
    });
  }

  /** A part of the image that must have been read to its end. */
  #need(name: string, blob: Blob | undefined): void {
    const what = name === "" ? "a part without a digest" : name;
    if (blob === undefined) this.report(what, "missing from the archive");
    else if (blob.trouble !== undefined) this.report(what, blob.trouble);
  }
}

interface NamedBlob {
  readonly name: string;
  readonly blob: Blob | undefined;
}

/** `sha256:ab…` is `blobs/sha256/ab…` in a layout. */
export function blobName(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** The config's digest from its name: a digest, a path in a layout, or `ab….json` (legacy). */
function digestOf(name: string): string {
  const hex = /(?<hex>[0-9a-f]{64})(?:\.json)?$/u.exec(name)?.groups?.["hex"];
  return hex === undefined ? name : `sha256:${hex}`;
}

function layerDigest(name: string): string | undefined {
  if (/^sha\d+:/u.test(name)) return name;
  return name.startsWith("blobs/") ? digestOf(name) : undefined;
}

function platformOf(descriptor: unknown): string | undefined {
  const { os, architecture, variant } = fields(field(descriptor, "platform"));
  const parts = [os, architecture, variant].filter((part) => typeof part === "string");
  return parts.length < 2 ? undefined : parts.join("/");
}

/** BuildKit marks the manifests that hold provenance and SBOM documents. */
function isAttestation(descriptor: unknown): boolean {
  const kind = field(field(descriptor, "annotations"), "vnd.docker.reference.type");
  return kind === "attestation-manifest";
}
