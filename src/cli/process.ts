import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename } from "node:path";
import type { Env, Host } from "./host.ts";
import { run } from "./program.ts";

/**
 * The process: the only file that touches `process`. It reads the environment once, turns signals
 * into an abort, and exits with the code that {@link run} returns.
 */

/** Number of SIGPIPE: 128 + 13 is what a shell shows for a program whose reader went away. */
const BROKEN_PIPE = 141;
const INTERRUPTED = 130;

/** How long clean-up may still take after the second signal, in milliseconds. */
const LAST_GRACE_MS = 3000;

/** SIGQUIT of itself would leave an image of our memory, with the secrets in it. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/**
 * As docker's client does, where no command asks for them. SIGUSR1 of itself starts Node's debugger,
 * open to every user of the machine; SIGUSR2 ends us without a clean-up.
 */
const IGNORED = ["SIGUSR1", "SIGUSR2"] as const;

/** Commands that pass signals on to a program; the last one to ask gets them. */
const listeners: ((signal: NodeJS.Signals) => void)[] = [];
const controller = new AbortController();
/** Output streams that were used. */
const opened = new Set<NodeJS.WriteStream>();
let pipeBroke = false;
let signalsAfterAbort = 0;

/** Runs the command that was typed, and ends the process. */
export async function start(): Promise<void> {
  for (const signal of SIGNALS) process.on(signal, onSignal);
  for (const signal of IGNORED) process.on(signal, () => undefined);
  const code = await run(process.argv.slice(2), hostOfProcess());
  await Promise.all([...opened].map(flush));
  // open handles, such as a keep-alive connection to the engine, must not hold the process
  process.exit(pipeBroke && code === INTERRUPTED ? BROKEN_PIPE : code);
}

function hostOfProcess(): Host {
  const env = takeEnvironment();
  return {
    env,
    cwd: workingDirectory(),
    home: env["HOME"] ?? homedir(),
    platform: process.platform,
    // streams by getter: merely looking at one opens it and loads its code
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return watched(process.stdout);
    },
    get stderr() {
      return watched(process.stderr);
    },
    signal: controller.signal,
    readerIsGone: () => pipeBroke,
    onSignal(listener, more = []) {
      listeners.push(listener);
      for (const signal of more) process.on(signal, listener);
      return () => {
        listeners.splice(listeners.indexOf(listener), 1);
        for (const signal of more) process.off(signal, listener);
      };
    },
    program: basename(process.argv[1] ?? ""),
    version,
  };
}

/**
 * Reads the environment once. The key variables leave `process.env` at the same time, so that no
 * child process that a library starts can inherit them.
 */
function takeEnvironment(): Env {
  const env = { ...process.env };
  for (const name of Object.keys(env))
    if (name.startsWith("SEALMOUNT_KEY")) delete process.env[name];
  return env;
}

/** The root folder stands in for a working directory that was deleted under us. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return "/";
  }
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/**
 * The first signal aborts what runs, and clean-up follows. The second gives clean-up a last
 * moment, the third none.
 */
function onSignal(signal: NodeJS.Signals): void {
  const listener = listeners.at(-1);
  if (listener !== undefined) return listener(signal);
  if (!controller.signal.aborted) return controller.abort();
  if (signalsAfterAbort++ > 0) process.exit(INTERRUPTED);
  setTimeout(() => process.exit(INTERRUPTED), LAST_GRACE_MS).unref();
}

function watched(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (!opened.has(stream)) stream.on("error", onStreamError);
  opened.add(stream);
  return stream;
}

/** The reader of a pipe went away: stop quietly, whatever still runs is cleaned up. */
function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  pipeBroke = true;
  controller.abort();
}

/** Resolves when everything written so far has left the process, or can't any more. */
async function flush(stream: NodeJS.WriteStream): Promise<void> {
  if (pipeBroke || stream.writableLength === 0) return;
  await new Promise<void>((resolve) => stream.write("", () => resolve()));
}
