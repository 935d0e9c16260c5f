/**
 * `moby.filesync.v1.FileSync`: the engine keeps the last copy of each folder of a build, and gets
 * what has changed since. Extended attributes are not sent, because Node can't read them.
 */
import { SealmountError } from "../../errors.ts";
import { GRPC_STATUS, GrpcError, type GrpcCall, type GrpcService } from "../grpc.ts";
import { Filter } from "./filter.ts";
import type { ContentInspector } from "./inspect.ts";
import { readMetadata } from "./metadata.ts";
import { Transfer } from "./transfer.ts";
import { Walker } from "./walk.ts";

export type { ContentInspector, FileInspection } from "./inspect.ts";

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

/** What serving may have besides folders. */
export interface SyncOptions {
  /** A BuildError that names the path; the engine's own error comes later and says less. */
  onFailure(this: void, error: Error): void;
  /** Not asked about {@link SyncedDir.virtual} files. */
  readonly inspector?: ContentInspector | undefined;
}

/**
 * Serves DiffCopy.
 *
 * @param dirs - by the name under which the engine asks: `context`, `dockerfile`, or a named context.
 *   It asks for any of them several times and at once
 */
export function fileSyncService(
  dirs: ReadonlyMap<string, SyncedDir>,
  { onFailure, inspector }: SyncOptions,
): GrpcService {
  const diffCopy = async ({ stream, rawHeaders }: GrpcCall): Promise<void> => {
    const { dir, patterns } = readMetadata(rawHeaders);
    const served = dirs.get(dir);
    if (served === undefined) {
      throw new GrpcError(GRPC_STATUS.notFound, `no access allowed to dir ${JSON.stringify(dir)}`);
    }
    const { root, only, virtual } = served;
    try {
      const filter = new Filter(root, patterns, only);
      const walker = new Walker({ root, filter, virtual });
      const inspect = inspector && ((path: string) => inspector.open(dir, path));
      const fault = await new Transfer(stream, { root, inspect }).run(walker);
      if (fault !== null) onFailure(fault);
    } catch (error) {
      onFailure(error instanceof Error ? error : new Error("the call failed"));
      throw error instanceof SealmountError
        ? new GrpcError(GRPC_STATUS.failedPrecondition, error.message)
        : error;
    }
  };
  return new Map([["/moby.filesync.v1.FileSync/DiffCopy", diffCopy]]);
}
