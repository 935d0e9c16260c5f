import type { Encoding } from "../needles/needle.ts";
import type { Provable } from "../needles/provability.ts";

/**
 * Which part of an image a finding is in. `manifest` is an annotation or a tag; `files` is a file of a
 * source that has no layers, `container` a setting of a container. `build-record` is no part of the
 * image, but of what the engine keeps of its builds.
 */
export type Where =
  | "layer"
  | "config"
  | "history"
  | "label"
  | "env"
  | "manifest"
  | "attestation"
  | "files"
  | "container"
  | "build-record"
  | "other";

/**
 * Which part of a layer member: its content, its name, the target of a link, another header field
 * (extended attributes, user names), or bytes of the layer that belong to no member.
 */
export type Part = "content" | "name" | "link" | "header" | "gap";

/** A layer of the image, as an error or a report names it. */
export interface LayerRef {
  /** Position from the bottom, from 0. */
  readonly index: number;
  /** Digest of the stored layer; the diffID where the layout has no other. */
  readonly digest: string;
  readonly diffId?: string;
  /** The instruction that made it, from the image's history: masked and safe to show. */
  readonly createdBy?: string;
}

/**
 * A known secret in a place where it must not be. Plain data, safe to print: it holds no value and
 * no byte around it. Its texts are masked, free of control characters (an instruction may have several
 * lines), and cut in the middle beyond 4,096 characters.
 */
export interface Finding {
  readonly secret: string;
  readonly encoding: Encoding;
  /** Further encodings of the same secret in the same place. */
  readonly also?: readonly Encoding[];
  readonly where: Where;
  readonly part?: Part;
  /** Missing for what belongs to no layer: config, env, labels, history entries without a layer. */
  readonly layer?: LayerRef;
  /**
   * Absolute path inside the layer; else the name of the variable, label, field or blob. Behind a
   * `!` it is inside of a file: `/app/lib.jar!/config.yml`, `/log.gz!` for what a compressed file
   * holds, `/a.tgz!/b` for a file of a compressed tar.
   */
  readonly path: string;
  /** A later layer deletes or replaces the file: containers don't see it, the image has it. */
  readonly deleted?: true;
  /** Bytes from the beginning of the file, the member's headers, or the text. */
  readonly offset: number;
  /** Occurrences of this secret in this place. */
  readonly count: number;
}

/** One layer that was read. */
export interface LayerReport extends LayerRef {
  /** Such as `linux/arm64`; only in images for several platforms. */
  readonly platform?: string;
  /** Not searched now: an earlier search for the same secrets found nothing in it. */
  readonly cached?: true;
  /** Bytes searched, after decompression. */
  readonly bytes: number;
  /** Members of the layer: files, directories, links. */
  readonly files: number;
  readonly findings: number;
  /** What was unpacked in it. */
  readonly members: MemberCounts;
}

/** Members of a layer, or of all: files inside of archives and compressed files. */
export interface MemberCounts {
  /** Those that were searched. */
  readonly count: number;
  /** Bytes that they came to, unpacked. */
  readonly bytes: number;
  /** Those that were not searched, or not to their end. */
  readonly unseen: number;
}

/** A file inside of a layer that was searched as it is, but not unpacked, or not to its end. */
export interface UnseenMember {
  /** As in a finding. */
  readonly path: string;
  readonly layer?: LayerRef;
  readonly reason: string;
}

/** A secret whose absence can't be shown. */
export interface Unproved {
  /** Its name; `prod/*` for those of an environment that were not opened, `*` where there are none. */
  readonly secret: string;
  readonly reason: UnprovedReason;
}

/**
 * What the value is (`needles/provability.ts`), or why there is none: `not-opened` is one that the
 * caller knows of and has not, `none` that no secret was given, so that "nothing found" says nothing.
 */
export type UnprovedReason = Exclude<Provable, "provable"> | "not-opened" | "none";

/** A part of the image that should have been read and was not: the report is not complete. */
export interface Unseen {
  /** Digest or name of the part. */
  readonly what: string;
  readonly reason: string;
}

/**
 * A way to the bytes of an engine's image: BuildKit's content store, a push to ourselves, the folders
 * of overlay2, or `docker save`.
 */
export type RouteName = "content" | "push" | "folders" | "save";

/** The way that was gone, and why those before it were not. */
export interface RouteReport {
  readonly name: RouteName;
  readonly skipped: readonly { readonly name: RouteName; readonly reason: string }[];
}

/** What was searched, what was found, and what can't be said. Plain data; safe to print. */
export interface VerifyReport {
  /** The image as it was asked for; masked, as paths are. */
  readonly image: string;
  /** Digests of the image configs that were read: they bind the report to these images. */
  readonly configs: readonly string[];
  readonly layers: readonly LayerReport[];
  /** Bytes searched in all parts, after decompression. */
  readonly bytes: number;
  /** Members of all layers. */
  readonly files: number;
  /** What was unpacked, in all layers. */
  readonly members: MemberCounts;
  readonly secrets: number;
  readonly needles: number;
  readonly findings: readonly Finding[];
  /** Places beyond the cap of 100 for each secret in each part, 1,000 in all build records: counted, not listed. */
  readonly omitted: number;
  readonly unproved: readonly Unproved[];
  /** Not empty: the report proves nothing. */
  readonly unseen: readonly Unseen[];
  /** The first 20 of each layer; `members.unseen` counts them all. */
  readonly unseenMembers: readonly UnseenMember[];
  /** Platforms that an index names and this engine or archive does not hold. */
  readonly absent: readonly string[];
  /** What this search does not cover, in words. */
  readonly limits: readonly string[];
  /** What of an image this source has, where it has not all: it may be clean, the image not. */
  readonly partial?: string;
  /** Only for an image of an engine. */
  readonly route?: RouteReport;
}

/** The one word for a report. A leak counts most, then what was not read. */
export type Verdict = "leak" | "incomplete" | "unproved" | "clean";

/** Says what a report comes to. */
export function verdictOf(report: VerifyReport): Verdict {
  if (report.findings.length > 0) return "leak";
  if (report.unseen.length > 0) return "incomplete";
  const isProved = report.unproved.length === 0 && report.members.unseen === 0;
  return isProved ? "clean" : "unproved";
}

/** What an exact search of bytes can't find; part of every report. */
export const LIMITS: readonly string[] = [
  "compressed parts inside of documents, pictures and databases are searched as they are",
  "disguises that docs/verify.md does not list, and two different ones at once, are not searched",
  "encrypted, hashed, split or changed values can't be found",
];
