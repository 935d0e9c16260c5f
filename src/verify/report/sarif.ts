import { createHash } from "node:crypto";
import { verdictOf } from "../model.ts";
import type { Finding, VerifyReport, Where } from "../model.ts";
import {
  encodingsOf,
  layerOf,
  memberPlace,
  mendOf,
  nameOf,
  placeOf,
  REASONS,
  rotationOf,
} from "./words.ts";

/** A SARIF 2.1.0 log, as far as it is used here. */
export interface SarifLog {
  readonly $schema: string;
  readonly version: "2.1.0";
  readonly runs: readonly SarifRun[];
}

interface SarifRun {
  readonly tool: { readonly driver: SarifDriver };
  readonly automationDetails: { readonly id: string };
  readonly originalUriBaseIds: Readonly<Record<string, { readonly description: SarifText }>>;
  readonly invocations: readonly SarifInvocation[];
  readonly results: readonly SarifResult[];
  readonly properties: Readonly<Record<string, unknown>>;
}

interface SarifDriver {
  readonly name: string;
  readonly version?: string;
  readonly rules: readonly SarifRule[];
  readonly notifications: readonly Pick<SarifRule, "id" | "shortDescription">[];
}

interface SarifRule {
  readonly id: string;
  readonly name: string;
  readonly shortDescription: SarifText;
  readonly help: SarifText;
  readonly defaultConfiguration: { readonly level: "error" };
  readonly properties: Readonly<Record<string, unknown>>;
}

interface SarifInvocation {
  readonly executionSuccessful: boolean;
  readonly toolExecutionNotifications: readonly SarifNotification[];
}

interface SarifNotification {
  readonly descriptor: { readonly id: string };
  readonly level: "error" | "warning";
  readonly message: SarifText;
}

interface SarifResult {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: "error";
  readonly message: SarifText;
  readonly locations: readonly SarifLocation[];
  readonly partialFingerprints: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, unknown>>;
}

interface SarifLocation {
  readonly physicalLocation: {
    readonly artifactLocation: { readonly uri: string; readonly uriBaseId: string };
    readonly region: { readonly startLine: number };
  };
  readonly logicalLocations: readonly {
    readonly name: string;
    readonly fullyQualifiedName: string;
    readonly kind: string;
  }[];
}

interface SarifText {
  readonly text: string;
}

/** What a log may say beside the report. */
export interface SarifOptions {
  /** Of sealmount. */
  readonly version?: string | undefined;
}

const SCHEMA =
  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** What paths are below: the root of the image's file system, and its documents. */
const FILES = "IMAGE";
const DOCUMENTS = "IMAGE_DOCUMENTS";

const PLACES: Readonly<Record<Where, string>> = {
  layer: "a layer of the image",
  files: "the files of the image or container",
  config: "the config of the image",
  history: "the history of the image",
  label: "a label of the image",
  env: "a variable of the image",
  container: "a setting of the container",
  manifest: "an annotation or tag of the image",
  attestation: "an attestation of the image",
  "build-record": "what the engine keeps of its builds",
  other: "a part of the archive that belongs to no image",
};

/** GitHub takes no more of a run, and none of a run with more than 25,000. */
const MOST_RESULTS = 5000;

const NOTIFICATIONS = {
  unlisted: "places of secrets that are not in this list",
  unseen: "a part of the image was not read: the report is not complete",
  unproved: "a secret that can't be proved absent",
  "unseen-member": "a file inside of a layer was not unpacked",
} as const;

/**
 * The report as SARIF: a rule for each kind of place, a result for each finding. What can't be proved
 * or was not read is a notification of the run, as it is nothing that was found. Of more than 5,000
 * findings, the first ones of each secret.
 *
 * @see OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0
 */
export function reportSarif(report: VerifyReport, { version }: SarifOptions = {}): SarifLog {
  const { findings: all, ...searched } = report;
  const findings = firstOf(all);
  const rules = [...new Set(findings.map(({ where }) => where))];
  const prints = new Fingerprints();
  const run: SarifRun = {
    tool: {
      driver: {
        name: "sealmount",
        ...(version === undefined ? {} : { version }),
        rules: rules.map(ruleFor),
        notifications: Object.entries(NOTIFICATIONS).map(([id, text]) => ({
          id,
          shortDescription: { text },
        })),
      },
    },
    // code scanning keeps one set of results for each category: what stands before the last slash
    automationDetails: { id: `sealmount/verify/${encoded(report.image)}/` },
    originalUriBaseIds: {
      [FILES]: { description: { text: "the root of the image's file system" } },
      [DOCUMENTS]: { description: { text: "config, history, manifests and attestations" } },
    },
    invocations: [invocationOf(report, all.length - findings.length)],
    results: findings.map((finding) => resultOf(finding, rules.indexOf(finding.where), prints)),
    properties: { verdict: verdictOf(report), ...searched },
  };
  return { $schema: SCHEMA, version: "2.1.0", runs: [run] };
}

/** The second place of no secret pushes out the first one of another. */
function firstOf(findings: readonly Finding[]): readonly Finding[] {
  if (findings.length <= MOST_RESULTS) return findings;
  const seen = new Map<string, number>();
  const ranked = findings.map((finding) => {
    const rank = seen.get(finding.secret) ?? 0;
    seen.set(finding.secret, rank + 1);
    return { finding, rank };
  });
  const sorted = ranked.toSorted((a, b) => a.rank - b.rank);
  return sorted.slice(0, MOST_RESULTS).map(({ finding }) => finding);
}

function ruleFor(where: Where): SarifRule {
  return {
    id: ruleId(where),
    name: `SecretIn${where.replaceAll(/(?:^|-)[a-z]/gu, (start) => start.slice(-1).toUpperCase())}`,
    shortDescription: { text: `a known secret is in ${PLACES[where]}` },
    help: { text: `change the secret at its issuer, then: ${mendOf({ where })}` },
    defaultConfiguration: { level: "error" },
    // GitHub ranks alerts by it, from 0 to 10: above 9 is critical
    properties: { tags: ["security", "secret"], "security-severity": "9.5" },
  };
}

function ruleId(where: Where): string {
  return `secret-in-${where}`;
}

function resultOf(finding: Finding, ruleIndex: number, prints: Fingerprints): SarifResult {
  const { secret, encoding, also = [], where, part, layer, path, offset, count } = finding;
  const place = placeOf(finding, { short: true });
  return {
    ruleId: ruleId(where),
    ruleIndex,
    level: "error",
    message: {
      text: `${secret} (${encodingsOf(finding)}) is in ${place}. ${sentence(rotationOf(secret))} ${sentence(mendOf(finding))}`,
    },
    locations: [locationOf(finding)],
    partialFingerprints: prints.of(finding),
    properties: {
      secret,
      encodings: [encoding, ...also],
      path,
      offset,
      count,
      ...(part === undefined ? {} : { part }),
      ...(layer === undefined ? {} : { layer }),
      isDeleted: finding.deleted === true,
    },
  };
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

function locationOf(finding: Finding): SarifLocation {
  const { where, layer, path } = finding;
  const isFile = where === "layer" || where === "files";
  const place = layer === undefined ? where : layerOf(layer, { short: true });
  return {
    physicalLocation: {
      artifactLocation: isFile
        ? { uri: uriOf(path), uriBaseId: FILES }
        : { uri: uriOf(`${where}/${path}`), uriBaseId: DOCUMENTS },
      // layers have no lines, but code scanning shows nothing without one; the offset is a property
      region: { startLine: 1 },
    },
    logicalLocations: [
      {
        name: nameOf(finding),
        fullyQualifiedName: `${place}: ${nameOf(finding)}`,
        kind: isFile ? "resource" : "property",
      },
    ],
  };
}

/** A path as a relative reference that leads nowhere else; `.` for bytes that belong to no file. */
function uriOf(path: string): string {
  const segments = path.split("/").filter((segment) => !/^\.{0,2}$/u.test(segment));
  return segments.length === 0 ? "." : segments.map(encoded).join("/");
}

/** A lone surrogate has no percent form. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/**
 * What tells a finding again in the next run, also when the image was built anew: secret and place by
 * their names. No digest, no offset, and nothing of the value, so it can't be guessed at by them.
 */
class Fingerprints {
  readonly #seen = new Map<string, number>();

  of({ secret, where, part, path }: Finding): Readonly<Record<string, string>> {
    const words = JSON.stringify([secret, where, part ?? null, path]);
    const hash = createHash("sha256").update(words).digest("hex").slice(0, 32);
    const ordinal = (this.#seen.get(hash) ?? 0) + 1;
    this.#seen.set(hash, ordinal);
    const print = `${hash}:${ordinal}`;
    // code scanning knows the first name alone
    return { primaryLocationLineHash: print, "secretAndPlace/v1": print };
  }
}

/** @param unlisted - findings that are no result */
function invocationOf(report: VerifyReport, unlisted: number): SarifInvocation {
  const { unseen, unproved, unseenMembers, members, omitted } = report;
  const left = members.unseen - unseenMembers.length;
  return {
    executionSuccessful: unseen.length === 0,
    toolExecutionNotifications: [
      ...(unlisted > 0 ? [note("unlisted", `${unlisted} more places: --json lists them`)] : []),
      ...(omitted > 0
        ? [note("unlisted", `${omitted} more occurrences in places not listed`)]
        : []),
      ...unseen.map(({ what, reason }) => note("unseen", `${what}: ${reason}`)),
      ...unproved.map(({ secret, reason }) => note("unproved", `${secret}: ${REASONS[reason]}`)),
      ...unseenMembers.map((member) =>
        note("unseen-member", `${memberPlace(member)}: ${member.reason}`),
      ),
      ...(left > 0 ? [note("unseen-member", `${left} more files`)] : []),
    ],
  };
}

function note(id: keyof typeof NOTIFICATIONS, text: string): SarifNotification {
  const level = id === "unseen" ? "error" : "warning";
  return { descriptor: { id }, level, message: { text } };
}
