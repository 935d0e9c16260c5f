/** The calls that every command in a running container takes, whoever waits for it. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Engine } from "../docker/engine.ts";
import { gateOf } from "./gate/behind.ts";

/** How long the exit code may take once the streams have ended. */
export const END_TIMEOUT_MS = 10_000;

/** What is to run. */
export interface ExecCall {
  /** Name or id. */
  readonly container: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Variables of its own; they count before hidden ones. */
  readonly variables?: readonly { readonly name: string; readonly value: string | null }[];
  /** The rest of the body of `POST /containers/ID/exec`. */
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Makes a command that waits to be started; behind the gate where the container's program is behind it,
 * so that hidden variables are there.
 *
 * @returns its id
 */
export async function createExec(
  engine: Engine,
  { container, command, variables = [], body }: ExecCall,
): Promise<string> {
  const { Config } = await engine.inspectContainer(container);
  const own = variables.map(({ name }) => name);
  const whole = {
    ...body,
    Env: variables.map(({ name, value }) => (value === null ? name : `${name}=${value}`)),
    Cmd: [...(gateOf(Config.Entrypoint, own) ?? []), ...command],
  };
  const path = `/containers/${encodeURIComponent(container)}/exec`;
  return (await engine.request<{ Id: string }>("POST", path, { body: whole })).Id;
}

/**
 * Its exit code. The engine may close the streams a moment before it has the code.
 *
 * @param patience - in milliseconds
 * @returns null when there is none by then
 */
export async function exitCodeOf(
  engine: Engine,
  id: string,
  patience: number,
): Promise<number | null> {
  const deadline = Date.now() + patience;
  for (let pause = 1; ; pause = Math.min(pause * 2, 100)) {
    const state = await engine.request<{
      readonly Running: boolean;
      readonly ExitCode: number | null;
    }>("GET", `/exec/${id}/json`);
    if (!state.Running && state.ExitCode !== null) return state.ExitCode;
    if (Date.now() > deadline) return null;
    await sleep(pause);
  }
}
