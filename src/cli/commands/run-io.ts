import type { Mask, RunIo } from "../../index.ts";
import type { Host } from "../host.ts";
import type { Context } from "../spec.ts";
import { maskedStream } from "./masking.ts";

/** What servers take for "reload" and the like. */
export const MORE_SIGNALS: readonly NodeJS.Signals[] = ["SIGUSR1", "SIGUSR2"];

/** The program's streams for `run`, masked or not, and how to end them. */
export interface ProgramIo {
  readonly io: RunIo;
  /** Waits until everything that the mask held back is written. */
  finish(this: void): Promise<void>;
}

/**
 * Streams for a program in a container.
 *
 * @param mask - null leaves the output as it is: `--no-mask`, or a program that has the terminal
 */
export function programIo({ host }: Context, mask: Mask | null): ProgramIo {
  const stdout = maskedStream(host.stdout, mask);
  const stderr = maskedStream(host.stderr, mask);
  const terminal = terminalOf(host);
  return {
    io: {
      stdin: host.stdin,
      stdout: stdout.stream,
      stderr: stderr.stream,
      onSignal: (listener) => host.onSignal(listener, MORE_SIGNALS),
      ...(terminal === null ? {} : { terminal }),
    },
    async finish() {
      await Promise.all([stdout.finish(), stderr.finish()]);
    },
  };
}

function terminalOf({ stdin, stdout }: Host): RunIo["terminal"] | null {
  if (stdin.isTTY !== true || stdout.isTTY !== true) return null;
  return {
    size: () => ({ rows: stdout.rows ?? 24, columns: stdout.columns ?? 80 }),
    setRawMode: (raw) => void stdin.setRawMode?.(raw),
    onResize(listener) {
      stdout.on("resize", listener);
      return () => void stdout.off("resize", listener);
    },
  };
}
