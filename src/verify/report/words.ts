import type {
  Finding,
  LayerRef,
  LayerReport,
  UnprovedReason,
  UnseenMember,
  VerifyReport,
} from "../model.ts";

/** Words that all forms of a report share. Pure. */

/** Longest instruction in a line, in characters. */
const INSTRUCTION_WIDTH = 60;

/** As docker shows a digest where it has little room. */
const SHORT_DIGEST = "sha256:".length + 12;

const PARTS = {
  content: "",
  name: "the name of",
  link: "the link target of",
  header: "the attributes of",
  gap: "the padding of",
} as const;

/** Why a secret can't be proved, in words. */
export const REASONS = {
  "too-short": "too short: such bytes occur by accident",
  common: "a common word or pattern: it occurs in ordinary files",
  "not-opened": "not looked for: its key is not here",
  none: "there was no secret to look for",
} as const satisfies Readonly<Record<UnprovedReason, string>>;

/**
 * Where a finding is, in one phrase: `/app/.npmrc in layer 3 (sha256:…), deleted by a later layer`.
 *
 * @param o.short - of the digest, its beginning
 */
export function placeOf(finding: Finding, o: { readonly short?: boolean } = {}): string {
  const { where, layer, deleted } = finding;
  const from = layer === undefined ? "" : ` in ${layerOf(layer, o)}`;
  const gone = deleted === true ? ", deleted by a later layer" : "";
  // an entry of the history names itself: history[3]
  const isNamed = where === "layer" || where === "files" || where === "history";
  return `${isNamed ? "" : `${where} `}${nameOf(finding)}${from}${gone}`;
}

/** What holds the value, without its layer: a file, or its name, or its attributes; a variable. */
export function nameOf({ part, path }: Pick<Finding, "part" | "path">): string {
  const name = path === "" ? "bytes between files" : path;
  return part === undefined || part === "content" ? name : `${PARTS[part]} ${name}`;
}

/** `layer 3 (sha256:…)`. */
export function layerOf(
  { index, digest }: Pick<LayerRef, "index" | "digest">,
  o: { readonly short?: boolean } = {},
): string {
  return `layer ${index + 1} (${o.short === true ? shortDigest(digest) : digest})`;
}

/** Where a file is that was not unpacked. */
export function memberPlace({ path, layer }: UnseenMember): string {
  return layer === undefined ? path : `${path} in ${layerOf(layer, { short: true })}`;
}

/** `sha256:0123456789ab`. */
export function shortDigest(digest: string): string {
  return digest.slice(0, SHORT_DIGEST);
}

/** The forms of a value that were found in one place, the plainest first: `raw, base64`. */
export function encodingsOf({ encoding, also = [] }: Finding): string {
  return [encoding, ...also].join(", ");
}

/** What to do about a finding, without its image: a leaked value must be changed anyway. */
export function mendOf({ where }: Pick<Finding, "where">): string {
  return MENDS[where];
}

/** What to do about the value itself; no change to the image takes back what others may have. */
export function rotationOf(secret: string): string {
  return `change ${secret} at its issuer and seal the new value: sealmount set`;
}

const SETTING =
  "take it out of ENV, LABEL or CMD and give it when the container starts: sealmount run";
const ARGUMENT = "give the build no such value as argument, annotation or tag";

const MENDS: Readonly<Record<Finding["where"], string>> = {
  layer:
    "mount the secret with RUN --mount=type=secret,id=… and write it to no file: deleting it in a later layer does not help",
  files:
    "write it to no file: RUN --mount=type=secret,id=… in a build, sealmount run --file for a container",
  env: SETTING,
  label: SETTING,
  config: SETTING,
  history: "use RUN --mount=type=secret,id=… in place of ARG or a value in the Dockerfile",
  container: "give the container this value by sealmount run --env-hidden, or as a file",
  "build-record":
    "remove the record with: docker buildx history rm; and use RUN --mount=type=secret,id=…",
  manifest: ARGUMENT,
  attestation: ARGUMENT,
  other: ARGUMENT,
};

/** `layer 2/5`, of its own platform's: a report may have the layers of several. */
export function layerNumber({ index, platform }: LayerReport, { layers }: VerifyReport): string {
  const own = layers.filter((other) => other.platform === platform);
  return `layer ${index + 1}/${own.length}`;
}

/** `1 file`, `2 files`. */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** `4.2 MB`, in powers of 1000 as docker does. */
export function sizeText(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e5) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** An instruction in one line that fits beside other things. */
export function shortened(instruction: string): string {
  const line = instruction.replaceAll(/\s+/gu, " ").trim();
  return line.length <= INSTRUCTION_WIDTH ? line : `${line.slice(0, INSTRUCTION_WIDTH - 1)}…`;
}
