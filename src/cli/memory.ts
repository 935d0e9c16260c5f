import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes that are read before it matters: a small image leaves little behind. */
const MUCH = 8 * 1024 * 1024;

/**
 * Has the collector of this process keep less memory, once much was read: else what an archive of 1 GB
 * leaves behind comes to 30 MB more. For the command line alone, whose process this is.
 *
 * Ends with a collection, and before the process does: with so little room, what V8 compiles in the
 * background waits for a collection, and a process that exits waits for that without an end
 * (nodejs/node#54918; a quarter of all short runs).
 */
export class LessMemory implements Disposable {
  #isOn = false;

  /** @param bytes - that were read so far */
  note(bytes: number): void {
    if (this.#isOn || bytes < MUCH) return;
    this.#isOn = true;
    setFlagsFromString("--optimize-for-size");
  }

  [Symbol.dispose](): void {
    if (!this.#isOn) return;
    setFlagsFromString("--no-optimize-for-size");
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    collect();
  }
}
