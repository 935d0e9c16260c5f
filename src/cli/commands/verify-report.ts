import { resolve } from "node:path";
import {
  checkReportFile,
  renderReport,
  reportJson,
  reportJunit,
  reportSarif,
  summaryOf,
  UsageError,
  type VerifyReport,
  writeReportFile,
} from "../../index.ts";
import type { Context } from "../spec.ts";

/** Forms of a report, as `--format` has them. */
type Format = "text" | "json" | "sarif" | "junit";

/** Where the report goes. */
export interface ReportPlaces {
  readonly stdout: Format;
  readonly files: readonly { readonly path: string; readonly format: Format }[];
}

/** What the end of a file's name says about its form. */
const ENDINGS: readonly (readonly [RegExp, Format])[] = [
  [/\.sarif(?:\.json)?$/i, "sarif"],
  [/\.json$/i, "json"],
  [/\.xml$/i, "junit"],
];

/**
 * `--format`, `--output` and `--json`. With a file, stdout has the report for people (or `--json`), so
 * that a log of CI shows it too.
 *
 * @throws UsageError USAGE_CONFLICT; USAGE when a file can't be written
 */
export async function placesOf({ values, cwd, out }: Context): Promise<ReportPlaces> {
  const format = values.get("format") as Format | undefined;
  const paths = values.list("output");
  if (format !== undefined && paths.length > 1) {
    throw new UsageError("USAGE_CONFLICT", "--format is the form of one --output", {
      hint: "leave it out, and let the files end in .sarif, .json, .xml or .txt",
    });
  }
  const isOnStdout = format !== undefined && paths.length === 0;
  if (out.isJson && isOnStdout && format !== "json") {
    throw new UsageError("USAGE_CONFLICT", "--json and --format both say what stdout gets", {
      hint: "leave out --json, or give the other form a file with --output",
    });
  }
  const files = paths.map((path) => ({
    path: resolve(cwd, path),
    format: format ?? formatOf(path),
  }));
  for (const { path } of files) await checkReportFile(path);
  if (out.isJson) return { stdout: "json", files };
  return { stdout: isOnStdout ? format : "text", files };
}

function formatOf(path: string): Format {
  return ENDINGS.find(([ending]) => ending.test(path))?.[1] ?? "text";
}

/**
 * Writes the report to each of its places. A file that can't be written keeps it from no other place.
 *
 * @returns what could not be written
 */
export async function writeReport(
  context: Context,
  report: VerifyReport,
  { stdout, files }: ReportPlaces,
): Promise<readonly UsageError[]> {
  const { out } = context;
  const unwritten: UsageError[] = [];
  for (const { path, format } of files) {
    try {
      await writeReportFile(path, textOf(context, report, format));
      if (!out.isJson) out.note(`written: ${path}`);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      unwritten.push(error);
    }
  }
  if (stdout === "text") {
    for (const line of renderReport(report, { color: out.dataHasColor })) out.data(line);
    return unwritten;
  }
  // no value is in a report; a mask over it would hide digits of counts and digests, and break its form
  out.stdout.write(textOf(context, report, stdout));
  // for whoever reads the log; with --json stderr has JSON alone
  if (!out.isJson) out.note(summaryOf(report));
  return unwritten;
}

function textOf({ host, values }: Context, report: VerifyReport, format: Format): string {
  switch (format) {
    case "text":
      return `${renderReport(report).join("\n")}\n`;
    case "json":
      return `${JSON.stringify(reportJson(report), null, 2)}\n`;
    case "sarif":
      return `${JSON.stringify(reportSarif(report, { version: host.version() }), null, 2)}\n`;
    case "junit":
      return reportJunit(report, { strict: values.flag("strict") });
  }
}
