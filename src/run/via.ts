/** Runs a container with docker's, podman's or nerdctl's own command line. */
import { InterruptedError } from "../errors.ts";
import { readInputs } from "./inputs.ts";
import type { RunPlan } from "./plan.ts";
import { variableText } from "./environment.ts";
import { runChild } from "./via-child.ts";
import { filesForDocker, labelsForDocker } from "./via-docker.ts";
import { filesForTool } from "./via-files.ts";
import type { Handed, RunViaOptions } from "./via-options.ts";
import { argumentsOf, planRunVia } from "./via-plan.ts";

/**
 * Runs the tool. It takes variables from its own environment, by name, and files from a private folder
 * in memory or, with docker, from a tmpfs volume: nothing of a value is an argument or on a disk.
 *
 * @returns the tool's exit code, which is the program's own; 128+N for a signal
 * @throws as `planRunVia`; {@link DockerError} for files that can't be delivered; {@link SealmountError}
 *   PROGRAM_NOT_FOUND when the tool is not installed, VALUE_INVALID for what no variable can hold;
 *   {@link InterruptedError} when the signal fired
 */
export async function runVia(options: RunViaOptions): Promise<number> {
  const { envFileTexts } = await readInputs(options.container ?? {}, options.cwd);
  const complete = { ...options, envFileTexts };
  const { program, variables, run: plan } = planRunVia(complete);
  for (const warning of plan.warnings) options.onWarning?.(warning);
  const values = variablesOf(complete, variables);
  const handed = await handOver(complete, plan);
  const over = new AbortController();
  let code: number;
  try {
    refuseAborted(options);
    const running = runChild({
      program,
      args: argumentsOf(complete, plan, handed),
      env: { ...options.childEnv, ...values },
      cwd: options.cwd,
      output: options.output,
      onSignal: options.onSignal,
      signal: options.signal,
    });
    handed.watch(over.signal);
    code = await running;
  } catch (error) {
    await handed.takeBack();
    throw error;
  } finally {
    over.abort();
  }
  await handed.ended();
  refuseAborted(options);
  return code;
}

function refuseAborted({ signal }: RunViaOptions): void {
  if (signal?.aborted === true) throw new InterruptedError();
}

async function handOver(options: RunViaOptions, plan: RunPlan): Promise<Handed> {
  const isDocker = options.tool === "docker";
  if (plan.files.length > 0) {
    return isDocker ? filesForDocker(options, plan) : filesForTool(options, plan);
  }
  return { ...NO_FILES, labels: isDocker ? labelsForDocker(options, plan) : {} };
}

const NO_FILES: Omit<Handed, "labels"> = {
  mounts: [],
  watch: () => undefined,
  ended: async () => undefined,
  takeBack: async () => undefined,
};

/** A child's environment is made of strings only: they live until they are collected. */
function variablesOf(
  { entries = [] }: RunViaOptions,
  names: readonly string[],
): Record<string, string> {
  const wanted = new Set(names);
  return Object.fromEntries(
    entries
      .filter(({ name }) => wanted.has(name))
      .map((entry) => [entry.name, variableText(entry)] as const),
  );
}
