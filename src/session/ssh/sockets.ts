/** `--ssh`, as docker writes it, to the sockets that are forwarded. */
import { lstat, realpath, stat } from "node:fs/promises";
import { resolve } from "node:path";

import { UsageError } from "../../errors.ts";

/** Docker's rule for ids: they become a part of an LLB and of headers. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * Finds the agents of `--ssh` options: `default`, `default=SOCKET`, `ID=SOCKET`; without a socket,
 * the one in `SSH_AUTH_SOCK`.
 *
 * Key files are refused, where docker would load them into an agent of its own: a private key would
 * then be in one more process, in the clear.
 *
 * @param o.cwd - where relative paths start
 * @throws {@link UsageError} USAGE for an option that names no agent, USAGE_CONFLICT for an id twice
 */
export async function sshSockets(
  options: readonly string[],
  o: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string },
): Promise<ReadonlyMap<string, string>> {
  const sockets = new Map<string, string>();
  for (const option of options) {
    const at = option.indexOf("=");
    const id = at < 0 ? option : option.slice(0, at);
    if (!ID.test(id)) throw new UsageError("USAGE", "an --ssh option has no usable id", { hint });
    if (sockets.has(id)) throw new UsageError("USAGE_CONFLICT", `--ssh ${id} is given twice`);
    const given = at < 0 ? "" : option.slice(at + 1);
    const path = given === "" ? o.env["SSH_AUTH_SOCK"] : given;
    if (path === undefined || path === "") throw noAgent(id);
    sockets.set(id, await checked(id, resolve(o.cwd, path)));
  }
  return sockets;
}

const hint = "write --ssh default, or --ssh ID=SOCKET";

async function checked(id: string, path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found?.isSocket() === true) return realpath(path);
  const isThere = (await lstat(path).catch(() => null)) !== null;
  if (!isThere) {
    throw new UsageError("USAGE", `--ssh ${id}: there is no socket at that path`, { hint: start });
  }
  throw new UsageError(
    "USAGE",
    `--ssh ${id}: that is no agent's socket; key files are not loaded`,
    {
      hint: "load the key into an agent with ssh-add, and name the agent's socket",
    },
  );
}

const start = 'start an agent: eval "$(ssh-agent)" && ssh-add';

function noAgent(id: string): UsageError {
  return new UsageError("USAGE", `--ssh ${id} needs an agent, and SSH_AUTH_SOCK is not set`, {
    hint: start,
  });
}
