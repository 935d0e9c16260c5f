/** What `doctor` says: names, versions, paths and fingerprints; never a value. */
import type { ErrorCode, ManifestIssue, SealmountError } from "../errors.ts";

/** `warn`: works, but something is to be known; `fail`: something will not work. */
export type DoctorStatus = "ok" | "warn" | "fail";

/** One finding. */
export interface DoctorLine {
  /** What was looked at: `manifest`, `key prod`, `engine`, … */
  readonly name: string;
  readonly status: DoctorStatus;
  readonly detail: string;
  /** One command or one edit. */
  readonly fix?: string;
  /** For `fail`: the error that a command would end with. */
  readonly code?: ErrorCode;
}

export function okLine(name: string, detail: string): DoctorLine {
  return { name, status: "ok", detail };
}

export function warnLine(name: string, detail: string, fix?: string): DoctorLine {
  return { name, status: "warn", detail, ...(fix === undefined ? {} : { fix }) };
}

/** An error as a line. */
export function failLine(name: string, error: SealmountError): DoctorLine {
  const { code, message, place = {}, hint } = error;
  return issueLine(name, "fail", { code, message, place, hint });
}

/** A problem of the manifest as a line, with its place in front. */
export function issueLine(
  name: string,
  status: DoctorStatus,
  { code, message, place, hint }: Pick<ManifestIssue, "code" | "message" | "place" | "hint">,
): DoctorLine {
  const position = [place.file, place.line, place.column].filter((part) => part !== undefined);
  const key = place.key === undefined ? "" : `${place.key}: `;
  return {
    name,
    status,
    detail: [...position, ` ${key}${message}`].join(":").trimStart(),
    ...(hint === undefined ? {} : { fix: hint }),
    ...(status === "fail" ? { code } : {}),
  };
}
