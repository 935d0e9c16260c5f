import { visible } from "../mask/visible.ts";
import { mendOf, placeOf, REASONS } from "./assert-clean.ts";
import { verdictOf } from "./model.ts";
import type { Finding, LayerReport, Verdict, VerifyReport } from "./model.ts";

/** Longest instruction in a line of the report, in characters. */
const INSTRUCTION_WIDTH = 60;

/** What `--json` prints: the report and the word for it. Holds no value, by its types. */
export function reportJson(report: VerifyReport): VerifyReport & { readonly verdict: Verdict } {
  return { verdict: verdictOf(report), ...report };
}

/**
 * The report for a terminal: layer by layer, then the findings with how to mend each, then what
 * can't be said, then what was searched.
 *
 * @returns lines without their newline, without colours
 */
export function renderReport(report: VerifyReport): string[] {
  return [
    ...report.layers.map((layer) => layerLine(layer, stackOf(layer, report).length)),
    ...report.findings.flatMap(findingLines),
    ...omittedLines(report),
    ...report.unproved.map(({ secret, reason }) => `unproved: ${secret}: ${REASONS[reason]}`),
    ...report.unseen.map(({ what, reason }) => `not read: ${what}: ${reason}`),
    ...report.unseenMembers.map(({ path, reason }) => `not unpacked: ${path}: ${reason}`),
    ...report.absent.map((platform) => `not here: ${platform}`),
    summaryLine(report),
    ...report.limits.map((limit) => `  note: ${limit}`),
  ];
}

/** The layers of one image: a report may have several, one for each platform. */
function stackOf({ platform }: LayerReport, { layers }: VerifyReport): readonly LayerReport[] {
  return layers.filter((other) => other.platform === platform);
}

function layerLine(layer: LayerReport, layers: number): string {
  const number = `layer ${layer.index + 1}/${layers}`;
  const digest = layer.digest.slice(0, "sha256:".length + 12);
  const size = `${megabytes(layer.bytes)}, ${layer.files} files`;
  const verdict = layer.findings === 0 ? "nothing found" : `LEAK (${layer.findings})`;
  const parts = [number, digest, layer.platform, size, verdict, shortened(layer.createdBy ?? "")];
  return parts.filter((part) => part !== undefined && part !== "").join("  ");
}

function findingLines(finding: Finding): string[] {
  const encodings = [finding.encoding, ...(finding.also ?? [])].join(", ");
  const times = finding.count > 1 ? `, ${finding.count} times` : "";
  const madeBy = finding.layer?.createdBy;
  return [
    `leak: ${finding.secret} (${encodings}) in ${placeOf(finding)}, at byte ${finding.offset}${times}`,
    ...(madeBy === undefined ? [] : [`  made by: ${shortened(madeBy)}`]),
    `  mend: ${mendOf(finding)}`,
  ];
}

function omittedLines({ omitted }: VerifyReport): string[] {
  return omitted === 0 ? [] : [`leak: ${omitted} more occurrences in places not listed`];
}

function summaryLine(report: VerifyReport): string {
  const { image, layers, files, bytes, needles, secrets, unproved } = report;
  const searched = `${layers.length} layers, ${files} files, ${megabytes(bytes)}`;
  const proved = secrets - unproved.length;
  const forWhat = `${needles} forms of ${proved} ${proved === 1 ? "secret" : "secrets"}`;
  return `${visible(image)}: ${verdictText(report)}; searched ${searched} for ${forWhat}`;
}

function verdictText(report: VerifyReport): string {
  switch (verdictOf(report)) {
    case "leak":
      return `LEAK, ${report.findings.length} ${report.findings.length === 1 ? "place" : "places"}`;
    case "incomplete":
      return "NOT PROVED, parts could not be read";
    case "unproved":
      return unprovedText(report);
    case "clean":
      return report.partial === undefined ? "clean" : `clean in ${report.partial}, no more`;
  }
}

function unprovedText({ unproved, members }: VerifyReport): string {
  const parts = [];
  if (unproved.length > 0) parts.push(`${unproved.length} that can't be proved`);
  if (members.unseen > 0) parts.push(`${members.unseen} files that were not unpacked`);
  return `clean of all but ${parts.join(" and ")}`;
}

function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function shortened(instruction: string): string {
  const line = instruction.replaceAll(/\s+/gu, " ").trim();
  return line.length <= INSTRUCTION_WIDTH ? line : `${line.slice(0, INSTRUCTION_WIDTH - 1)}…`;
}
