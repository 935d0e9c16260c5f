import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { SealmountError } from "../errors.ts";

/** What an empty PATH means, as in the C library. */
const DEFAULT_PATH = "/usr/bin:/bin";

/**
 * Finds a program as a shell does: a name with a slash is a path, any other is looked for in PATH.
 *
 * @param o.path - PATH of the program's own environment
 * @returns an absolute path
 * @throws {@link SealmountError} PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE
 */
export async function findProgram(o: {
  readonly program: string;
  readonly path: string | undefined;
  readonly cwd: string;
}): Promise<string> {
  const { program, path = DEFAULT_PATH, cwd } = o;
  const folders = program.includes("/") ? [""] : path.split(":").map((folder) => folder || ".");
  let found: string | undefined;
  for (const folder of folders) {
    const candidate = resolve(cwd, folder, program);
    const kind = await kindOf(candidate);
    if (kind === "program") return candidate;
    if (kind === "other") found ??= candidate;
  }
  const shown = JSON.stringify(program);
  if (found === undefined) {
    const where = program.includes("/") ? "" : " in PATH";
    throw new SealmountError("PROGRAM_NOT_FOUND", `program ${shown} was not found${where}`, {
      hint: "check how it is spelt; the command comes after --",
    });
  }
  throw new SealmountError("PROGRAM_NOT_EXECUTABLE", `${shown} can't be executed`, {
    hint: `chmod +x ${found}`,
  });
}

async function kindOf(path: string): Promise<"program" | "other" | "none"> {
  try {
    if (!(await stat(path)).isFile()) return "other";
    await access(path, constants.X_OK);
    return "program";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EACCES" ? "other" : "none";
  }
}
