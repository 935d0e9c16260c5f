import { KeyStoreError } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { MAX_KEY_FILE_BYTES } from "./read-key-file.ts";
import { runCommand, type CommandOutcome } from "./run-command.ts";
import { scrubEnvironment, type Env } from "./variables.ts";

/** Time for a key command, in milliseconds: someone may have to touch a token or type a PIN. */
const TIME_LIMIT_MS = 120_000;

/** What to run. */
export interface KeyCommandOptions {
  /** A line for `sh -c`, or a program and its arguments. */
  readonly command: string | readonly string[];
  /** Becomes SEALMOUNT_APP, so that one command serves all apps. */
  readonly app: string;
  readonly env: Env;
  /** Default: two minutes. */
  readonly timeLimitMs?: number;
}

/**
 * Runs the user's `key_command` and returns what it prints. It gets no key variable and no stdin;
 * its stderr is ours, so that it can ask for a PIN.
 *
 * @returns the caller wipes it
 * @throws {@link KeyStoreError} KEY_COMMAND when it can't start, fails, takes too long, or prints
 * nothing or too much; never with its output
 */
export async function runKeyCommand(options: KeyCommandOptions): Promise<Secret> {
  const { command, app, env } = options;
  const [program = "", ...args] =
    typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  const outcome = await runCommand({
    program,
    args,
    env: { ...scrubEnvironment(env), SEALMOUNT_APP: app },
    stderr: "inherit",
    maxBytes: MAX_KEY_FILE_BYTES,
    timeLimitMs: options.timeLimitMs ?? TIME_LIMIT_MS,
  });
  const fault = faultOf(outcome);
  if (fault === null) return Secret.take("key command", outcome.stdout);
  outcome.stdout.fill(0);
  throw new KeyStoreError("KEY_COMMAND", `key_command ${fault}`, {
    hint: "run it by hand; it has to print private keys and exit with 0",
  });
}

function faultOf({ notStarted, killed, code, signal, stdout }: CommandOutcome): string | null {
  if (notStarted !== undefined) return `can't be started (${notStarted})`;
  if (killed === "size") return "printed too much to be keys";
  if (killed === "time") return "took too long";
  if (signal !== null) return `was ended by ${signal}`;
  if (code !== 0) return `failed with exit code ${code ?? "unknown"}`;
  return stdout.every((byte) => byte <= 0x20) ? "printed nothing" : null;
}
