/** A look at what is sent, before it is. */

/** A first chunk that is shorter than this is the whole file. */
export const WHOLE_FILE_BYTES = 64 * 1024;

/**
 * Sees the bytes of every file on disk before they are sent. A SealmountError that it throws ends the
 * call as an unreadable file does, with nothing sent of the chunk that it was thrown for.
 */
export interface ContentInspector {
  /**
   * Begins with a file.
   *
   * @param dir - name under which the engine asked for the folder: `context`, or a named context
   * @param path - relative to the folder, with `/`
   */
  open(dir: string, path: string): FileInspection;
}

/** One file under inspection: its bytes in their order, then its end. */
export interface FileInspection {
  /** @param chunk - to be read at once: its memory is used again */
  write(chunk: Buffer): void;
  /** After the last byte; not when reading failed, or the engine gave up. */
  end(): void;
}
