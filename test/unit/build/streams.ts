/**
 * Real progress, recorded from engines while `docker buildx build --progress=plain` showed it: each
 * `.jsonl` holds the messages of `Control.Status` with the time of their arrival, and the typed
 * error of `Control.Solve`; the `.txt` beside it is what buildx printed.
 */
import { readFile } from "node:fs/promises";

import type { ErrorDetail } from "../../../src/build/excerpt.ts";
import { bytesOf, readFields, textOf } from "../../../src/session/protobuf.ts";

export interface Recording {
  readonly messages: readonly { readonly ms: number; readonly status: Buffer }[];
  readonly details: readonly ErrorDetail[];
  /** What buildx printed, without its first line (its own name) and without colors. */
  readonly printed: string;
}

interface Line {
  readonly ms: number;
  readonly status?: string;
  readonly details?: string;
}

export async function recording(name: string): Promise<Recording> {
  const file = (ending: string): URL => new URL(`streams/${name}.${ending}`, import.meta.url);
  const [lines, printed] = await Promise.all([
    readFile(file("jsonl"), "utf8"),
    readFile(file("txt"), "utf8"),
  ]);
  const entries = lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  return {
    messages: entries.flatMap(({ ms, status }) =>
      status === undefined ? [] : [{ ms, status: Buffer.from(status, "base64") }],
    ),
    details: entries.flatMap(({ details }) =>
      details === undefined ? [] : detailsOf(Buffer.from(details, "base64")),
    ),
    // oxlint-disable-next-line no-control-regex -- an escape sequence begins with a control character
    printed: printed.replace(/^#0 .*\n\n/, "").replace(/\u001b\[[0-9;]*m/g, ""),
  };
}

/** google.rpc.Status{details=3: Any{type_url=1, value=2}}. */
function detailsOf(status: Buffer): ErrorDetail[] {
  const found: ErrorDetail[] = [];
  for (const { number, value } of readFields(status)) {
    if (number !== 3) continue;
    const any = new Map(
      [...readFields(bytesOf(value))].map((field) => [field.number, field.value]),
    );
    found.push({ typeUrl: textOf(any.get(1) ?? 0), value: bytesOf(any.get(2) ?? 0) });
  }
  return found;
}
