import type { Blobs } from "../blobs.ts";

/** Where an image, or a part of one, comes from: an engine, an archive, a folder, a registry. */
export interface ImageSource {
  /** What the report calls it. */
  readonly name: string;
  /**
   * Opens it; nothing is read yet.
   *
   * @throws {@link DockerError} when it is not there, or who has it refuses
   */
  open(signal?: AbortSignal): Promise<OpenSource>;
}

/** A source that is there. */
export interface OpenSource {
  /** What the engine calls the image: what is read must hold it. */
  readonly id?: string;
  /**
   * Digests of the documents to begin at. Without any, `index.json` and `manifest.json` are: the
   * files of an archive say themselves what they are.
   */
  readonly roots?: readonly string[];
  /** From somewhere that is not trusted to keep digests: blobs are hashed and compared. */
  readonly isForeign: boolean;
  /** What this source can't show, in words, for the report. */
  readonly limits?: readonly string[];
  /** Gives every file to `blobs`. What breaks off is told there; only a bug throws. */
  read(blobs: Blobs): Promise<void>;
  /** Lets go of it, also in the middle of reading. Never throws; safe to repeat. */
  close(): void;
}
