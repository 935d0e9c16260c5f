import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { ManifestError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { MAX_MANIFEST_BYTES } from "../manifest/text.ts";

/** A path to read, and its name as errors show it. */
export interface NamedFile {
  readonly path: string;
  readonly shown: string;
}

/**
 * Reads a manifest's text, its BOM included. Synchronously: for one small file, the pool of
 * threads that the asynchronous calls start costs a sixth of a start of Node.
 *
 * @returns null when there is no such file
 * @throws ManifestError MANIFEST_UNREADABLE (not a file, no permission, not UTF-8),
 *   MANIFEST_TOO_LARGE (above {@link MAX_MANIFEST_BYTES}, seen before it is read)
 */
export function readManifestFile(file: NamedFile): string | null {
  const bytes = readBytes(file);
  if (bytes === null) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fileError(file.shown, "MANIFEST_UNREADABLE", {
      message: "the manifest is not UTF-8",
      hint: "save it as UTF-8",
    });
  }
}

function readBytes({ path, shown }: NamedFile): Buffer | null {
  try {
    // without O_NONBLOCK, opening a FIFO of that name would wait for a writer
    const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      refuseUnfit(handle, shown);
      return readFileSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    if (error instanceof ManifestError) throw error;
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw fileError(shown, "MANIFEST_UNREADABLE", {
      message: `the manifest can't be read (${code})`,
      hint: "check the permissions of the file and of its folders",
    });
  }
}

function refuseUnfit(handle: number, shown: string): void {
  const stat = fstatSync(handle);
  if (!stat.isFile()) {
    throw fileError(shown, "MANIFEST_UNREADABLE", {
      message: "the manifest is not a regular file",
      hint: "name a file, such as iterapp.toml",
    });
  }
  if (stat.size > MAX_MANIFEST_BYTES) {
    throw fileError(shown, "MANIFEST_TOO_LARGE", {
      message: `the manifest has ${stat.size} bytes; at most ${MAX_MANIFEST_BYTES} are read`,
      hint: "move large values into files of their own",
    });
  }
}

/** A ManifestError about the file as a whole. */
export function fileError(
  shown: string,
  code: ErrorCode,
  { message, hint }: { message: string; hint: string },
): ManifestError {
  return new ManifestError([{ code, message, place: { file: shown }, hint }]);
}

/** Code of a system error such as EACCES; the error itself may quote paths of the machine. */
export function systemCode(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : "unknown";
}
