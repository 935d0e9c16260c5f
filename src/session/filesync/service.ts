/**
 * `moby.filesync.v1.FileSync`: the engine keeps the last copy of each folder of a build, and gets
 * what has changed since. Extended attributes are not sent, because Node can't read them.
 */
import type { ServerHttp2Stream } from "node:http2";

import { SealmountError } from "../../errors.ts";
import { GRPC_STATUS, GrpcError, type GrpcCall, type GrpcService } from "../grpc.ts";
import { Filter, type FilterPatterns } from "./filter.ts";
import { readMetadata } from "./metadata.ts";
import { Transfer } from "./transfer.ts";
import { Walker } from "./walk.ts";

/** A folder that the engine may copy. */
export interface SyncedDir {
  /** Absolute. A link here is followed; links inside travel as links. */
  readonly root: string;
  /** Relative paths, and what links at them point at: nothing else of the folder is served. */
  readonly only?: readonly string[] | undefined;
  /**
   * Files that exist only in memory, by their relative path; they stand in for files of that path.
   * With {@link only} they must be named there too.
   */
  readonly virtual?: ReadonlyMap<string, Buffer> | undefined;
}

/** What a call has sent. */
export interface SyncProgress {
  readonly dir: string;
  /** Of file content, so far. */
  readonly bytes: number;
  readonly files: number;
  readonly done: boolean;
}

/** Who is told. */
export interface SyncListeners {
  /** A BuildError that names the path; the engine's own error comes later and says less. */
  onFailure(error: Error): void;
  /** A few times a second at most, and at the end of each call. */
  onProgress?(sent: SyncProgress): void;
}

/** Between two progress reports. */
const PROGRESS_MS = 100;

/**
 * Serves DiffCopy.
 *
 * @param dirs - by the name under which the engine asks: `context`, `dockerfile`, or a named context.
 *   It asks for any of them several times and at once
 */
export function fileSyncService(
  dirs: ReadonlyMap<string, SyncedDir>,
  listeners: SyncListeners,
): GrpcService {
  const diffCopy = async ({ stream, rawHeaders }: GrpcCall): Promise<void> => {
    const { dir, patterns } = readMetadata(rawHeaders);
    const served = dirs.get(dir);
    if (served === undefined) {
      throw new GrpcError(GRPC_STATUS.notFound, `no access allowed to dir ${JSON.stringify(dir)}`);
    }
    try {
      const fault = await transfer(stream, { dir, served, patterns, listeners });
      if (fault !== null) listeners.onFailure(fault);
    } catch (error) {
      listeners.onFailure(error instanceof Error ? error : new Error("the call failed"));
      throw error instanceof SealmountError
        ? new GrpcError(GRPC_STATUS.failedPrecondition, error.message)
        : error;
    }
  };
  return new Map([["/moby.filesync.v1.FileSync/DiffCopy", diffCopy]]);
}

async function transfer(
  stream: ServerHttp2Stream,
  call: {
    readonly dir: string;
    readonly served: SyncedDir;
    readonly patterns: FilterPatterns;
    readonly listeners: SyncListeners;
  },
): Promise<Error | null> {
  const { root, only, virtual } = call.served;
  const filter = new Filter(root, call.patterns, only);
  const walker = new Walker({ root, filter, virtual });
  const { dir, listeners } = call;
  let last = performance.now();
  return new Transfer(stream, root, ({ bytes, files, done }) => {
    const now = performance.now();
    if (!done && now - last < PROGRESS_MS) return;
    last = now;
    listeners.onProgress?.({ dir, bytes, files, done });
  }).run(walker);
}
