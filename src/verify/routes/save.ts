import type { Engine } from "../../docker/engine.ts";
import { downloadImage } from "../../docker/image-download.ts";
import { DockerError } from "../../errors.ts";
import { visible } from "../../mask/visible.ts";
import type { Blobs } from "../blobs.ts";
import { readTar } from "../sources/archive.ts";
import type { Route } from "./route.ts";
import { callWithin, SILENT_HINT, SilentError, unlessSilent } from "./silence.ts";

/** How to get it. */
export interface SaveOptions {
  /** Bytes of the image, as the engine counts them. */
  readonly size?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long an engine may be silent. */
  readonly patience?: Patience;
}

/** Longest silence in milliseconds: before the first byte, and between two. */
export interface Patience {
  readonly first: number;
  readonly next: number;
}

/**
 * On overlay2 an engine is silent while it writes the archive to its disk: measured 13 to 20 s for
 * 1.2 GB, 60 MB a second on a busy machine. This is for a disk of a sixth of that, beside much else.
 */
const FIRST_MS = 300_000;
const BYTES_PER_MS = 10_000;

/** Between two bytes it only reads what it has written. */
const NEXT_MS = 60_000;

/**
 * What `docker save` gets, searched as it streams by: slow, and always there. On overlay2 the first
 * byte comes only after the engine has written the whole archive to its disk.
 */
export function saveRoute(engine: Engine, id: string, o: SaveOptions = {}): Route {
  const patience = o.patience ?? patienceFor(o.size ?? 0);
  return {
    name: "save",
    async open() {
      const { pieces, close } = await begin(engine, id, { signal: o.signal, patience });
      return { read: async (blobs) => readTar(heard(pieces, blobs, patience), blobs), close };
    },
  };
}

/** For an image of so many bytes. */
export function patienceFor(size: number): Patience {
  return { first: FIRST_MS + Math.round(size / BYTES_PER_MS), next: NEXT_MS };
}

interface Download {
  readonly pieces: AsyncIterable<Buffer>;
  readonly close: () => void;
}

async function begin(
  engine: Engine,
  id: string,
  o: { readonly signal: AbortSignal | undefined; readonly patience: Patience },
): Promise<Download> {
  try {
    return await callWithin((either) => download(engine, id, either), o.patience.first, o.signal);
  } catch (error) {
    if (!(error instanceof SilentError)) throw error;
    const host = visible(engine.endpoint.host);
    const message = `the engine at ${host} ${silence(error)} of the image`;
    throw new DockerError("IMAGE_UNREADABLE", message, { hint: SILENT_HINT });
  }
}

async function download(engine: Engine, id: string, signal: AbortSignal): Promise<Download> {
  const found = await downloadImage(engine, id, signal);
  if (found !== null) return { pieces: found.pieces, close: () => found.close() };
  const stream = await engine.saveImage(id, signal).catch(async (error: unknown) => {
    throw await reasonOf(engine, id, error);
  });
  return { pieces: stream, close: () => void stream.destroy() };
}

/** Tells `blobs` of an engine that does not go on. */
async function* heard(
  pieces: AsyncIterable<Buffer>,
  blobs: Blobs,
  { first, next }: Patience,
): AsyncGenerator<Buffer> {
  try {
    yield* unlessSilent(pieces, next, first);
  } catch (error) {
    if (error instanceof SilentError) blobs.fail(`the engine ${silence(error)}`);
    throw error;
  }
}

function silence({ ms }: SilentError): string {
  return `has sent nothing for ${Math.round(ms / 1000)} s`;
}

/** Engines refuse an image that is gone in several ways. */
async function reasonOf(engine: Engine, id: string, error: unknown): Promise<unknown> {
  const isRefusal = error instanceof DockerError && error.status !== undefined;
  if (!isRefusal || (await engine.inspectImage(id)) !== null) return error;
  return new DockerError("IMAGE_MISSING", "the image was removed before it could be read", {
    hint: "build or pull it again",
  });
}
