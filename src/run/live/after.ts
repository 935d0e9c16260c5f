/** What follows a refresh: a signal for the program, or a command in the container. */
import { constants } from "node:os";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";

import { demux } from "../../docker/demux.ts";
import type { Engine } from "../../docker/engine.ts";
import { DockerError, UsageError } from "../../errors.ts";
import { createExec, END_TIMEOUT_MS, exitCodeOf } from "../exec-call.ts";
import type { KnownContainer } from "./find.ts";

/** At most one of the two. */
export interface AfterRefresh {
  /** Name such as `HUP` or `SIGHUP`, or a number. */
  readonly signal?: string | undefined;
  /** Program and arguments. */
  readonly exec?: readonly string[] | undefined;
  /** Where the output of `exec` goes; nothing is ended. Dropped when it is not given. */
  readonly output?: NodeJS.WritableStream | undefined;
}

/**
 * Looks at it before anything is changed.
 *
 * @throws {@link UsageError} USAGE for a signal that there is not, or an empty command;
 *   USAGE_CONFLICT for both
 */
export function checkAfter({ signal, exec }: AfterRefresh): void {
  if (signal !== undefined && exec !== undefined) {
    throw new UsageError("USAGE_CONFLICT", "a signal and a command exclude each other", {
      hint: "give one of them",
    });
  }
  if (exec?.length === 0 || exec?.[0] === "") {
    throw new UsageError("USAGE", "the command is empty", { hint: "--exec 'nginx -s reload'" });
  }
  if (signal !== undefined && !isSignal(signal)) {
    throw new UsageError("USAGE", "there is no such signal", { hint: "--signal HUP" });
  }
}

/** @throws {@link DockerError} DELIVERY_FAILED when the command ends with another code than 0 */
export async function doAfter(
  engine: Engine,
  { id, name }: KnownContainer,
  after: AfterRefresh,
): Promise<void> {
  if (after.signal !== undefined) await engine.killContainer(id, after.signal);
  if (after.exec === undefined) return;
  const code = await execIn(engine, id, after.exec, after.output);
  if (code === 0) return;
  const end = code === null ? "has not ended" : `ended with code ${code}`;
  const fact = `the files of ${name} are replaced, but the command in it ${end}`;
  throw new DockerError("DELIVERY_FAILED", fact, {
    hint: "mend the command; with --force a further refresh calls it again",
  });
}

/** Null for a command without an exit code: its end can't be told. */
async function execIn(
  engine: Engine,
  container: string,
  command: readonly string[],
  output: NodeJS.WritableStream = dropped(),
): Promise<number | null> {
  const body = { AttachStdout: true, AttachStderr: true };
  const id = await createExec(engine, { container, command, body });
  const start = { body: { Detach: false, Tty: false } };
  const stream = await engine.stream("POST", `/exec/${id}/start`, start);
  await pipeline(stream, demux({ stdout: output, stderr: output }));
  return exitCodeOf(engine, id, END_TIMEOUT_MS);
}

function dropped(): NodeJS.WritableStream {
  return new PassThrough().resume();
}

function isSignal(text: string): boolean {
  if (/^\d{1,2}$/.test(text)) return Number(text) >= 1 && Number(text) <= 64;
  const name = text.toUpperCase().replace(/^SIG/, "");
  return `SIG${name}` in constants.signals || /^RT(MIN(\+\d{1,2})?|MAX(-\d{1,2})?)$/.test(name);
}
