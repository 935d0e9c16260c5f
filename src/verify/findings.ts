import { ENCODINGS } from "../needles/needle.ts";
import type { Blob } from "./blob.ts";
import type { Blobs } from "./blobs.ts";
import type { ForeignText } from "./foreign-text.ts";
import { PLACES_PER_SECRET } from "./hit-log.ts";
import type { HitLog, LoggedPlace } from "./hit-log.ts";
import { historyOf } from "./history.ts";
import { metadataHits } from "./metadata.ts";
import type { MetadataHit, MetadataSearch } from "./metadata.ts";
import type { Finding, LayerRef } from "./model.ts";
import type { ImageParts, Resolved } from "./resolved.ts";
import type { SourcePart } from "./sources/source.ts";

/** A layer of one image, with what a report says about it. */
export interface PlacedLayer {
  readonly ref: LayerRef;
  readonly image: ImageParts;
  /** As its config says it, on one line: `linux/amd64`. */
  readonly platform: string;
  readonly blob: Blob | undefined;
}

/** What findings are made of. */
export interface FindingContext extends MetadataSearch {
  readonly blobs: Blobs;
  readonly resolved: Resolved;
  readonly layers: readonly PlacedLayer[];
  readonly parts: readonly SourcePart[];
  readonly foreign: ForeignText;
}

/** Every finding of an image: layers from the bottom, then the metadata, then the rest. */
export function findingsOf(context: FindingContext): Finding[] {
  const inLayers = new Set<Blob>();
  const findings: Finding[] = [];
  for (const layer of context.layers) {
    const { blob } = layer;
    // a layer that several platforms share is one place
    if (blob === undefined || blob.kind !== "tar" || inLayers.has(blob)) continue;
    inLayers.add(blob);
    findings.push(...layerFindings(layer, blob, context));
  }
  for (const part of context.parts) {
    if (part.kind !== "files") continue;
    inLayers.add(part.blob);
    findings.push(...fileFindings(part, context));
  }
  findings.push(...metadataFindings(context), ...recordFindings(context));
  const strays = context.blobs.all.filter((blob) => blob.kind === "tar" && !inLayers.has(blob));
  for (const blob of strays) findings.push(...strayFindings(blob, context));
  return findings;
}

function layerFindings(layer: PlacedLayer, blob: Blob, context: FindingContext): Finding[] {
  const above = layersAbove(layer, blob, context);
  return blob.log.places.map((place) => {
    const isFile = place.part !== "gap" || place.member !== "";
    const isDeleted = isFile && above.some((other) => other.paths.hides(place.path));
    return {
      ...countsOf(place),
      where: "layer",
      part: place.part,
      layer: layer.ref,
      path: context.foreign.line(place.path + place.member),
      ...(isDeleted ? { deleted: true } : {}),
    };
  });
}

/** The layers that lie on top of the last use of this one. */
function layersAbove(layer: PlacedLayer, blob: Blob, { layers }: FindingContext): Blob[] {
  const stack = layers.filter(({ image }) => image === layer.image);
  const top = stack.findLastIndex((other) => other.blob === blob);
  return stack.slice(top + 1).flatMap((other) => other.blob ?? []);
}

/** Config, history, annotations, attestations; and JSON that nothing refers to. */
function metadataFindings(context: FindingContext): Finding[] {
  const groups = new Map<string, HitGroup>();
  for (const blob of documentsOf(context)) addGroups(groups, blob, context);
  const layerOf = historyLayers(context);
  return [...groups.values()].map((group) =>
    metadataFinding(group, layerOf(group), context.foreign),
  );
}

/** The hits of one secret in one place of one document. */
interface HitGroup {
  readonly first: MetadataHit;
  readonly encodings: LoggedPlace["encodings"];
  readonly document: Blob;
}

function addGroups(groups: Map<string, HitGroup>, document: Blob, context: FindingContext): void {
  const role = context.resolved.roles.get(document) ?? "other";
  const places = new Map<string, number>();
  for (const hit of metadataHits(document, role, context)) {
    const { secret, encoding, where, path, offset } = hit;
    const key = `${secret}\0${where}\0${path}`;
    const listed = places.get(secret) ?? 0;
    if (!groups.has(key)) {
      if (listed >= PLACES_PER_SECRET) {
        document.log.omitted++;
        continue;
      }
      places.set(secret, listed + 1);
      groups.set(key, { first: hit, encodings: new Map(), document });
    }
    const group = groups.get(key);
    // the same place in a second document (a copy of the config) is the same finding
    if (group?.document !== document) continue;
    const seen = group.encodings.get(encoding);
    if (seen === undefined) group.encodings.set(encoding, { offset, count: 1 });
    else seen.count++;
  }
}

/** What the engine keeps of its builds: the names of the places are known already. */
function recordFindings({ blobs, foreign }: FindingContext): Finding[] {
  return (blobs.records.blob?.log.places ?? []).map((place) => ({
    ...countsOf(place),
    where: "build-record",
    path: foreign.line(place.path),
  }));
}

/** All blobs but tars; those with a role first, so that copies of them don't count. */
function documentsOf({ blobs, resolved }: FindingContext): Blob[] {
  const rest = blobs.all.filter((blob) => blob.kind !== "tar" && !resolved.roles.has(blob));
  return [...resolved.roles.keys(), ...rest];
}

function metadataFinding(
  { first, encodings }: HitGroup,
  layer: LayerRef | undefined,
  foreign: ForeignText,
): Finding {
  return {
    ...countsOf({ secret: first.secret, encodings }),
    where: first.where,
    ...(layer === undefined ? {} : { layer }),
    path: foreign.line(first.path),
  };
}

/** Says which layer an entry of the history made, if it made one. */
function historyLayers({ layers }: FindingContext): (group: HitGroup) => LayerRef | undefined {
  const known = new Map<Blob, readonly (LayerRef | undefined)[]>();
  const refsOf = (document: Blob): readonly (LayerRef | undefined)[] => {
    const stack = layers.filter(({ image }) => image.config === document);
    return historyOf(document.jsonDocument?.read(), stack.length).map(({ layer }) =>
      layer === undefined ? undefined : stack[layer]?.ref,
    );
  };
  return ({ first: { history }, document }) => {
    if (history === undefined) return undefined;
    const refs = known.get(document) ?? refsOf(document);
    known.set(document, refs);
    return refs[history];
  };
}

/** Files that stand in no layer: merged ones, or a container's own. */
function fileFindings({ blob, prefix = "" }: SourcePart, { foreign }: FindingContext): Finding[] {
  return blob.log.places.map((place) => ({
    ...countsOf(place),
    where: "files",
    part: place.part,
    path: foreign.line(place.path === "" ? "" : `${prefix}${place.path}${place.member}`),
  }));
}

/** Layers that no manifest names: part of the archive all the same. */
function strayFindings(blob: Blob, { foreign }: FindingContext): Finding[] {
  return blob.log.places.map((place) => ({
    ...countsOf(place),
    where: "other",
    part: place.part,
    path: foreign.line(`${blob.name}:${place.path}${place.member}`),
  }));
}

type Counts = Pick<Finding, "secret" | "encoding" | "also" | "offset" | "count">;

function countsOf({ secret, encodings }: Pick<LoggedPlace, "secret" | "encodings">): Counts {
  // the plainest names the finding
  const order = ENCODINGS.filter((encoding) => encodings.has(encoding));
  const [encoding = "raw", ...also] = order;
  const { offset = 0, count = 0 } = encodings.get(encoding) ?? {};
  return { secret, encoding, ...(also.length === 0 ? {} : { also }), offset, count };
}

/** Hits beyond the cap, in all blobs. */
export function omittedOf(logs: Iterable<HitLog>): number {
  let omitted = 0;
  for (const log of logs) omitted += log.omitted;
  return omitted;
}
