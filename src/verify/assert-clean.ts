import { DockerError, LeakFoundError, PolicyError } from "../errors.ts";
import { visible } from "../mask/visible.ts";
import { verdictOf } from "./model.ts";
import type { Finding, Unseen, VerifyReport } from "./model.ts";

/**
 * Turns a report that is not clean into the error that stops a build or a pipeline. What was not
 * read fails always; what can't be proved fails with `strict`.
 *
 * @throws {@link LeakFoundError} LEAK_FOUND
 * @throws {@link DockerError} IMAGE_UNREADABLE
 * @throws {@link PolicyError} UNPROVED, with `strict`
 */
export function assertClean(report: VerifyReport, o: { readonly strict?: boolean } = {}): void {
  switch (verdictOf(report)) {
    case "leak":
      throw leak(report);
    case "incomplete":
      throw incomplete(report);
    case "unproved":
      if (o.strict === true) throw unproved(report);
      return;
    case "clean":
  }
}

/** Where a finding is, in one phrase: `/app/.npmrc in layer 3 (sha256:…)`. */
export function placeOf({ where, part, path, layer, deleted }: Finding): string {
  const name = path === "" ? "bytes between files" : path;
  const inside = part === undefined || part === "content" ? name : `${PARTS[part]} ${name}`;
  const from = layer === undefined ? "" : ` in layer ${layer.index + 1} (${layer.digest})`;
  const gone = deleted === true ? ", deleted by a later layer" : "";
  if (where === "layer" || where === "files") return `${inside}${from}${gone}`;
  // an entry of the history names itself: history[3]
  return where === "history" ? `${name}${from}` : `${where} ${name}${from}`;
}

const PARTS = {
  content: "",
  name: "the name of",
  link: "the link target of",
  header: "the attributes of",
  gap: "the padding of",
} as const;

function leak({ image, findings, unseen }: VerifyReport): LeakFoundError {
  const [first] = findings;
  if (first === undefined) throw new RangeError("a report without findings");
  const secrets = [...new Set(findings.map(({ secret }) => secret))];
  const others = secrets.length > 1 ? ` and ${secrets.length - 1} more` : "";
  const places = findings.length > 1 ? `${findings.length} places, first ` : "";
  const rest = unseen.length > 0 ? "; the image could not be read completely" : "";
  return new LeakFoundError(
    "LEAK_FOUND",
    `${visible(image)} holds ${first.secret}${others}: ${places}${placeOf(first)}${rest}`,
    { hint: `change ${secrets.join(", ")} at its issuer, then ${mendOf(first)}` },
  );
}

/** What to do about a finding, without its image: a leaked value must be changed anyway. */
export function mendOf({ where }: Finding): string {
  return MENDS[where];
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

function incomplete({ image, unseen }: VerifyReport): DockerError {
  const [first] = unseen;
  const more = unseen.length > 1 ? ` (and ${unseen.length - 1} more)` : "";
  return new DockerError(
    "IMAGE_UNREADABLE",
    `${visible(image)} is not proved: ${describeUnseen(first)}${more}`,
    { hint: "save or build the image again; a damaged archive proves nothing" },
  );
}

function describeUnseen(unseen: Unseen | undefined): string {
  return unseen === undefined ? "not read" : `${unseen.what}: ${unseen.reason}`;
}

function unproved({ image, unproved: secrets, members }: VerifyReport): PolicyError {
  const names = secrets.map(({ secret, reason }) => `${secret} (${REASONS[reason]})`);
  if (members.unseen > 0) names.push(`${members.unseen} files that were not unpacked`);
  return new PolicyError("UNPROVED", `${visible(image)}: can't be proved: ${names.join(", ")}`, {
    hint: "use longer values for secrets, make settings plain values, or leave out --strict",
  });
}

/** Why a secret can't be proved, in words. */
export const REASONS = {
  "too-short": "too short: such bytes occur by accident",
  common: "a common word: it occurs in ordinary files",
} as const;
