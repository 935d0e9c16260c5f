import { isatty } from "node:tty";
import process from "node:process";

/** Registers a listener for signals; returns what stops it. */
export type OnSignal = (listener: (signal: NodeJS.Signals) => void) => () => void;

/** Signals that the host may hand out by itself, see {@link catchSignals}. */
const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];
/** SIGUSR1 would start Node's debugger in us, with the secrets in reach. */
const OTHERS: readonly NodeJS.Signals[] = ["SIGUSR1", "SIGUSR2", "SIGWINCH"];
/** Sent by the kernel to every process of the terminal's foreground group. */
const FROM_TERMINAL: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGQUIT", "SIGWINCH"]);

/**
 * Catches the signals of this process, so that we live until the program under us ends.
 *
 * @param onSignal - who hands out SIGINT, SIGTERM, SIGHUP and SIGQUIT; default: this process itself
 * @returns stops it
 */
export function catchSignals(
  listener: (signal: NodeJS.Signals) => void,
  onSignal: OnSignal | undefined,
): () => void {
  const own = onSignal === undefined ? [...ENDING, ...OTHERS] : OTHERS;
  for (const signal of own) process.on(signal, listener);
  const stop = onSignal?.(listener);
  return () => {
    for (const signal of own) process.off(signal, listener);
    stop?.();
  };
}

/**
 * Whether a program in our process group got this signal as well: on a terminal, what its keys send
 * (Ctrl-C, Ctrl-\) and changes of its size. Passing those on would double them.
 */
export function reachesWholeGroup(signal: NodeJS.Signals): boolean {
  return FROM_TERMINAL.has(signal) && [0, 1, 2].some((descriptor) => isatty(descriptor));
}
