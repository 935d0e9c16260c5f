import { realpath, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf, UsageError } from "../../errors.ts";
import { replaceFile } from "../../project/atomic-file.ts";

/**
 * Finds out whether a report can go to a file before an image is searched for minutes.
 *
 * @throws {@link UsageError} USAGE when its folder is not there, or a folder has that name
 */
export async function checkReportFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => errnoOf(error));
  if (typeof found !== "string" && found.isDirectory()) throw unwritable(path, "EISDIR");
  const folder = await stat(dirname(path)).catch((error: unknown) => errnoOf(error));
  if (typeof folder === "string") throw unwritable(path, folder);
  if (!folder.isDirectory()) throw unwritable(path, "ENOTDIR");
}

/**
 * Writes a report: all of it or nothing, so that whoever waits for the file never reads half. Mode and
 * owner of a file that is replaced stay; a symbolic link stays one. Into a pipe or device, it is
 * written as it is.
 *
 * @throws {@link UsageError} USAGE
 */
export async function writeReportFile(path: string, text: string): Promise<void> {
  try {
    const whole = await realpath(path).catch(() => path);
    const like = await stat(whole).catch(() => undefined);
    if (like === undefined || like.isFile()) await replaceFile({ path: whole, text, like });
    else await writeFile(whole, text);
  } catch (error) {
    throw unwritable(path, errnoOf(error));
  }
}

function unwritable(path: string, errno: string): UsageError {
  return new UsageError("USAGE", `the report can't be written (${errno})`, {
    place: { file: path },
    hint: "name a file in a folder that is there and may be written to",
  });
}
