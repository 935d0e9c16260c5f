import type { Platform } from "../../docker/platform.ts";
import type { Blob } from "../blob.ts";
import type { Blobs } from "../blobs.ts";
import type { RouteReport } from "../model.ts";

/** Where an image, or a part of one, comes from: an engine, an archive, a folder, a registry. */
export interface ImageSource {
  /** What the report calls it. */
  readonly name: string;
  /**
   * Who vouches for the digests of blobs that are not foreign, such as an engine by its address:
   * cached verdicts on its word count for it alone. Without it, none are kept of such blobs.
   */
  readonly voucher?: string;
  /**
   * Opens it; nothing is read yet.
   *
   * @throws {@link DockerError} when it is not there, or who has it refuses
   */
  open(signal?: AbortSignal): Promise<OpenSource>;
}

/** A source that is there. What it says of itself is asked after `read`. */
export interface OpenSource {
  /** What the engine calls the image: what is read must hold it. */
  readonly id?: string;
  /**
   * Digests of the documents to begin at. Without any, `index.json` and `manifest.json` are: the
   * files of an archive say themselves what they are.
   */
  readonly roots?: readonly string[] | undefined;
  /** The only platform whose images are to be searched; the others are named. */
  readonly platform?: Platform | undefined;
  /** What was read that belongs to no image; where there is some, no manifest is needed. */
  readonly parts?: readonly SourcePart[] | undefined;
  /** What of an image this source has, where it has not all, such as `its merged files`. */
  readonly partial?: string | undefined;
  /** From somewhere that is not trusted to keep digests: blobs are hashed and compared. */
  readonly isForeign: boolean;
  /** What this source can't show, in words, for the report. */
  readonly limits?: readonly string[] | undefined;
  /** The way that was gone to an engine's image; known once it was read. */
  readonly route?: RouteReport;
  /** Bytes that `read` will come to, about, where that is known: for a bar. */
  readonly size?: number | undefined;
  /** Gives every file to `blobs`. What breaks off is told there; only a bug throws. */
  read(blobs: Blobs): Promise<void>;
  /** Lets go of it, also in the middle of reading. Never throws; safe to repeat. */
  close(): void;
}

/** Something that is searched and is no part of an image as manifests describe it. */
export interface SourcePart {
  /** A tar of files, or a document with a container's settings. */
  readonly kind: "files" | "settings";
  readonly blob: Blob;
  /** Absolute folder that the names of the tar are below; empty for the root. */
  readonly prefix?: string;
}
