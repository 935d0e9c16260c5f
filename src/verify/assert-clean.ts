import { DockerError, LeakFoundError, PolicyError } from "../errors.ts";
import { visibleLine } from "../mask/visible.ts";
import { verdictOf } from "./model.ts";
import type { Unseen, VerifyReport } from "./model.ts";
import { counted, memberPlace, mendOf, placeOf, REASONS } from "./report/words.ts";
import { SILENT_HINT } from "./routes/silence.ts";

/** Names of secrets that an error lists; the report has all. */
const NAMES_SHOWN = 5;

/**
 * Turns a report that is not clean into the error that stops a build or a pipeline. An image that was
 * not read completely fails always; secrets that can't be proved, and files inside of layers that
 * were not unpacked, fail with `strict`.
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

function leak({ image, findings, unseen }: VerifyReport): LeakFoundError {
  const [first] = findings;
  if (first === undefined) throw new RangeError("a report without findings");
  const secrets = [...new Set(findings.map(({ secret }) => secret))];
  const others = secrets.length > 1 ? ` and ${secrets.length - 1} more` : "";
  const places = findings.length > 1 ? `${findings.length} places, first ` : "";
  const rest = unseen.length > 0 ? "; the image could not be read completely" : "";
  return new LeakFoundError(
    "LEAK_FOUND",
    `${visibleLine(image)} holds ${first.secret}${others}: ${places}${placeOf(first)}${rest}`,
    { hint: `change ${listed(secrets)} at its issuer, then ${mendOf(first)}` },
  );
}

function incomplete({ image, unseen }: VerifyReport): DockerError {
  const [first] = unseen;
  const more = unseen.length > 1 ? ` (and ${unseen.length - 1} more)` : "";
  return new DockerError(
    "IMAGE_UNREADABLE",
    `${visibleLine(image)} is not proved: ${describeUnseen(first)}${more}`,
    { hint: hintOf(first) },
  );
}

/** Reasons with a way out of their own, by how they begin. */
const WAYS_OUT: readonly (readonly [reason: string, hint: string])[] = [
  ["no image for ", "leave out --platform, or name one that the report lists as not asked for"],
  ["the engine has sent nothing ", SILENT_HINT],
  ["no image manifest", "give what docker save, docker export, buildx or skopeo wrote, whole"],
];

function hintOf(unseen: Unseen | undefined): string {
  const own = WAYS_OUT.find(([reason]) => unseen?.reason.startsWith(reason) === true);
  return own?.[1] ?? "save or build the image again; a damaged archive proves nothing";
}

function describeUnseen(unseen: Unseen | undefined): string {
  return unseen === undefined ? "not read" : `${unseen.what}: ${unseen.reason}`;
}

function unproved(report: VerifyReport): PolicyError {
  const { image, unproved: secrets, members } = report;
  const names = secrets.map(({ secret, reason }) => `${secret} (${REASONS[reason]})`);
  const parts = names.length === 0 ? [] : [listed(names)];
  if (members.unseen > 0) parts.push(unpackedText(report));
  return new PolicyError(
    "UNPROVED",
    `${visibleLine(image)}: can't be proved: ${parts.join("; ")}`,
    {
      hint: `${wayToProof(report)}, or leave out --strict`,
    },
  );
}

/** By what is first in the message. */
function wayToProof({ unproved: [first] }: VerifyReport): string {
  switch (first?.reason) {
    case undefined:
      return "look into these files yourself, keep them out of the image";
    case "none":
      return "see that this is the right manifest, seal a secret";
    case "not-opened":
      return "give its key, name environments with --env";
    case "too-short":
    case "common":
      return "use longer values for secrets, make settings plain values";
  }
}

function unpackedText({ members, unseenMembers: [first] }: VerifyReport): string {
  const named = first === undefined ? "" : `, first ${memberPlace(first)}: ${first.reason}`;
  return `${counted(members.unseen, "file")} not unpacked${named}`;
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  const shown = names.slice(0, NAMES_SHOWN).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
