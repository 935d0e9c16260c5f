/** Where the stream of `--output type=tar` (also oci, docker) goes: a file, or a stream of the caller's. */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";

/** One output that is being written. */
export interface OutputSink {
  readonly stream: Writable;
  /** All bytes were written: makes the output visible. */
  commit(): Promise<void>;
  /** The output failed: takes away what was written, as far as that can be done. */
  discard(): Promise<void>;
}

/** Where one exporter's output goes. */
export type OutputTarget =
  | {
      readonly kind: "local";
      /** Absolute; made where it is missing. */
      readonly dir: string;
    }
  | {
      readonly kind: "tar";
      /** Called when the bytes come, so a build that fails leaves nothing behind. */
      open(): Promise<OutputSink> | OutputSink;
    };

/** A file, with its folders. It appears under its name when it is whole, and replaces what was there. */
export function tarFile(path: string): OutputTarget {
  const open = async (): Promise<OutputSink> => {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    const stream = createWriteStream(temporary, { flags: "wx" });
    return {
      stream,
      async commit() {
        stream.end();
        await finished(stream);
        await rename(temporary, path);
      },
      async discard() {
        stream.destroy();
        // it may still be opening the file, which would then come after its removal
        await finished(stream).catch(() => undefined);
        await rm(temporary, { force: true });
      },
    };
  };
  return { kind: "tar", open };
}

/** A stream of the caller's, such as stdout; it is not ended. */
export function tarStream(stream: Writable): OutputTarget {
  return { kind: "tar", open: () => ({ stream, commit: nothing, discard: nothing }) };
}

async function nothing(): Promise<void> {
  // what is in a stream can't be taken back
}
