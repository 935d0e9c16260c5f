import type { Platform } from "../docker/platform.ts";
import type { Blob } from "./blob.ts";
import type { Blobs } from "./blobs.ts";
import {
  choose,
  isArtifact,
  isAttestation,
  isFor,
  kindOf,
  nothingFor,
  platformOf,
} from "./descriptors.ts";
import { blobName, digestOf, layerDigest } from "./digest-name.ts";
import { FirstOnes } from "./first-ones.ts";
import { field, items, text } from "./json.ts";
import type { Unseen } from "./model.ts";
import type { ImageParts, Resolved, Role } from "./resolved.ts";
import type { OpenSource } from "./sources/source.ts";

/** Layers of all images together: far more than any has. */
const LAYER_LIMIT = 10_000;

/** Nesting of indexes that is followed; real ones nest twice. */
const DEPTH_LIMIT = 8;

/**
 * Follows index and manifest documents to every config and layer. Whatever is named and was not
 * read, or is not what it should be, is `unseen`: "nothing found" must never mean "not looked".
 *
 * @param from - where to begin: without roots at `index.json` and `manifest.json`
 */
export function resolveImages(
  blobs: Blobs,
  from: Pick<OpenSource, "roots" | "platform" | "parts"> = {},
): Resolved {
  const { roots, parts = [], platform } = from;
  const resolver = new Resolver(blobs, platform);
  if (blobs.trouble !== undefined) resolver.report("archive", blobs.trouble);
  resolver.takeParts(parts);
  if (roots !== undefined) for (const digest of roots) resolver.followRoot(digest);
  else {
    resolver.followLayout();
    resolver.followLegacy();
  }
  resolver.addBuildRecords();
  resolver.reportStrays();
  const isEmpty = resolver.images.length + parts.length === 0;
  if (isEmpty && resolver.isSeen) resolver.report("manifest", nothingFor(platform));
  return resolver;
}

class Resolver implements Resolved {
  readonly images: ImageParts[] = [];
  readonly roles = new Map<Blob, Role>();
  readonly digests = new Set<string>();
  readonly #unseen = new FirstOnes<Unseen>();
  readonly #absent = new FirstOnes<string>();
  #layers = 0;
  readonly #blobs: Blobs;
  readonly #platform: Platform | undefined;
  readonly #reached = new Set<Blob>();

  constructor(blobs: Blobs, platform: Platform | undefined) {
    this.#blobs = blobs;
    this.#platform = platform;
  }

  get unseen(): readonly Unseen[] {
    return this.#unseen.all((count) => ({ what: `${count} more parts`, reason: "not read" }));
  }

  get absent(): readonly string[] {
    return this.#absent.all((count) => `${count} more`);
  }

  /** Nothing is left out so far. */
  get isSeen(): boolean {
    return this.#unseen.isEmpty;
  }

  report(what: string, reason: string): void {
    this.#unseen.add(what, { what, reason });
  }

  /** What was read beside images. */
  takeParts(parts: NonNullable<OpenSource["parts"]>): void {
    for (const { kind, blob } of parts) {
      this.#need(blob.name, blob);
      if (kind === "settings") this.roles.set(blob, "container");
      else if (blob.kind !== "tar") this.report(blob.name, "files that are no tar");
    }
  }

  /** What nobody names and can't be read is there all the same, and may hold anything. */
  reportStrays(): void {
    for (const blob of this.#blobs.all) {
      if (blob.trouble === undefined || this.#reached.has(blob)) continue;
      this.report(blob.name, blob.trouble);
    }
  }

  /** The OCI image layout: `index.json` and blobs by digest. */
  followLayout(): void {
    const index = this.#blobs.find("index.json");
    if (index === undefined) return;
    this.roles.set(index, "manifest");
    this.#need("index.json", index);
    this.#followIndex(this.#read("index.json", index), 1);
  }

  /** `manifest.json` of `docker save`: the only root of the legacy layout, a second one of OCI. */
  followLegacy(): void {
    const root = this.#blobs.find("manifest.json");
    if (root === undefined) return;
    this.roles.set(root, "manifest");
    this.#need("manifest.json", root);
    for (const image of items(this.#read("manifest.json", root))) {
      const name = text(field(image, "Config")) ?? "";
      const config = this.#blobs.find(name);
      if (this.images.some((known) => known.config === config)) continue;
      this.#addImage({
        configName: name,
        config,
        isImage: true,
        layers: layersOf(field(image, "Layers")).map((layer) => ({
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

  #read(name: string, blob: Blob | undefined): unknown {
    const document = blob?.jsonDocument?.read();
    const isLong = blob?.jsonDocument !== undefined && document === undefined;
    if (isLong) this.report(name, "a manifest or config of more than 4 MiB");
    return document;
  }

  #followIndex(index: unknown, depth: number): void {
    const { wanted, others } = choose(index, this.#platform);
    for (const child of others) this.#leaveOut(platformOf(child) ?? "a manifest");
    for (const child of wanted) this.#follow(child, depth);
  }

  #follow(descriptor: unknown, depth: number): void {
    const digest = text(field(descriptor, "digest")) ?? "";
    if (this.digests.has(digest)) return;
    this.digests.add(digest);
    const blob = this.#blobs.find(blobName(digest));
    if (blob === undefined) {
      // an index names the manifests of all platforms, an engine holds those that it pulled
      if (depth > 1) this.#leave(platformOf(descriptor) ?? digest);
      else this.report(digest, "missing from the archive");
      return;
    }
    this.roles.set(blob, "manifest");
    this.#need(digest, blob, field(descriptor, "size"));
    const document = this.#read(digest, blob);
    const kind = kindOf(document);
    if (depth > DEPTH_LIMIT) this.report(digest, "indexes nested too deep");
    else if (kind === "index") this.#followIndex(document, depth + 1);
    else if (kind === "manifest") this.#followManifest({ document, descriptor });
    else this.report(digest, kind);
  }

  #followManifest(o: { document: unknown; descriptor: unknown }): void {
    const configName = text(field(field(o.document, "config"), "digest")) ?? "";
    const layers = layersOf(field(o.document, "layers")).map((layer) => {
      const name = text(field(layer, "digest")) ?? "";
      const isElsewhere = items(field(layer, "urls")).length > 0;
      const size = field(layer, "size");
      return { name, blob: this.#blobs.find(blobName(name)), isElsewhere, size };
    });
    const isImage = !isArtifact(o.document);
    const config = this.#blobs.find(blobName(configName));
    this.#need(configName, config, field(field(o.document, "config"), "size"));
    if (isAttestation(o.descriptor))
      this.#addAttestation([{ name: configName, blob: config }, ...layers]);
    else this.#addImage({ configName, config, layers, isImage, descriptor: o.descriptor });
  }

  #addAttestation(parts: readonly NamedBlob[]): void {
    if (this.#isTooMany(parts[0]?.name ?? "", parts)) return;
    for (const { name, blob, size } of parts) {
      this.#need(name, blob, size);
      if (blob === undefined) continue;
      this.roles.set(blob, "attestation");
      if (blob.kind !== "json") this.report(name, "an attestation that is no JSON");
    }
  }

  /** A platform that is there, and not to be searched. */
  #leaveOut(platform: string): void {
    this.#leave(`${platform} (not asked for)`);
  }

  #leave(what: string): void {
    this.#absent.add(what, what);
  }

  #addImage(o: NamedImage): void {
    this.#need(o.configName, o.config);
    // where the index says it, engines go by that: a config that says otherwise hides nothing
    const isChosen = platformOf(o.descriptor) !== undefined;
    const document = this.#read(o.configName, o.config);
    if (!isChosen && !isFor(document, this.#platform)) {
      this.#leaveOut(platformOf({ platform: document }) ?? o.configName);
      return;
    }
    if (this.#isTooMany(o.configName, o.layers)) return;
    for (const layer of o.layers) this.#needLayer(layer, o.isImage);
    if (o.config === undefined) return;
    this.#checkConfig(o.config, document, o);
    const configDigest = digestOf(o.configName);
    this.digests.add(configDigest);
    const layers = o.layers.map(({ name, blob }) => ({ digest: layerDigest(name), blob }));
    this.images.push({ config: o.config, configDigest, layers });
  }

  #isTooMany(name: string, layers: readonly NamedBlob[]): boolean {
    this.#layers += layers.length;
    if (this.#layers <= LAYER_LIMIT) return false;
    this.report(name, `more than ${LAYER_LIMIT} layers`);
    return true;
  }

  #checkConfig(config: Blob, document: unknown, o: NamedImage): void {
    const { configName, layers, isImage } = o;
    this.roles.set(config, "config");
    if (!isImage) return;
    if (config.kind !== "json") this.report(configName, "a config that is no JSON");
    const { length } = items(field(field(document, "rootfs"), "diff_ids"));
    if (length === layers.length) return;
    this.report(configName, `the config names ${length} layers, the manifest ${layers.length}`);
  }

  addBuildRecords(): void {
    for (const { what, reason } of this.#blobs.records.unseen) this.report(what, reason);
  }

  #needLayer({ name, blob, isElsewhere, size }: NamedBlob, isTar: boolean): void {
    if (blob === undefined && isElsewhere === true) {
      this.report(name, "a foreign layer: it is kept elsewhere and was not read");
      return;
    }
    this.#need(name, blob, size);
    if (isTar && blob !== undefined && blob.kind !== "tar") {
      this.report(name, "a layer that is no tar: encrypted, or an unknown compression");
    }
  }

  /**
   * A part of the image that must have been read to its end.
   *
   * @param size - of what a descriptor says: whoever stops there sees another content
   */
  #need(name: string, blob: Blob | undefined, size?: unknown): void {
    const what = name === "" ? "a part without a digest" : name;
    if (blob !== undefined) this.#reached.add(blob);
    if (blob === undefined) this.report(what, "missing from the archive");
    else if (blob.trouble !== undefined) this.report(what, blob.trouble);
    else if (size !== undefined && blob.stored !== undefined && size !== blob.stored) {
      this.report(what, "it has another size than the manifest says");
    }
  }
}

/** As many as are looked at, and one more. */
function layersOf(list: unknown): readonly unknown[] {
  return items(list).slice(0, LAYER_LIMIT + 1);
}

interface NamedBlob {
  readonly name: string;
  readonly blob: Blob | undefined;
  /** The manifest says where else the layer is to be had: its base may not be passed on. */
  readonly isElsewhere?: boolean;
  readonly size?: unknown;
}

interface NamedImage {
  readonly configName: string;
  readonly config: Blob | undefined;
  readonly layers: readonly NamedBlob[];
  readonly descriptor?: unknown;
  /** False for an artifact: charts, signatures, any files. */
  readonly isImage: boolean;
}
