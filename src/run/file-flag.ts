/** `--file NAME[=PATH][,owner=OWNER][,mode=MODE]`, `--owner` and `--mode`. */
import { UsageError } from "../errors.ts";
import { modeBits } from "../manifest/file-target.ts";
import type { FileRequest } from "./options.ts";

/**
 * Reads one `--file`. What is left out comes from the manifest, else from the defaults.
 *
 * @throws {@link UsageError} USAGE for an empty name, an unknown key or a mode that is not octal
 */
export function parseFileFlag(text: string): FileRequest {
  const [head = "", ...rest] = text.split(",");
  const at = head.indexOf("=");
  const name = at < 0 ? head : head.slice(0, at);
  const path = at < 0 ? undefined : head.slice(at + 1);
  if (!/^[^\s/]+$/.test(name) || path === "") {
    throw new UsageError("USAGE", "--file has no name or an empty path", {
      hint: "write --file NAME=/path/in/container,owner=app,mode=0440",
    });
  }
  let request: FileRequest = { name, path };
  for (const part of rest) request = { ...request, ...parsePart(part) };
  return request;
}

/**
 * Reads a file mode, at most `0777`.
 *
 * @throws {@link UsageError} USAGE for one that is not octal
 */
export function parseMode(text: string): number {
  const mode = modeBits(text);
  if (mode !== null) return mode;
  throw new UsageError("USAGE", `mode ${JSON.stringify(text)} is not octal`, {
    hint: "write three octal digits, such as 0440",
  });
}

function parsePart(part: string): Partial<FileRequest> {
  const match = /^(owner|mode)=(.+)$/.exec(part);
  if (match?.[1] === "owner" && match[2] !== undefined) return { owner: match[2] };
  if (match?.[1] === "mode" && match[2] !== undefined) return { mode: parseMode(match[2]) };
  throw new UsageError("USAGE", "--file takes owner=… and mode=… after the path", {
    hint: "write --file NAME=/path/in/container,owner=app,mode=0440; a path can't hold a comma",
  });
}
