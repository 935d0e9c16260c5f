/**
 * An ssh agent of our own, for key files of `--ssh ID=KEYFILE`: OpenSSH's, as a child that only
 * this build can reach. It ends with the build, and by itself when this process is gone.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { UsageError } from "../../errors.ts";

/** A key is a few kilobytes; more than this is another file. */
const MAX_KEY_BYTES = 64 * 1024;
/** The agent ends with the program that it is given: one that prints its id and waits for us. */
const WAIT = 'echo "$SSH_AGENT_PID"; exec cat > /dev/null';

/** An agent that holds keys. */
export interface KeyAgent extends AsyncDisposable {
  readonly socket: string;
}

/**
 * Starts an agent and gives it keys.
 *
 * @param id - of `--ssh`, for errors
 * @param files - absolute paths of private keys
 * @param env - where programs are found
 * @throws {@link UsageError} USAGE when a key can't be loaded, or OpenSSH is not installed
 */
export async function startKeyAgent(
  id: string,
  files: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<KeyAgent> {
  const dir = await mkdtemp(join(tmpdir(), "sealmount-ssh-"));
  const socket = join(dir, "agent.sock");
  const path = { PATH: env["PATH"] };
  const child = spawn("ssh-agent", ["-a", socket, "/bin/sh", "-c", WAIT], {
    env: path,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const close = async (): Promise<void> => {
    await end(child);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await started(child, id);
    for (const file of files) await addKey(id, file, { ...path, SSH_AUTH_SOCK: socket });
  } catch (error) {
    await close();
    throw error;
  }
  return { socket, [Symbol.asyncDispose]: close };
}

/** The agent listens before it starts the program, so its first output is the sign. */
async function started(child: ChildProcess, id: string): Promise<void> {
  const failed = new Promise<never>((_resolve, reject) => {
    child.once("error", () => reject(noProgram(id)));
    child.once("exit", () => reject(unloadable(id, "the agent for it can't be started")));
  });
  failed.catch(() => undefined);
  child.stdin?.on("error", () => undefined);
  const stdout = child.stdout;
  if (stdout === null) throw noProgram(id);
  const [line] = (await Promise.race([once(stdout, "data"), failed])) as [Buffer];
  agents.set(child, Number.parseInt(line.toString("latin1"), 10));
}

/** Process ids of agents: not the child's own, which is that of the waiting program. */
const agents = new WeakMap<ChildProcess, number>();

async function end(child: ChildProcess): Promise<void> {
  const pid = agents.get(child) ?? 0;
  try {
    if (pid > 1) process.kill(pid, "SIGTERM");
  } catch {
    // it is gone already
  }
  child.stdin?.end();
  child.stdout?.destroy();
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await once(child, "exit");
}

/** The key goes through a pipe, so neither its place nor its mode matters. */
async function addKey(id: string, file: string, env: NodeJS.ProcessEnv): Promise<void> {
  const key = await readFile(file).catch(() => {
    throw unloadable(id, "a key file can't be read");
  });
  try {
    if (key.length > MAX_KEY_BYTES || !key.includes("PRIVATE KEY-----"))
      throw unloadable(id, "a file is neither a private key nor an agent's socket");
    if (isEncrypted(key)) throw unloadable(id, "a key has a passphrase");
    // a session of its own: no terminal to ask for a passphrase on
    const child = spawn("ssh-add", ["-q", "-"], {
      env: { ...env, SSH_ASKPASS_REQUIRE: "never" },
      stdio: ["pipe", "ignore", "pipe"],
      detached: true,
    });
    const gone = once(child, "close").catch(() => {
      throw noProgram(id);
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(key);
    const [[code]] = await Promise.all([gone as Promise<[number | null]>, text(child.stderr)]);
    if (code !== 0) throw unloadable(id, "OpenSSH does not take a key");
  } finally {
    key.fill(0);
  }
}

/** True for a private key behind a passphrase, in any of the formats of OpenSSH and OpenSSL. */
export function isEncrypted(key: Buffer): boolean {
  const head = key.subarray(0, 4096).toString("latin1");
  if (/BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(head)) return true;
  const [, body = ""] = /BEGIN OPENSSH PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)/.exec(head) ?? [];
  // "openssh-key-v1", then the name of the cipher with its length in front
  const start = Buffer.from(body.slice(0, 60), "base64");
  return start.length > 23 && start.toString("latin1", 19, 23) !== "none";
}

function noProgram(id: string): UsageError {
  return new UsageError("USAGE", `--ssh ${id}: key files need ssh-agent and ssh-add`, {
    hint: "install OpenSSH's client (Debian: openssh-client), or name an agent's socket",
  });
}

function unloadable(id: string, why: string): UsageError {
  return new UsageError("USAGE", `--ssh ${id}: ${why}`, {
    hint: `load the key into an agent with ssh-add, and write --ssh ${id}=SOCKET`,
  });
}
