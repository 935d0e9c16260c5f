/** `--ssh`, as docker writes it, to the sockets that are forwarded. */
import { realpath, stat } from "node:fs/promises";
import { resolve } from "node:path";

import { UsageError } from "../../errors.ts";
import { startKeyAgent, type KeyAgent } from "./key-agent.ts";

/** Docker's rule for ids: they become a part of an LLB and of headers. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

type Env = Readonly<Record<string, string | undefined>>;

/** Agents of one build; those that were started for it end on disposal. */
export interface SshAgents extends AsyncDisposable {
  /** By the id of `--mount=type=ssh,id=…`. */
  readonly sockets: ReadonlyMap<string, string>;
}

/**
 * Finds or starts the agents of `--ssh` options: `default`, `ID=SOCKET`, `ID=KEYFILE[,KEYFILE]`;
 * without a path, the agent in `SSH_AUTH_SOCK`. Key files go to an agent of this build's own.
 *
 * @param o.cwd - where relative paths start
 * @throws {@link UsageError} USAGE for an option that names no agent and no usable key,
 *   USAGE_CONFLICT for an id twice
 */
export async function sshAgents(
  options: readonly string[],
  o: { readonly env: Env; readonly cwd: string },
): Promise<SshAgents> {
  const sockets = new Map<string, string>();
  const started: KeyAgent[] = [];
  const close = async (): Promise<void> => {
    for (const agent of started) await agent[Symbol.asyncDispose]();
  };
  try {
    for (const option of options) {
      const { id, paths } = readOption(option, o);
      if (sockets.has(id)) throw new UsageError("USAGE_CONFLICT", `--ssh ${id} is given twice`);
      const socket = await socketOf(id, paths);
      if (socket === null) started.push(await startKeyAgent(id, paths, o.env));
      sockets.set(id, socket ?? started.at(-1)?.socket ?? "");
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { sockets, [Symbol.asyncDispose]: close };
}

function readOption(
  option: string,
  { env, cwd }: { readonly env: Env; readonly cwd: string },
): { readonly id: string; readonly paths: readonly string[] } {
  const at = option.indexOf("=");
  const id = at < 0 ? option : option.slice(0, at);
  if (!ID.test(id)) throw new UsageError("USAGE", "an --ssh option has no usable id", { hint });
  const given = at < 0 ? [] : option.slice(at + 1).split(",");
  const paths = given.filter((path) => path !== "").map((path) => resolve(cwd, path));
  return { id, paths: paths.length > 0 ? paths : [agentOf(id, env)] };
}

const hint = "write --ssh default, --ssh ID=SOCKET, or --ssh ID=KEYFILE";

/** The only path when it is a socket; null for key files. */
async function socketOf(id: string, paths: readonly string[]): Promise<string | null> {
  const kinds = await Promise.all(paths.map(async (path) => kindOf(id, path)));
  if (!kinds.includes("socket")) return null;
  const [only = ""] = paths;
  if (paths.length === 1) return realpath(only);
  throw new UsageError("USAGE", `--ssh ${id}: an agent's socket must be the only path`, { hint });
}

async function kindOf(id: string, path: string): Promise<"socket" | "file"> {
  const found = await stat(path).catch(() => null);
  if (found?.isSocket() === true) return "socket";
  if (found?.isFile() === true) return "file";
  const what = found === null ? "nothing at that path" : "neither a socket nor a file at that path";
  throw new UsageError("USAGE", `--ssh ${id}: there is ${what}`, { hint: start });
}

const start = 'start an agent: eval "$(ssh-agent)" && ssh-add';

function agentOf(id: string, env: Env): string {
  const path = env["SSH_AUTH_SOCK"] ?? "";
  if (path !== "") return path;
  throw new UsageError("USAGE", `--ssh ${id} needs an agent, and SSH_AUTH_SOCK is not set`, {
    hint: start,
  });
}
