import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { InterruptedError, SealmountError } from "../errors.ts";
import { scrubEnvironment, type Env } from "../keys/variables.ts";
import type { Secret } from "../secret/secret.ts";
import { planExec, type ExecPlan, type PlannedValue } from "./plan.ts";
import { findProgram } from "./program.ts";
import { catchSignals, reachesWholeGroup, type OnSignal } from "./signals.ts";

/** An opened value; the shape of the vault's `OpenedEntry`. The caller wipes it. */
export interface ExecEntry extends PlannedValue {
  readonly value: Secret;
}

/** A local program and what it gets. */
export interface ExecOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly entries: readonly ExecEntry[];
  /** Our own environment: passed on without key variables, overlaid by the values. */
  readonly env: Env;
  readonly cwd: string;
  /** Where its output goes; default: where ours goes. Streams are not ended. */
  readonly stdio?: "inherit" | { readonly stdout: Writable; readonly stderr: Writable } | undefined;
  /** Who hands out SIGINT, SIGTERM and SIGHUP; default: this process. */
  readonly onSignal?: OnSignal | undefined;
}

/**
 * Runs a local program with the values of an environment as variables and files, and waits for it.
 * Signals are passed on; files are wiped and removed when it ends.
 *
 * Node's `process.execve` is not used, which would spare us the wait: it keeps SIGPIPE ignored in
 * the new program, and when it fails it aborts, with a core dump that holds the secrets (measured).
 *
 * @returns the program's exit code, or 128 and the number of the signal that ended it
 * @throws {@link SealmountError} PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE, USAGE_CONFLICT, POLICY when a file has no
 * tmpfs to go to, VALUE_INVALID when all variables together are too large; {@link InterruptedError} for a signal before the start
 */
export async function exec(options: ExecOptions): Promise<{ readonly exitCode: number }> {
  const plan = planExec(options);
  const signals = new SignalRelay(options.onSignal);
  try {
    const env = variablesOf(options);
    const [name = "", ...args] = plan.command;
    const { cwd } = options;
    const program = await findProgram({ program: name, path: env["PATH"], cwd });
    const files = await writeFiles(plan, options, env);
    try {
      signals.throwIfCaught();
      const child = await start({ program, args, name, env }, options);
      signals.relayTo(child);
      return { exitCode: await exitCodeOf(child) };
    } finally {
      files?.remove();
    }
  } finally {
    signals.stop();
  }
}

/** The one place where values become strings: Node takes an environment in no other form. */
function variablesOf({ env, entries }: ExecOptions): Record<string, string> {
  const variables = scrubEnvironment(env);
  for (const { name, value, file } of entries) {
    if (file === undefined) variables[name] = value.use((bytes) => bytes.toString("utf8"));
  }
  return variables;
}

/** Writes the files of a plan and adds their variables to `env`; null when there are none. */
async function writeFiles(
  plan: ExecPlan,
  { entries, env: own }: ExecOptions,
  env: Record<string, string>,
): Promise<{ remove(): void } | null> {
  if (plan.files.length === 0) return null;
  const { PrivateFiles } = await import("./private-files.ts");
  const files = await PrivateFiles.make(own);
  try {
    for (const file of plan.files) {
      const entry = entries.find(({ name }) => name === file.name);
      if (entry !== undefined) env[file.variable] = await files.write(file, entry.value);
    }
    return files;
  } catch (error) {
    files.remove();
    throw error;
  }
}

interface StartOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** As typed: the program's argv[0]. */
  readonly name: string;
  readonly env: Record<string, string>;
}

async function start(
  { program, args, name, env }: StartOptions,
  { stdio = "inherit", cwd }: ExecOptions,
): Promise<ChildProcess> {
  const { spawn } = await import("node:child_process");
  const output = stdio === "inherit" ? "inherit" : "pipe";
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(notStarted(name, error));
    try {
      const child = spawn(program, args, {
        argv0: name,
        env,
        cwd,
        stdio: ["inherit", output, output],
      });
      if (stdio !== "inherit") {
        connect(child.stdout, stdio.stdout);
        connect(child.stderr, stdio.stderr);
      }
      child.once("error", fail);
      child.once("spawn", () => resolve(child));
    } catch (error) {
      // some failures of the system call, such as E2BIG, are thrown
      fail(error);
    }
  });
}

/** A reader that went away takes the pipe with it: the program learns of it by SIGPIPE, as usual. */
function connect(output: Readable | null, target: Writable): void {
  if (output === null) return;
  const close = (): void => void output.destroy();
  target.once("error", close).once("close", close);
  output.once("close", () => target.off("error", close).off("close", close));
  output.pipe(target, { end: false });
}

/** Waits for the end of the program and of its output. */
async function exitCodeOf(child: ChildProcess): Promise<number> {
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once("close", (...end) => resolve(end));
  });
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

function notStarted(name: string, error: unknown): SealmountError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  if (code === "E2BIG") {
    const message = "variables and arguments together are larger than this system allows";
    const hint = "deliver large values as files, or fewer values with --only";
    return new SealmountError("VALUE_INVALID", message, { hint });
  }
  const message = `program ${JSON.stringify(name)} can't be started (${code})`;
  return new SealmountError("PROGRAM_NOT_EXECUTABLE", message, {
    hint: "run it by hand; perhaps the interpreter in its first line is missing",
  });
}

/** Signals for us, from the first moment on: before the program starts, one of them stops us. */
class SignalRelay {
  readonly stop: () => void;
  #early: NodeJS.Signals | undefined;
  #child: ChildProcess | undefined;

  constructor(onSignal: OnSignal | undefined) {
    this.stop = catchSignals((signal) => {
      if (this.#child === undefined) this.#keep(signal);
      else if (!reachesWholeGroup(signal)) this.#child.kill(signal);
    }, onSignal);
  }

  throwIfCaught(): void {
    if (this.#early !== undefined) throw new InterruptedError();
  }

  relayTo(child: ChildProcess): void {
    this.#child = child;
    // one that came while the program started
    if (this.#early !== undefined) child.kill(this.#early);
  }

  #keep(signal: NodeJS.Signals): void {
    if (signal !== "SIGWINCH") this.#early = signal;
  }
}
