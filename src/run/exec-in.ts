/**
 * A command in a running container, as `docker exec`: where the container's variables are hidden, the
 * command gets them by the gate too.
 */
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { demux } from "../docker/demux.ts";
import type { Engine } from "../docker/engine.ts";
import { InterruptedError, UsageError } from "../errors.ts";
import { feed, passTo } from "./attach.ts";
import { createExec, END_TIMEOUT_MS, exitCodeOf } from "./exec-call.ts";
import { readEnvFiles } from "./inputs.ts";
import type { Env, RunIo, Terminal } from "./options.ts";
import { optionVariables } from "./plan.ts";

/** `docker exec`'s own options, with docker's names and meaning. */
export interface ExecInFlags {
  readonly detach?: boolean | undefined;
  readonly interactive?: boolean | undefined;
  readonly tty?: boolean | undefined;
  readonly privileged?: boolean | undefined;
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
  /** `NAME=VALUE`, or `NAME` for the client's own value. */
  readonly env?: readonly string[] | undefined;
  /** Files with such lines; `env` wins. */
  readonly envFile?: readonly string[] | undefined;
  readonly detachKeys?: string | undefined;
}

/** Everything {@link execIn} needs. */
export interface ExecInOptions {
  readonly engine: Engine;
  /** Name or id. */
  readonly container: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly flags?: ExecInFlags | undefined;
  /** Environment of the client: `-e NAME` without a value reads it. */
  readonly env: Env;
  /** Working directory for relative paths in `envFile`. */
  readonly cwd: string;
  readonly io: RunIo;
  /** Ends our part; as with docker, the command goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** How long the exit code may take on a terminal: if it takes longer, the user has detached. */
const DETACH_GRACE_MS = 500;

/** The size of a terminal is refused until the command runs. */
const RESIZE_TRIES = 20;
const RESIZE_PAUSE_MS = 10;

/**
 * Runs a command in a container and waits for its end (or, detached, for its start).
 *
 * @returns the command's own exit code; 126 and 127 for one that can't be executed or is not there;
 *   0 when detached, by `detach` or by its keys
 * @throws {@link DockerError} DOCKER_REFUSED when there is no such container, or it does not run
 * @throws {@link UsageError} for a key variable among `env` and `envFile`, a file that can't be read,
 *   or a terminal that is not there
 */
export async function execIn(options: ExecInOptions): Promise<number> {
  const { engine, flags = {} } = options;
  refuseMissingTerminal(options);
  const id = await create(options);
  const start = { Detach: flags.detach === true, ...terminalOf(options) };
  const path = `/exec/${id}/start`;
  if (flags.detach === true) {
    await engine.request("POST", path, { body: start });
    return 0;
  }
  const stream = await engine.hijack(path, {
    upgrade: "tcp",
    headers: { "Content-Type": "application/json" },
    body: Buffer.from(JSON.stringify(start)),
    signal: options.signal,
  });
  await passStreams(options, id, stream);
  const hasKeys = flags.tty === true && flags.interactive === true;
  return (await exitCodeOf(engine, id, hasKeys ? DETACH_GRACE_MS : END_TIMEOUT_MS)) ?? 0;
}

async function create({
  engine,
  container,
  command,
  flags = {},
  env,
  cwd,
}: ExecInOptions): Promise<string> {
  const envFileTexts = await readEnvFiles(flags.envFile ?? [], cwd);
  const variables = optionVariables({ env, container: { env: flags.env }, envFileTexts });
  const attached = flags.detach !== true;
  const body = {
    AttachStdin: attached && flags.interactive === true,
    AttachStdout: attached,
    AttachStderr: attached,
    Tty: flags.tty === true,
    Privileged: flags.privileged === true,
    User: flags.user ?? "",
    WorkingDir: flags.workdir ?? "",
    DetachKeys: flags.detachKeys ?? "",
  };
  return createExec(engine, { container, command, variables, body });
}

/** The size is taken since API 1.42, so that the command's first look finds it. */
function terminalOf({ flags = {}, io }: ExecInOptions): {
  readonly Tty: boolean;
  readonly ConsoleSize?: readonly [rows: number, columns: number];
} {
  if (flags.tty !== true) return { Tty: false };
  if (io.terminal === undefined) return { Tty: true };
  const { rows, columns } = io.terminal.size();
  return { Tty: true, ConsoleSize: [rows, columns] };
}

async function passStreams(
  { engine, io, flags = {}, signal }: ExecInOptions,
  id: string,
  stream: Duplex,
): Promise<void> {
  const undo: (() => void)[] = [() => stream.destroy()];
  if (flags.tty === true && io.terminal !== undefined) {
    undo.push(followSize(engine, id, io.terminal));
  }
  if (flags.interactive === true) undo.push(...takeInput(io, stream, flags.tty === true));
  try {
    await pipeline(stream, flags.tty === true ? passTo(io.stdout) : demux(io), { signal });
  } catch (error) {
    throw signal?.aborted === true ? new InterruptedError() : error;
  } finally {
    for (const step of undo.toReversed()) step();
  }
}

function takeInput({ stdin, terminal }: RunIo, stream: Duplex, tty: boolean): (() => void)[] {
  const undo = stdin === undefined ? [] : [feed(stdin, stream)];
  if (!tty || terminal === undefined) return undo;
  terminal.setRawMode(true);
  return [...undo, () => terminal.setRawMode(false)];
}

function followSize(engine: Engine, id: string, terminal: Terminal): () => void {
  const resize = async (tries: number): Promise<void> => {
    const { rows, columns } = terminal.size();
    if (rows === 0 || columns === 0) return;
    for (let left = tries; left > 0; left -= 1) {
      const query = { h: rows, w: columns };
      const done = engine.request("POST", `/exec/${id}/resize`, { query }).then(() => true);
      if (await done.catch(() => false)) return;
      await sleep(RESIZE_PAUSE_MS);
    }
  };
  void resize(RESIZE_TRIES);
  return terminal.onResize(() => void resize(1));
}

function refuseMissingTerminal({ flags = {}, io }: ExecInOptions): void {
  const wanted = flags.tty === true && flags.interactive === true;
  if (!wanted || flags.detach === true || io.terminal !== undefined) return;
  throw new UsageError("USAGE_NO_TERMINAL", "--tty with --interactive needs a terminal", {
    hint: "leave out --tty",
  });
}
