import { verdictOf } from "../model.ts";
import type { Finding, LayerReport, VerifyReport } from "../model.ts";
import {
  encodingsOf,
  layerNumber,
  memberPlace,
  mendOf,
  nameOf,
  placeOf,
  REASONS,
  rotationOf,
  shortDigest,
} from "./words.ts";

/** How to write a JUnit file. */
export interface JunitOptions {
  /** What can't be proved is a failure too, as it is for `assertClean`. */
  readonly strict?: boolean | undefined;
}

/** One `<testcase>`, and what became of it. */
interface Case {
  readonly name: string;
  /** Missing: it passed. */
  readonly outcome?: "failure" | "error" | "skipped";
  readonly message?: string;
  /** Lines of the body. */
  readonly details?: readonly string[];
}

interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
}

/**
 * The report as JUnit XML, as CI servers draw it: a suite for each layer, one for each other kind of
 * place, and one for what was searched. A finding is a failure, a part that was not read an error,
 * what can't be proved skipped.
 *
 * @see the format has no standard; this keeps to what Jenkins, GitLab and GitHub's actions read
 */
export function reportJunit(report: VerifyReport, o: JunitOptions = {}): string {
  const suites = [
    ...report.layers.map((layer) => layerSuite(layer, report)),
    ...otherSuites(report),
    proofSuite(report, o),
  ];
  const counts = countsOf(suites.flatMap(({ cases }) => cases));
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escaped(`sealmount verify ${report.image}`)}" ${counts}>`,
    ...suites.flatMap(suiteLines),
    "</testsuites>",
  ];
  return `${lines.join("\n")}\n`;
}

function layerSuite(layer: LayerReport, report: VerifyReport): Suite {
  const platform = layer.platform === undefined ? "" : ` ${layer.platform}`;
  const name = `${layerNumber(layer, report)} ${shortDigest(layer.digest)}${platform}`;
  // a layer that several platforms share leaks in each of them
  const found = report.findings.filter(
    ({ where, layer: at }) =>
      where === "layer" && at?.digest === layer.digest && at.index === layer.index,
  );
  return { name, cases: found.length === 0 ? [passed] : found.map(findingCase) };
}

const passed: Case = { name: "holds no known secret" };

/** Findings beside the layers: `env`, `label`, `history`, … */
function otherSuites({ findings }: VerifyReport): Suite[] {
  const suites = new Map<string, Case[]>();
  for (const finding of findings) {
    if (finding.where === "layer") continue;
    const cases = suites.get(finding.where) ?? [];
    cases.push(findingCase(finding));
    suites.set(finding.where, cases);
  }
  return [...suites].map(([name, cases]) => ({ name, cases }));
}

function findingCase(finding: Finding): Case {
  const { secret, offset, count, layer } = finding;
  const place = placeOf(finding, { short: true });
  return {
    name: `${secret} in ${nameOf(finding)}`,
    outcome: "failure",
    message: `${secret} (${encodingsOf(finding)}) in ${place}`,
    details: [
      `at byte ${offset}, ${count} in all`,
      ...(layer?.createdBy === undefined ? [] : [`made by: ${layer.createdBy}`]),
      `mend: ${rotationOf(secret)}`,
      `mend: ${mendOf(finding)}`,
    ],
  };
}

/** What the report can and can't say of the image as a whole. */
function proofSuite(report: VerifyReport, { strict = false }: JunitOptions): Suite {
  const { unproved, unseen, unseenMembers, members, omitted } = report;
  const doubt = strict ? "failure" : "skipped";
  const left = members.unseen - unseenMembers.length;
  const cases: Case[] = [
    ...unseen.map(({ what, reason }): Case => ({
      name: `read ${what}`,
      outcome: "error",
      message: reason,
    })),
    ...unproved.map(({ secret, reason }): Case => ({
      name: `prove ${secret}`,
      outcome: doubt,
      message: REASONS[reason],
    })),
    ...unseenMembers.map((member): Case => ({
      name: `unpack ${memberPlace(member)}`,
      outcome: doubt,
      message: member.reason,
    })),
  ];
  if (left > 0)
    cases.push({ name: `unpack ${left} more files`, outcome: doubt, message: "not unpacked" });
  if (omitted > 0) {
    const message = `${omitted} more occurrences in places not listed`;
    cases.push({ name: "further places", outcome: "failure", message });
  }
  if (cases.length === 0) cases.push({ name: `verdict: ${verdictOf(report)}` });
  return { name: "proof", cases };
}

function suiteLines({ name, cases }: Suite): string[] {
  return [
    `  <testsuite name="${escaped(name)}" ${countsOf(cases)}>`,
    ...cases.flatMap((one) => caseLines(one, name)),
    "  </testsuite>",
  ];
}

function caseLines({ name, outcome, message = "", details = [] }: Case, suite: string): string[] {
  const head = `    <testcase name="${escaped(name)}" classname="${escaped(suite)}"`;
  if (outcome === undefined) return [`${head}/>`];
  const body = escaped(details.join("\n"));
  return [
    `${head}>`,
    `      <${outcome} message="${escaped(message)}">${body}</${outcome}>`,
    "    </testcase>",
  ];
}

function countsOf(cases: readonly Case[]): string {
  const count = (outcome: Case["outcome"]): number =>
    cases.filter((one) => one.outcome === outcome).length;
  const [failures, errors, skipped] = [count("failure"), count("error"), count("skipped")];
  const counts = { tests: cases.length, failures, errors, skipped };
  return Object.entries(counts)
    .map(([name, value]) => `${name}="${value}"`)
    .join(" ");
}

/** What XML 1.0 can't hold, also not as a character reference. */
const NO_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Text for an attribute or an element. */
function escaped(text: string): string {
  return text
    .replaceAll(NO_XML, "\u{fffd}")
    .replaceAll(/[&<>"']/gu, (character) => ENTITIES[character] ?? character)
    .replaceAll(/\s/gu, (space) => (space === " " ? " " : `&#${space.codePointAt(0)};`));
}
