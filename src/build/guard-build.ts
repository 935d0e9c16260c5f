/** The guard of one build: looks at everything that its flags and folders are about to send. */
import { join } from "node:path";

import { wipeNeedles } from "../needles/needle.ts";
import type { Secret } from "../secret/secret.ts";
import { Filter } from "../session/filesync/filter.ts";
import { Walker } from "../session/filesync/walk.ts";
import { travellingFiles, type ContextFile } from "./guard-files.ts";
import { plaintextWarnings, refusePlaintext } from "./guard-refuse.ts";
import { findPlaintext, guardNeedles } from "./guard.ts";
import type { BuildInputs } from "./inputs.ts";
import type { BuildRequest } from "./options.ts";
import { buildArgumentsOf, labelsOf } from "./solve-request.ts";

/** What to look for, and what to do about it. */
export interface Guard {
  /** Of every environment and of the build, as far as they open here; stay the caller's. */
  readonly secrets: Iterable<Secret>;
  /** True: what is found is told as a warning, and travels. */
  readonly allowPlaintext?: boolean | undefined;
}

/**
 * Looks at build arguments, labels, the Dockerfile, and every file of a folder that is not ignored.
 * A tar or a URL is not looked at: we don't read it.
 *
 * @returns warnings, one line each
 * @throws {@link PlaintextError} POLICY with every place, unless plaintext is allowed
 */
export async function guardBuild(
  request: BuildRequest & { readonly signal?: AbortSignal | undefined },
  inputs: BuildInputs,
  guard: Guard,
): Promise<string[]> {
  const needles = guardNeedles(guard.secrets);
  const { shown, content } = inputs.dockerfile;
  try {
    const findings = await findPlaintext({
      needles,
      buildArgs: Object.entries(buildArgumentsOf(request)),
      labels: Object.entries(labelsOf(request)),
      ...(content !== null && { dockerfile: { shown, content } }),
      files: travellingFiles(filesOf(inputs)),
      signal: request.signal,
    });
    const allowed = guard.allowPlaintext === true;
    if (!allowed) refusePlaintext(findings);
    return plaintextWarnings(findings, { allowed });
  } finally {
    wipeNeedles(needles);
  }
}

function* filesOf({ context, ignore, named }: BuildInputs): Generator<ContextFile> {
  if (context.kind === "folder") yield* filesIn(context.root, ignore.patterns);
  for (const source of named.values())
    if (source.kind === "folder") yield* filesIn(source.root, []);
}

function* filesIn(root: string, excludes: readonly string[]): Generator<ContextFile> {
  const walker = new Walker({ root, filter: new Filter(root, { excludes }) });
  for (let entry = walker.next(); entry !== null; entry = walker.next()) {
    if (entry.content !== "file") continue;
    const { path, size } = entry.stat;
    yield { path, absolute: join(root, path), size };
  }
}
