/** One OCI layout on this machine, as a build may use it: to read from, or to write to as well. */
import { GRPC_STATUS, GrpcError } from "../grpc.ts";
import { Blobs } from "./blobs.ts";
import { Ingest } from "./ingest.ts";
import type { WriteStatus } from "./messages.ts";

/** How a store is opened. */
export interface StoreOptions {
  /** Absolute path of the layout's folder. */
  readonly root: string;
  /** True: the engine may add blobs, as for an output. Never for what is only read. */
  readonly writable: boolean;
}

/** A layout that is open for a build. */
export class ContentStore {
  readonly blobs: Blobs;
  readonly #root: string;
  readonly #writable: boolean;
  readonly #ingests = new Map<string, Ingest>();
  readonly #refs = new Set<string>();
  readonly #written = new Set<string>();

  constructor({ root, writable }: StoreOptions) {
    this.#root = root;
    this.#writable = writable;
    this.blobs = new Blobs(root);
  }

  /**
   * Begins a write.
   *
   * @throws {@link GrpcError} permission denied for a store that is only read, unavailable while
   *   another call writes under that ref
   */
  async begin(ref: string): Promise<Ingest> {
    this.requireWritable();
    if (ref === "") throw new GrpcError(GRPC_STATUS.invalidArgument, "a write needs a ref");
    if (this.#refs.has(ref))
      throw new GrpcError(GRPC_STATUS.unavailable, "that ref is being written");
    this.#refs.add(ref);
    try {
      const ingest = await Ingest.begin(ref, this.#root, this.blobs);
      this.#ingests.set(ref, ingest);
      return ingest;
    } catch (error) {
      this.#refs.delete(ref);
      throw error;
    }
  }

  /** Ends a write, whatever became of it. */
  async end(ingest: Ingest): Promise<void> {
    await ingest.discard();
    this.#ingests.delete(ingest.status.ref);
    this.#refs.delete(ingest.status.ref);
  }

  /** Gives the blob its name; see {@link Ingest.commit}. */
  async commit(ingest: Ingest): Promise<void> {
    this.#written.add(await ingest.commit());
  }

  /** Takes away what was written so far under a ref; unknown refs are none. */
  async abort(ref: string): Promise<void> {
    this.requireWritable();
    await this.#ingests.get(ref)?.discard();
  }

  /**
   * Removes a blob that this build has written.
   *
   * @throws {@link GrpcError} permission denied for any other: the folder is the user's
   */
  async delete(hex: string): Promise<void> {
    this.requireWritable();
    await this.blobs.info(hex);
    if (!this.#written.delete(`sha256:${hex}`))
      throw new GrpcError(GRPC_STATUS.permissionDenied, "that blob is not of this build");
    await this.blobs.remove(hex);
  }

  /** Writes in progress. */
  get statuses(): readonly WriteStatus[] {
    return [...this.#ingests.values()].map(({ status }) => status);
  }

  /** @throws {@link GrpcError} permission denied */
  requireWritable(): void {
    if (!this.#writable)
      throw new GrpcError(GRPC_STATUS.permissionDenied, "this store is only read");
  }
}
