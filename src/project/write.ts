import { realpath, stat } from "node:fs/promises";
import { ManifestError } from "../errors.ts";
import { replaceFile } from "./atomic-file.ts";
import { parseAgain } from "./project.ts";
import type { Project } from "./project.ts";
import { fileError, readManifestFile, systemCode } from "./read-file.ts";

/**
 * Writes a project's manifest: all of it or nothing, mode and owner kept. A symbolic link stays
 * one; the file that it leads to is replaced.
 *
 * @param text - must parse as a manifest; checked before anything is written
 * @throws ManifestError as parseManifest; MANIFEST_EDIT_REFUSED when the file changed since the
 *   project was read, or can't be written
 */
export async function writeManifest(project: Project, text: string): Promise<void> {
  await parseAgain(project, text);
  const shown = project.manifest.file;
  try {
    const path = await realpath(project.path);
    const like = await stat(path);
    const beforeRename = (): void => {
      if (readManifestFile({ path, shown }) !== project.text) throw changed(shown);
    };
    await replaceFile({ path, text, like, beforeRename });
  } catch (error) {
    if (error instanceof ManifestError) throw error;
    throw fileError(shown, "MANIFEST_EDIT_REFUSED", {
      message: `the manifest can't be written (${systemCode(error)})`,
      hint: "check the permissions of the file and of its folder",
    });
  }
}

function changed(shown: string): ManifestError {
  return fileError(shown, "MANIFEST_EDIT_REFUSED", {
    message: "the manifest was changed meanwhile, so nothing was written",
    hint: "run the command again",
  });
}
