import type { Readable } from "node:stream";
import type { Engine } from "../docker/engine.ts";
import { InterruptedError } from "../errors.ts";
import { wipeNeedles } from "../needles/needle.ts";
import { provability } from "../needles/provability.ts";
import { NeedleSearch } from "../needles/search.ts";
import { NeedleTable } from "../needles/table.ts";
import { needlesOf } from "../needles/variants.ts";
import type { Secret } from "../secret/secret.ts";
import { readArchive } from "./archive.ts";
import { buildReport } from "./build-report.ts";
import { JSON_BUDGET } from "./content.ts";
import type { VerifyReport } from "./model.ts";
import { openImage } from "./source.ts";

/** What every verification needs. */
export interface VerifyOptions {
  /** Stay with the caller; their names, such as `prod/API_KEY`, appear in the report. */
  readonly secrets: Iterable<Secret>;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of the archive read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * Searches an image of the engine for every given secret: each byte of each layer, also of files
 * that a later layer deletes, and config, history, labels and env.
 *
 * @returns what was searched and found; also when nothing can be proved. Turn it into an error
 *   with `assertClean`
 * @throws {@link DockerError} IMAGE_MISSING, DOCKER_REFUSED
 * @throws {@link InterruptedError} when the signal fires
 */
export async function verify(
  o: VerifyOptions & { readonly engine: Engine; readonly image: string },
): Promise<VerifyReport> {
  const { id, stream } = await openImage(o.engine, o.image, o.signal);
  return scan(stream, { ...o, id, checkDigests: false });
}

/**
 * The same for an archive that `docker save` wrote, or an OCI archive: not compressed as a whole.
 *
 * @param o - `name` is what the report calls it; `archive` is read to its end, or destroyed
 */
export async function verifyArchive(
  o: VerifyOptions & { readonly archive: Readable; readonly name: string },
): Promise<VerifyReport> {
  return scan(o.archive, { ...o, image: o.name, id: undefined, checkDigests: true });
}

interface ScanOptions extends VerifyOptions {
  readonly image: string;
  /** What the engine calls the image; the archive must hold it. */
  readonly id: string | undefined;
  readonly checkDigests: boolean;
}

async function scan(source: Readable, o: ScanOptions): Promise<VerifyReport> {
  const abort = (): void => void source.destroy();
  o.signal?.addEventListener("abort", abort);
  const secrets = [...o.secrets];
  const needles = secrets
    .filter((secret) => provability(secret) === "provable")
    .flatMap((secret) => needlesOf(secret));
  const table = new NeedleTable(needles);
  const search = new NeedleSearch(table);
  try {
    throwIfAborted(o.signal);
    const archive = await readArchive(source, {
      table,
      search,
      checkDigests: o.checkDigests,
      budget: { json: JSON_BUDGET },
      onProgress: o.onProgress,
    });
    // a source that was destroyed looks like a broken one
    throwIfAborted(o.signal);
    return buildReport(archive, { image: o.image, id: o.id, secrets, table });
  } finally {
    o.signal?.removeEventListener("abort", abort);
    source.destroy();
    search.end();
    table.wipe();
    wipeNeedles(needles);
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError();
}
