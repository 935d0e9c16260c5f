import { provability } from "../needles/provability.ts";
import type { NeedleTable } from "../needles/table.ts";
import type { Secret } from "../secret/secret.ts";
import type { Blob } from "./blob.ts";
import type { Blobs } from "./blobs.ts";
import { findingsOf, omittedOf } from "./findings.ts";
import type { PlacedLayer } from "./findings.ts";
import { ForeignText } from "./foreign-text.ts";
import { historyOf, instructionsOf } from "./history.ts";
import { field, items, text } from "./json.ts";
import { resolveImages } from "./manifests.ts";
import { LIMITS } from "./model.ts";
import type {
  LayerReport,
  MemberCounts,
  Unproved,
  Unseen,
  UnseenMember,
  VerifyReport,
} from "./model.ts";
import { unprovedOf } from "./pairs.ts";
import type { ImageParts, Resolved } from "./resolved.ts";
import type { OpenSource } from "./sources/source.ts";

/** What a report is made of, beside the blobs. */
export interface ReportOptions {
  /** The image as it was asked for. */
  readonly image: string;
  readonly opened: OpenSource;
  readonly secrets: readonly Secret[];
  readonly unopened: readonly string[];
  readonly table: NeedleTable;
}

/**
 * Puts the hits of all blobs together: only now is it known which blob is which layer of which
 * image. Everything foreign is masked and escaped here, before it enters the report.
 */
export function buildReport(blobs: Blobs, o: ReportOptions): VerifyReport {
  const unproved = unprovedOf(o.secrets);
  using foreign = new ForeignText({ secrets: o.secrets, unproved, table: o.table });
  const resolved = resolveImages(blobs, o.opened);
  const layers = resolved.images.flatMap((image) => placedLayers(image, foreign));
  const findings = findingsOf({
    blobs,
    resolved,
    layers,
    parts: o.opened.parts ?? [],
    table: o.table,
    unproved,
    foreign,
  });
  const { counted } = blobs;
  const byLayer = Map.groupBy(findings, ({ layer }) => layer);
  const count = ({ ref }: PlacedLayer): number => byLayer.get(ref)?.length ?? 0;
  return {
    image: foreign.line(o.image),
    configs: resolved.images.map(({ configDigest }) => foreign.digest(configDigest)),
    layers: layers.map((layer) => ({
      ...layerReport(layer, count(layer)),
      ...(resolved.images.length > 1 ? { platform: layer.platform } : {}),
    })),
    bytes: sum(counted.map(({ bytes }) => bytes)),
    files: sum(counted.map(({ files }) => files)),
    members: sumOf(counted.map(({ members }) => members)),
    secrets: o.secrets.length,
    needles: o.table.needles.length,
    findings,
    omitted: omittedOf(counted.map(({ log }) => log)),
    unproved: [
      ...unproved.map(({ secret }) => ({ secret: secret.name, reason: reasonOf(secret) })),
      ...absentSecrets(o),
    ],
    unseen: unseenOf(resolved, o.opened.id).map(({ what, reason }) => ({
      what: foreign.digest(what),
      // an engine's or a registry's own words
      reason: foreign.line(reason),
    })),
    unseenMembers: unseenMembersOf(blobs, layers, foreign),
    absent: resolved.absent.map((platform) => foreign.digest(platform)),
    limits: [...(o.opened.limits ?? []), ...LIMITS],
    ...(o.opened.partial === undefined ? {} : { partial: o.opened.partial }),
    ...(o.opened.route === undefined ? {} : { route: o.opened.route }),
  };
}

function placedLayers(image: ImageParts, foreign: ForeignText): PlacedLayer[] {
  const config = image.config.jsonDocument?.read();
  const instructions = instructionsOf(historyOf(config, image.layers.length));
  const diffIds = items(field(field(config, "rootfs"), "diff_ids")).map(text);
  const platform = foreign.line(platformFor(config));
  return image.layers.map(({ digest, blob }, index) => {
    const diffId = diffIds[index];
    const createdBy = instructions.get(index);
    const ref = {
      index,
      digest: foreign.digest(digest ?? diffId ?? "unknown"),
      ...(diffId === undefined ? {} : { diffId: foreign.digest(diffId) }),
      ...(createdBy === undefined ? {} : { createdBy: foreign.lines(createdBy) }),
    };
    return { ref, image, platform, blob };
  });
}

function layerReport({ ref, blob }: PlacedLayer, findings: number): LayerReport {
  return {
    ...ref,
    ...(blob?.cached === true ? { cached: true } : {}),
    bytes: blob?.bytes ?? 0,
    files: blob?.files ?? 0,
    findings,
    members: blob?.members ?? NO_MEMBERS,
  };
}

function platformFor(config: unknown): string {
  const parts = ["os", "architecture"].map((name) => text(field(config, name)) ?? "");
  return parts.filter((part) => part !== "").join("/");
}

/** Files that were not unpacked: those of layers, then those of what no manifest names. */
function unseenMembersOf(
  { counted }: Blobs,
  layers: readonly PlacedLayer[],
  foreign: ForeignText,
): UnseenMember[] {
  const byBlob = new Map(layers.toReversed().map((layer) => [layer.blob, layer]));
  return counted.flatMap((blob) => {
    const layer = byBlob.get(blob);
    return blob.unreadMembers.map(({ path, member, reason }) => ({
      path: foreign.line(memberPath(blob, path, layer) + member),
      ...(layer === undefined ? {} : { layer: layer.ref }),
      reason,
    }));
  });
}

/** The blob itself, when it is no tar. */
function memberPath({ name, kind }: Blob, path: string, layer: PlacedLayer | undefined): string {
  if (kind !== "tar") return name;
  return layer === undefined ? `${name}:${path}` : path;
}

const NO_MEMBERS: MemberCounts = { count: 0, bytes: 0, unseen: 0 };

function sumOf(counts: readonly MemberCounts[]): MemberCounts {
  return {
    count: sum(counts.map(({ count }) => count)),
    bytes: sum(counts.map(({ bytes }) => bytes)),
    unseen: sum(counts.map(({ unseen }) => unseen)),
  };
}

/** What was not given: a report on nothing must not look like one on something. */
function absentSecrets({ secrets, unopened }: ReportOptions): Unproved[] {
  if (secrets.length === 0 && unopened.length === 0) return [{ secret: "*", reason: "none" }];
  return unopened.map((secret) => ({ secret, reason: "not-opened" }));
}

function reasonOf(secret: Secret): "too-short" | "common" {
  return provability(secret) === "common" ? "common" : "too-short";
}

/** The engine's id is the digest of the config (overlay2), or of the index or manifest. */
function unseenOf({ unseen, digests }: Resolved, id: string | undefined): readonly Unseen[] {
  if (id === undefined || digests.has(id) || unseen.length > 0) return unseen;
  return [{ what: id, reason: "the engine sent another image" }];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
