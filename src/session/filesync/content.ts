/** Reads a file that the engine asked for, and makes sure that it still is what was announced. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

import { changed, codeOf, unreadable } from "./faults.ts";

/** A file as its STAT packet announced it. */
export interface Announced {
  readonly path: string;
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** What stands where a file was may be a pipe, which must not block, or a link, to anywhere. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** An open file. */
export class OpenFile implements Disposable {
  readonly #file: Announced;
  readonly #fd: number;

  /** @throws {@link BuildError} BUILD_CONTEXT when it is gone, unreadable or a link */
  constructor(root: string, file: Announced) {
    this.#file = file;
    try {
      this.#fd = openSync(`${root}/${file.path}`, FLAGS);
    } catch (error) {
      throw faultOf(file.path, error);
    }
  }

  /** Fills a part of a buffer. @throws {@link BuildError} BUILD_CONTEXT when the file ends early */
  read(buffer: Buffer, at: number, length: number): void {
    for (let done = 0; done < length;) {
      const read = this.#readSome(buffer, at + done, length - done);
      if (read === 0) throw this.#fault(changed(this.#file.path, "shrank"));
      done += read;
    }
  }

  /**
   * Call it before what was read is sent, once at least: costs as much as reading a small file.
   *
   * @throws {@link BuildError} BUILD_CONTEXT when it is another, or was written to since it was announced
   */
  check(): void {
    const { path, size, mtimeNs } = this.#file;
    const now = fstatSync(this.#fd, { bigint: true });
    if (!now.isFile()) throw changed(path, "was replaced");
    if (Number(now.size) < size) throw changed(path, "shrank");
    if (Number(now.size) !== size || now.mtimeNs !== mtimeNs) throw changed(path, "was changed");
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #readSome(buffer: Buffer, at: number, length: number): number {
    try {
      return readSync(this.#fd, buffer, at, length, null);
    } catch (error) {
      // a folder in its place, maybe
      this.check();
      throw this.#fault(unreadable(this.#file.path, error));
    }
  }

  /** What stands where the file was, such as a pipe, fails in its own ways: that it does is the reason. */
  #fault(otherwise: Error): Error {
    try {
      this.check();
    } catch (reason) {
      return reason instanceof Error ? reason : otherwise;
    }
    return otherwise;
  }
}

function faultOf(path: string, error: unknown): Error {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") return changed(path, "vanished");
  return code === "ELOOP" || code === "ENXIO"
    ? changed(path, "was replaced")
    : unreadable(path, error);
}
