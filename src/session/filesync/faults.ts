/** What can be wrong with a folder that is being sent: errors for the user, each with its path. */
import { BuildError, errnoOf } from "../../errors.ts";

/** Longest path in an error; more of it helps nobody. */
const MAX_SHOWN = 300;

/** A path as it may be shown: control characters escaped, since a file's name is foreign text. */
export function shown(path: string): string {
  const text = path === "" ? "." : path;
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return cut.replace(
    // controls, and what turns the direction of writing
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** A file or folder that can't be read. */
export function unreadable(path: string, error: unknown): BuildError {
  const what = `can't read ${shown(path)} in the build context (${codeOf(error)})`;
  const hint = `make it readable, or add ${shown(path)} to .dockerignore`;
  return new BuildError("BUILD_CONTEXT", what, { hint });
}

/** A file that is not what it was when the engine was told of it. */
export function changed(path: string, how: string): BuildError {
  const what = `${shown(path)} in the build context ${how} while the build read it`;
  const hint = `build again when nothing writes to it, or add ${shown(path)} to .dockerignore`;
  return new BuildError("BUILD_CONTEXT", what, { hint });
}

/** A name, or a link's target, that the protocol can't carry. */
export function notUtf8(path: string, what: "file name" | "link target"): BuildError {
  return new BuildError("BUILD_CONTEXT", `a ${what} is not UTF-8: ${shown(path)}`, {
    hint: "rename it, or add a pattern that matches it to .dockerignore, with ? for the odd bytes",
  });
}

/** A request that no engine should make. */
export function outOfOrder(what: string): BuildError {
  return new BuildError("BUILD_CONTEXT", `the engine ${what}`, {
    hint: "build again; if it stays, report it with the engine's version",
  });
}

/** The code of a system error, such as EACCES. */
export function codeOf(error: unknown): string {
  return errnoOf(error) || "unknown error";
}

/** True for a path that is not there. */
export function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(codeOf(error));
}

/** True for a path that may not be read. */
export function isForbidden(error: unknown): boolean {
  return ["EACCES", "EPERM"].includes(codeOf(error));
}
