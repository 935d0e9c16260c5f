import {
  type PlannedEntry,
  planRunVia,
  type PlanOptions,
  type RunOptions,
  type RunPlan,
  type RunTool,
  runVia,
  type RunViaRequest,
  scrubEnvironment,
  UsageError,
} from "../../index.ts";
import type { Context } from "../spec.ts";
import { commandLine, engineVariables } from "./build-via.ts";
import { connect } from "./engine.ts";
import { maskedStream, protect } from "./masking.ts";
import { MORE_SIGNALS } from "./run-io.ts";

/** What a program gets of an opened environment. */
type Own = Required<Pick<RunOptions, "entries" | "identity">> & Pick<RunOptions, "digestKey">;

/** Another command line that runs the container. */
export interface OtherTool {
  readonly plan: RunPlan;
  /** Prints what it would be given, names only. */
  show(this: void): number;
  /** @returns its exit code */
  run(this: void, own: Own): Promise<number>;
}

/** `run --via TOOL`. @throws what `planRunVia` throws */
export function toolFor(
  context: Context,
  typed: PlanOptions,
  entries: readonly PlannedEntry[],
): OtherTool {
  const { out } = context;
  const request = requestOf(context, typed);
  const plan = planRunVia({ ...request, entries });
  return {
    plan: plan.run,
    show() {
      if (out.isJson) out.json(plan);
      else out.data(commandLine(plan));
      return 0;
    },
    run: (own) => handOver(context, request, own),
  };
}

/** Its output goes through the mask, but to a terminal that the program has. */
async function handOver(context: Context, request: RunViaRequest, own: Own): Promise<number> {
  const { values, out, host, env, cwd } = context;
  const mask = protect(context, own.entries ?? []);
  const passes = values.flag("tty");
  const unmasked = values.flag("no-mask") ? null : mask;
  const stdout = maskedStream(host.stdout, unmasked);
  const stderr = maskedStream(host.stderr, unmasked);
  try {
    return await runVia({
      ...request,
      ...own,
      cwd,
      childEnv: { ...scrubEnvironment(env), ...engineVariables(values) },
      connect: async () => connect(context),
      ...(passes ? {} : { output: { stdout: stdout.stream, stderr: stderr.stream } }),
      onSignal: (listener) => host.onSignal(listener, MORE_SIGNALS),
      signal: host.signal,
      onWarning: (text) => out.warn(text),
    });
  } finally {
    await Promise.all([stdout.finish(), stderr.finish()]);
  }
}

function requestOf({ values, operands }: Context, typed: PlanOptions): RunViaRequest {
  const tool = values.get("via") as RunTool;
  const named = ["host", "context"].find((name) => values.typed(name));
  if (tool !== "docker" && named !== undefined) {
    throw new UsageError("USAGE_CONFLICT", `--${named} can't be had with --via ${tool}`, {
      hint: `choose the engine with ${tool}'s own options, behind the dashes`,
    });
  }
  const login = ["image-pull-secret", "host-auth"].find((name) => values.typed(name));
  if (login !== undefined) {
    throw new UsageError("USAGE_CONFLICT", `--${login} can't be had with --via ${tool}`, {
      hint: `${tool} pulls with its own logins: leave the option out`,
    });
  }
  return { ...typed, tool, words: operands, strict: values.flag("strict") };
}
