import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import type { Blob } from "../blob.ts";
import type { BlobReader } from "../blobs.ts";
import { blobOf } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

/** A layer in a stream that is clean by its verdict: its bytes go by, searched by nobody. */
export class PassedOver implements BlobReader {
  readonly #name: string;
  readonly #verdict: Verdict;
  readonly #hash: Hash | undefined;

  /**
   * @param name - `blobs/sha256/…`
   * @param checkDigest - whether the bytes must be what they are named after
   */
  constructor(name: string, verdict: Verdict, checkDigest: boolean) {
    this.#name = name;
    this.#verdict = verdict;
    const [, algorithm = ""] = name.split("/");
    this.#hash = checkDigest ? createHash(algorithm) : undefined;
  }

  // oxlint-disable-next-line typescript/require-await -- others search, and take their time
  async write(chunk: Buffer): Promise<void> {
    this.#hash?.update(chunk);
  }

  // oxlint-disable-next-line typescript/require-await -- as above
  async end(isComplete: boolean, reason = "the archive is cut off"): Promise<Blob> {
    const isOther =
      this.#hash !== undefined && !this.#name.endsWith(`/${this.#hash.digest("hex")}`);
    const mismatch = isOther ? "the bytes don't match the digest" : undefined;
    return blobOf(this.#name, this.#verdict, isComplete ? mismatch : reason);
  }
}
