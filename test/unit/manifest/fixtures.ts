import { inspect } from "node:util";
import { ManifestError } from "../../../src/errors.ts";
import type { ManifestIssue } from "../../../src/errors.ts";
import type { Manifest } from "../../../src/manifest/model.ts";
import { parseManifest } from "../../../src/manifest/parse.ts";

/** In no other text of the tests; stands wherever a value could leak from. */
export const CANARY = "cAnArY-7f3Kq9";

/** A sealed text: right alphabet, opens with no key. */
export const BOX = Buffer.alloc(112, 7).toString("base64url");
export const OTHER_BOX = Buffer.alloc(112, 9).toString("base64url");

export const PUBLIC_KEY = `smp1_${Buffer.alloc(32, 5).toString("base64url")}`;
export const OTHER_KEY = `smp1_${Buffer.alloc(32, 6).toString("base64url")}`;

export function parse(text: string): Manifest {
  return parseManifest(text, { file: "iterapp.toml", folderName: "folder" });
}

/** Every problem of a text; fails when there is none, or when one shows a part of the canary. */
export function issuesOf(text: string): readonly ManifestIssue[] {
  return thrownIssues(() => parse(text));
}

export function thrownIssues(act: () => unknown): readonly ManifestIssue[] {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    refuseCanary(error);
    return error.issues;
  }
  throw new Error("no ManifestError was thrown");
}

/** Fails when anything that can be printed of an error holds the canary, or its start. */
export function refuseCanary(error: unknown): void {
  const stack = error instanceof Error ? `${error.stack}${String(error.cause)}` : "";
  const printed = [inspect(error, { depth: 9, showHidden: true }), stack, JSON.stringify(error)];
  if (printed.some((text) => text.includes(CANARY.slice(0, 4)))) {
    throw new Error("an error shows a part of the file");
  }
}

/** `line:column key CODE` of each problem, to compare with. */
export function summary(issues: readonly ManifestIssue[]): string[] {
  return issues.map(({ code, place }) => {
    const key = place.key === undefined ? "" : ` ${place.key}`;
    return `${place.line ?? 0}:${place.column ?? 0}${key} ${code}`;
  });
}
