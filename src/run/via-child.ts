/** The other command as a child process. */
import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { isatty } from "node:tty";

import { SealmountError } from "../errors.ts";

/** What to start, and how to live with it. */
export interface ViaChild {
  readonly program: string;
  readonly args: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where its output goes; without it, the child gets our own terminal or pipe. Not ended. */
  readonly output?:
    { readonly stdout: NodeJS.WritableStream; readonly stderr: NodeJS.WritableStream } | undefined;
  /** Hands out the signals of this process. @returns stops it again */
  readonly onSignal?: ((listener: (signal: NodeJS.Signals) => void) => () => void) | undefined;
  /** Ends it by SIGTERM, which it passes on to its container. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs it to its end, with our standard input.
 *
 * @returns its exit code, or 128 and the number of the signal that ended it
 * @throws {@link SealmountError} PROGRAM_NOT_FOUND; VALUE_INVALID for values too large for a process
 */
export async function runChild(o: ViaChild): Promise<number> {
  const child = await start(o);
  const ended = endOf(child);
  const stopSignals = o.onSignal?.((signal) => {
    if (!reachesChild(signal)) child.kill(signal);
  });
  const stop = (): void => void child.kill("SIGTERM");
  o.signal?.addEventListener("abort", stop, { once: true });
  if (o.signal?.aborted === true) stop();
  try {
    return await ended;
  } finally {
    stopSignals?.();
    o.signal?.removeEventListener("abort", stop);
  }
}

async function start(o: ViaChild): Promise<ChildProcess> {
  const out = o.output === undefined ? "inherit" : "pipe";
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(notStarted(o.program, error));
    try {
      const child = spawn(o.program, [...o.args], {
        cwd: o.cwd,
        env: { ...o.env },
        stdio: ["inherit", out, out],
      });
      child.once("error", fail).once("spawn", () => resolve(child));
      if (o.output === undefined) return;
      child.stdout?.pipe(o.output.stdout, { end: false });
      child.stderr?.pipe(o.output.stderr, { end: false });
    } catch (error) {
      // some failures of the system call, such as E2BIG, are thrown
      fail(error);
    }
  });
}

/** Settles when the child has ended and its output is read. */
async function endOf(child: ChildProcess): Promise<number> {
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once("close", (...end) => resolve(end));
  });
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

/** What a terminal's keys send goes to all of its foreground processes: not twice to the child. */
function reachesChild(signal: NodeJS.Signals): boolean {
  const isKey = signal === "SIGINT" || signal === "SIGQUIT";
  return isKey && [0, 1, 2].some((descriptor) => isatty(descriptor));
}

function notStarted(program: string, error: unknown): SealmountError {
  if (error instanceof Error && "code" in error && error.code === "E2BIG") {
    return new SealmountError("VALUE_INVALID", "variables and arguments are too large together", {
      hint: "deliver large values as files, or fewer values with --only",
    });
  }
  return new SealmountError("PROGRAM_NOT_FOUND", `can't start ${program}`, {
    hint: `install ${program}, or run without --via`,
  });
}
