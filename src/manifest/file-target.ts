import type { Fields } from "./fields.ts";
import type { FileTarget } from "./model.ts";

const OWNER = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?(?::[A-Za-z0-9_][A-Za-z0-9_.-]*\$?)?$/;

/** Whether a text can be an owner: a user, or `user:group`, by name or number. */
export function isOwner(text: string): boolean {
  return OWNER.test(text) && text.length <= 64;
}

/**
 * Permission bits of a text such as `0440` or `440`; null when it is not octal or above 0777: a
 * secret needs no setuid, setgid or sticky bit.
 */
export function modeBits(text: string): number | null {
  return /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : null;
}

/**
 * What is wrong with a path to deliver a file at, or null.
 *
 * Absolute, or relative to the default folder of files. Symbolic links and folders in the image
 * are the deliverer's business.
 */
export function filePathFault(path: string): string | null {
  if (path === "") return "the path is empty";
  if (/\p{Cc}/u.test(path)) return "the path contains a control character";
  if (path.endsWith("/")) return "the path names a folder, not a file";
  const parts = path.split("/").slice(path.startsWith("/") ? 1 : 0);
  if (parts.includes("..")) return "the path leads upwards with ..";
  if (parts.includes(".") || parts.includes("")) return "the path has an empty part or a .";
  return path.length > 4096 ? "the path has more than 4096 characters" : null;
}

/** Reads `file`, `owner` and `mode` of an entry; the last two make sense only with the first. */
export function readFileTarget(fields: Fields): FileTarget | undefined {
  if (!fields.has("file")) {
    for (const name of ["owner", "mode"]) {
      if (!fields.has(name)) continue;
      fields.complain(name, `${name} has no meaning without file`, {
        hint: 'add file = "/run/secrets/…", or drop it',
      });
    }
    return undefined;
  }
  const path = readPath(fields);
  const ownership = readOwnership(fields);
  return path === undefined ? undefined : { path, ...ownership };
}

/** Reads `owner` and `mode`. */
export function readOwnership(fields: Fields): Pick<FileTarget, "owner" | "mode"> {
  const owner = readOwner(fields);
  const mode = readMode(fields);
  return { ...(owner === undefined ? {} : { owner }), ...(mode === undefined ? {} : { mode }) };
}

function readPath(fields: Fields): string | undefined {
  const node = fields.member("file")?.node;
  if (node?.kind !== "string") return fields.complain("file", "this has to be a path in quotes");
  const fault = filePathFault(node.text);
  if (fault === null) return node.text;
  return fields.complain("file", fault, {
    hint: "write a path inside the container, such as /run/secrets/name",
  });
}

function readOwner(fields: Fields): string | undefined {
  const owner = fields.scalar("owner");
  if (owner === undefined || isOwner(owner)) return owner;
  return fields.complain("owner", "this is no user or user:group", {
    hint: 'write owner = "app", "1000" or "1000:1000"',
  });
}

function readMode(fields: Fields): number | undefined {
  const node = fields.member("mode")?.node;
  if (node === undefined) return undefined;
  const mode = node.kind === "string" ? modeBits(node.text) : null;
  if (mode !== null) return mode;
  return fields.complain("mode", "this is no octal mode in quotes", {
    hint: 'write mode = "0440"; at most 0777',
  });
}
