/** What a container has changed of its image's files. */
import type { Readable } from "node:stream";

import type { Engine } from "./engine.ts";
import { container } from "./paths.ts";

/** One line of `docker diff`. */
export interface FileChange {
  readonly path: string;
  /** A directory counts as modified when something in it was changed. */
  readonly kind: "modified" | "added" | "deleted";
}

const KINDS = ["modified", "added", "deleted"] as const;

/** Every path that is not as in the image, what is in new directories included; parents come first. */
export async function containerChanges(
  engine: Engine,
  id: string,
  signal?: AbortSignal,
): Promise<FileChange[]> {
  const path = container(id, "changes");
  const lines = await engine.request<{ Path: string; Kind: number }[] | null>("GET", path, {
    signal,
  });
  return (lines ?? []).map(({ Path, Kind }) => ({ path: Path, kind: KINDS[Kind] ?? "modified" }));
}

/** The merged files of a container, as `docker export` writes them: without those of volumes. */
export async function exportContainer(
  engine: Engine,
  id: string,
  signal?: AbortSignal,
): Promise<Readable> {
  return engine.stream("GET", container(id, "export"), { signal });
}
