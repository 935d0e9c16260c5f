import { visibleLine } from "../mask/visible.ts";
import { verdictOf } from "./model.ts";
import type { Finding, LayerReport, RouteReport, Verdict, VerifyReport } from "./model.ts";
import {
  counted,
  encodingsOf,
  layerNumber,
  memberPlace,
  mendOf,
  placeOf,
  REASONS,
  rotationOf,
  shortDigest,
  shortened,
  sizeText,
} from "./report/words.ts";

/** Places of one secret, and files that were not unpacked, that are listed; `--json` has all. */
const PLACES_SHOWN = 20;
const MEMBERS_SHOWN = 10;

/** How to write a report for people. */
export interface TextOptions {
  /** SGR colours around the words that count. */
  readonly color?: boolean | undefined;
}

/** What `--json` prints: the report and the word for it. Holds no value, by its types. */
export function reportJson(report: VerifyReport): VerifyReport & { readonly verdict: Verdict } {
  return { verdict: verdictOf(report), ...report };
}

/**
 * The report for a terminal: layer by layer, then the secrets that were found with their places and
 * how to mend them, then what can't be said, then what was searched.
 *
 * @returns lines without their newline
 */
export function renderReport(report: VerifyReport, { color = false }: TextOptions = {}): string[] {
  const paint: Paint = color
    ? (code, text) => `\u001b[${code}m${text}\u001b[0m`
    : (_, text) => text;
  return [
    ...report.layers.map((layer) => layerLine(layer, report, paint)),
    ...secretsOf(report).flatMap((findings) => secretLines(findings, paint)),
    ...omittedLines(report, paint),
    ...doubtLines(report, paint),
    summaryOf(report, paint),
    ...basisLines(report),
  ];
}

/** The last word in one line: the image, the verdict, what was searched. */
export function summaryOf(report: VerifyReport, paint: Paint = (_, text) => text): string {
  const { image, layers, files, bytes, members, needles, secrets, unproved } = report;
  const cached = layers.filter((layer) => layer.cached === true).length;
  const vouched = cached === 0 ? "" : ` (${cached} by an earlier verdict)`;
  const parts = [
    // merged files have none
    ...(layers.length === 0 ? [] : [counted(layers.length, "layer") + vouched]),
    counted(files, "file"),
    sizeText(bytes),
    ...(members.count === 0
      ? []
      : [`${counted(members.count, "member")} unpacked to ${sizeText(members.bytes)}`]),
  ];
  const weak = unproved.filter(
    ({ reason }) => reason === "too-short" || reason === "common",
  ).length;
  const forWhat = `${counted(needles, "form")} of ${counted(secrets - weak, "secret")}`;
  const verdict = paint(COLORS[verdictOf(report)], verdictText(report));
  return `${visibleLine(image)}: ${verdict}; searched ${parts.join(", ")} for ${forWhat}`;
}

type Paint = (code: string, text: string) => string;

const RED = "1;31";
const YELLOW = "33";
const GREEN = "32";

const COLORS: Readonly<Record<Verdict, string>> = {
  leak: RED,
  incomplete: RED,
  unproved: YELLOW,
  clean: GREEN,
};

function layerLine(layer: LayerReport, report: VerifyReport, paint: Paint): string {
  const { platform = "", bytes, files, members, findings, cached, createdBy = "" } = layer;
  const unpacked = members.count === 0 ? "" : `, ${members.count} unpacked`;
  const found = findings === 0 ? "nothing found" : paint(RED, `LEAK (${findings})`);
  const parts = [
    layerNumber(layer, report),
    shortDigest(layer.digest),
    platform,
    `${sizeText(bytes)}, ${counted(files, "file")}${unpacked}`,
    cached === true ? `${found} before` : found,
    shortened(createdBy),
  ];
  return parts.filter((part) => part !== "").join("  ");
}

/** The findings of each secret, in the order in which they were found. */
function secretsOf({ findings }: VerifyReport): (readonly [Finding, ...Finding[]])[] {
  const groups = new Map<string, [Finding, ...Finding[]]>();
  for (const finding of findings) {
    const group = groups.get(finding.secret);
    if (group === undefined) groups.set(finding.secret, [finding]);
    else group.push(finding);
  }
  return [...groups.values()];
}

function secretLines(findings: readonly [Finding, ...Finding[]], paint: Paint): string[] {
  const [{ secret }] = findings;
  const more = findings.length - PLACES_SHOWN;
  const mends = [rotationOf(secret), ...new Set(findings.map(mendOf))];
  return [
    `${paint(RED, "leak:")} ${secret} in ${counted(findings.length, "place")}`,
    ...findings.slice(0, PLACES_SHOWN).flatMap(findingLines),
    ...(more > 0 ? [`  and ${more} more: --json lists them`] : []),
    ...mends.map((mend) => `  mend: ${mend}`),
  ];
}

function findingLines(finding: Finding): string[] {
  const times = finding.count > 1 ? `, ${finding.count} times` : "";
  const madeBy = finding.layer?.createdBy;
  const place = placeOf(finding, { short: true });
  return [
    `  ${place}: ${encodingsOf(finding)} at byte ${finding.offset}${times}`,
    ...(madeBy === undefined ? [] : [`    made by: ${shortened(madeBy)}`]),
  ];
}

function omittedLines({ omitted }: VerifyReport, paint: Paint): string[] {
  if (omitted === 0) return [];
  return [`${paint(RED, "leak:")} ${omitted} more occurrences in places not listed`];
}

/** What the report can't say. */
function doubtLines(report: VerifyReport, paint: Paint): string[] {
  const { unproved, unseen, unseenMembers, members, absent } = report;
  const shown = unseenMembers.slice(0, MEMBERS_SHOWN);
  const more = members.unseen - shown.length;
  const line = (word: string, text: string): string => `${paint(YELLOW, `${word}:`)} ${text}`;
  return [
    ...unproved.map(({ secret, reason }) => line("unproved", `${secret}: ${REASONS[reason]}`)),
    ...unseen.map(({ what, reason }) => line("not read", `${what}: ${reason}`)),
    ...shown.map((one) => line("not unpacked", `${memberPlace(one)}: ${one.reason}`)),
    ...(more > 0 ? [line("not unpacked", `${more} more`)] : []),
    ...absent.map((platform) => line("not here", platform)),
  ];
}

/** What binds the report to an image, and what it does not cover. */
function basisLines({ configs, route, limits }: VerifyReport): string[] {
  return [
    ...configs.map((digest) => `  config: ${digest}`),
    ...(route === undefined ? [] : [`  read by: ${routeText(route)}`]),
    ...limits.map((limit) => `  note: ${limit}`),
  ];
}

function routeText({ name, skipped }: RouteReport): string {
  const reasons = skipped.map((other) => `${other.name}: ${other.reason}`);
  return reasons.length === 0 ? name : `${name} (${reasons.join("; ")})`;
}

function verdictText(report: VerifyReport): string {
  switch (verdictOf(report)) {
    case "leak":
      return `LEAK, ${counted(report.findings.length, "place")}`;
    case "incomplete":
      return "NOT PROVED, parts could not be read";
    case "unproved":
      return isOnNothing(report)
        ? "NOT PROVED, there was no secret to look for"
        : `clean of all but ${doubtsOf(report)}`;
    case "clean":
      return report.partial === undefined ? "clean" : `clean in ${report.partial}, no more`;
  }
}

function isOnNothing({ unproved }: VerifyReport): boolean {
  return unproved.some(({ reason }) => reason === "none");
}

function doubtsOf({ unproved, members }: VerifyReport): string {
  const parts = [];
  if (unproved.length > 0) parts.push(`${unproved.length} that can't be proved`);
  if (members.unseen > 0) parts.push(`${counted(members.unseen, "file")} not unpacked`);
  return parts.join(" and ");
}
