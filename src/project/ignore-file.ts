import { readFile, realpath, stat } from "node:fs/promises";
import { basename } from "node:path";
import { replaceFile } from "./atomic-file.ts";
import { fileError, systemCode } from "./read-file.ts";

/**
 * Appends to an ignore file those lines that it does not have yet; every other byte stays. The
 * file is made when there is none. Comments come along only with a line that is new.
 *
 * @param template - lines to have, comments among them
 * @returns the lines added, without comments
 * @throws ManifestError MANIFEST_EDIT_REFUSED when the file can't be read or written
 */
export async function completeIgnoreFile(path: string, template: string): Promise<string[]> {
  try {
    const existing = await readExisting(path);
    const lines = missingLines(existing?.bytes ?? Buffer.alloc(0), template);
    const added = lines.filter((line) => !line.startsWith("#"));
    if (added.length === 0) return [];
    await replaceFile({
      path: existing?.path ?? path,
      text: appended(existing?.bytes ?? Buffer.alloc(0), lines),
      like: existing && (await stat(existing.path)),
    });
    return added;
  } catch (error) {
    throw fileError(basename(path), "MANIFEST_EDIT_REFUSED", {
      message: `the file can't be completed (${systemCode(error)})`,
      hint: "check the permissions of the file and of its folder",
    });
  }
}

interface Existing {
  /** With symbolic links resolved. */
  readonly path: string;
  /** Bytes, since an ignore file may hold names in any encoding. */
  readonly bytes: Buffer;
}

async function readExisting(path: string): Promise<Existing | undefined> {
  try {
    const target = await realpath(path);
    return { path: target, bytes: await readFile(target) };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function missingLines(bytes: Buffer, template: string): string[] {
  const present = new Set(
    bytes
      .toString("latin1")
      .split("\n")
      .map((line) => line.trim()),
  );
  return template.split("\n").filter((line) => line !== "" && !present.has(line));
}

function appended(bytes: Buffer, lines: readonly string[]): Buffer {
  const text = bytes.toString("latin1");
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const gap = text === "" || text.endsWith("\n") ? "" : eol;
  return Buffer.concat([bytes, Buffer.from(gap + lines.map((line) => line + eol).join(""))]);
}
