/** What is said about plaintext that is about to travel: the refusal, and the warning. Pure. */
import { type ManifestIssue, type Place, PolicyError } from "../errors.ts";
import type { PlaintextFinding, PlaintextPlace } from "./guard.ts";

/** Places that one message names; the error holds them all. */
const MAX_NAMED = 20;

/** Refused: secrets would have travelled in plain. */
export class PlaintextError extends PolicyError {
  /** Every place, in the order of {@link findPlaintext}. */
  readonly findings: readonly PlaintextFinding[];

  /** @param isCut - there may be more: looking for all took too long */
  constructor(findings: readonly [PlaintextFinding, ...PlaintextFinding[]], isCut = false) {
    const [first] = findings;
    super("POLICY", messageOf(findings, isCut), { place: first.place, hint: hintOf(first) });
    this.findings = findings;
  }

  /** The same, one problem for each place. */
  get issues(): readonly ManifestIssue[] {
    return this.findings.map((finding) => ({
      code: this.code,
      message: `${finding.what} would travel in plain${flagOf(finding)}`,
      place: finding.place,
      hint: hintOf(finding),
    }));
  }
}

/**
 * Refuses a build that would send plaintext. What is only suspicious does not count, see
 * {@link plaintextWarnings}.
 *
 * @throws {@link PlaintextError} POLICY with every place
 */
export function refusePlaintext(findings: readonly PlaintextFinding[], isCut = false): void {
  const [first, ...rest] = findings.filter(({ certain }) => certain);
  if (first !== undefined) throw new PlaintextError([first, ...rest], isCut);
}

/**
 * Warnings: of what is suspicious always, of what is certain when plaintext was allowed.
 *
 * @returns one line each, without a line end
 */
export function plaintextWarnings(
  findings: readonly PlaintextFinding[],
  o: { readonly allowed: boolean },
): string[] {
  return findings
    .filter(({ certain }) => o.allowed || !certain)
    .map((finding) => {
      const { what, certain } = finding;
      const verb = certain ? "TRAVELS IN PLAIN and stays with the engine" : "is not ignored";
      return `${what} ${verb}: ${placeText(finding)} (${hintOf(finding, "")})`;
    });
}

function messageOf(findings: readonly PlaintextFinding[], isCut: boolean): string {
  const named = findings.slice(0, MAX_NAMED).map((found) => `${found.what} in ${placeText(found)}`);
  const more = findings.length - named.length;
  const rest = more === 0 ? "" : `, and ${more} more`;
  const cut = isCut ? "; not every file was looked at" : "";
  return `the build would send secrets in plain: ${named.join(", ")}${rest}${cut}`;
}

function placeText({ where, place }: PlaintextFinding): string {
  if (where === "file-name") return "the name of a file in the context";
  if (where === "tar") return "the tar on stdin";
  return positionOf(place);
}

function positionOf({ file, line, key }: Place): string {
  if (file === undefined) return key ?? "";
  return line === undefined ? file : `${file}:${line}`;
}

/** The place of an issue shows files only. */
function flagOf({ place }: PlaintextFinding): string {
  return place.key === undefined ? "" : ` in ${place.key}`;
}

const OVERRIDE = ", or pass --allow-plaintext if the engine may keep it";

function hintOf(finding: PlaintextFinding, override = OVERRIDE): string {
  return HINTS[finding.where](finding) + override;
}

const HINTS: Readonly<Record<PlaintextPlace, (finding: PlaintextFinding) => string>> = {
  "build-arg": mount,
  dockerfile: mount,
  label: () => "leave it out: everybody who has the image can read its labels",
  annotation: () => "leave it out: everybody who has the image can read its annotations",
  "build-context": fetchElsewhere,
  context: fetchElsewhere,
  file: ({ place, ignore }) =>
    `add ${ignore?.pattern ?? place.file ?? "it"} to ${ignore?.file ?? ".dockerignore"}`,
  "file-name": () => "rename the file, or add its folder to .dockerignore",
  tar: () => "leave the file out of the tar",
};

function fetchElsewhere(): string {
  return "fetch it here and name the folder: the engine keeps the URLs that it fetched";
}

/** What replaces a literal: the step asks for the secret itself. */
function mount({ secret }: PlaintextFinding): string {
  if (secret === null) return "take the key out, and make a new one: sealmount key new";
  return `put it in [build_secrets] and use RUN --mount=type=secret,id=${idOf(secret)} instead`;
}

/** A name from the manifest; anything else would have to be quoted in a Dockerfile. */
function idOf(secret: string): string {
  const name = secret.replace(/^build\//, "");
  return /^[\w.-]+$/.test(name) ? name : "ID";
}
