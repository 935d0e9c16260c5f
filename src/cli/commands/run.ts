import {
  configuredDetachKeys,
  type ContainerOptions,
  digestKeyOf,
  type Engine,
  openEnvironment,
  parseFileFlag,
  parseMode,
  planEntries,
  type PlannedEntry,
  type PlanOptions,
  planRun,
  type Project,
  rawNames,
  run,
  type RunOptions,
  type RunPlan,
  UsageError,
  type VariableDelivery,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import type { Values } from "../values.ts";
import { containerOptionsOf } from "./run-options.ts";
import { connectAhead } from "./engine.ts";
import { keyringOf } from "./keyring.ts";
import { protect } from "./masking.ts";
import { programIo } from "./run-io.ts";
import { pullProgress, refuseTwoLogins, runLogins } from "./run-logins.ts";
import type { OtherTool } from "./run-via.ts";
import { environmentOf, openProject, optional, warnAll } from "./shared.ts";

/** `run IMAGE`: a container with the secrets of one environment. */
export const handle: Handler = async (context) => {
  const { values, out, env } = context;
  const asked = typedOptions(context);
  refuseTwoLogins(context);
  const project = await openProject(context);
  const typed = withManifest(asked, project);
  const environment = environmentOf(context, project);
  using keyring = keyringOf(context, project);
  const { auth, selection } = runLogins(context, { project, environment, keyring });
  const options = { environment, selection };
  // everything that names alone can get wrong is found before a key or the engine is asked
  const entries = planEntries(project, options);
  const via = await otherTool(context, typed, entries);
  const plan = via === null ? planRun({ ...typed, entries }) : via.plan;
  if (values.flag("dry-run")) {
    if (via !== null) return via.show();
    out.json({ environment, ...plan });
    return 0;
  }
  const client: Client = via ?? ownClient(context, typed, plan);
  using opened = await openEnvironment(project, {
    ...options,
    env,
    keyring: keyring.find,
    asFiles: rawNames(plan),
  });
  warnAll(context, opened.warnings);
  const { seal } = project.manifest;
  using digestKey = await digestKeyOf(seal, keyring.find, opened);
  const { app } = seal;
  const identity = { app, environment: options.environment };
  // awaited here: returning the promise would wipe the values before they are used
  const own = { auth, entries: opened.entries, identity, digestKey: digestKey ?? undefined };
  return await client.run(own);
};

/** What a client gets of an opened environment. */
type Own = Required<Pick<RunOptions, "auth" | "entries" | "identity">> &
  Pick<RunOptions, "digestKey">;

/** Who runs the container. */
interface Client {
  /** @returns the exit code */
  run(this: void, own: Own): Promise<number>;
}

/**
 * Runs the container by ourselves. The engine is asked at once, and only asked: nothing is made on it
 * before all values are open.
 */
function ownClient(context: Context, typed: PlanOptions, { delivery }: RunPlan): Client {
  const connecting = connectAhead(context, async (engine) => {
    // the way of files to an engine of this machine depends on what it is
    if (delivery.kind !== "none" && engine.endpoint.local) await engine.info();
  });
  return { run: async (own) => perform(context, typed, { own, connecting }) };
}

/** `--via`: few runs need it, and every run would wait for it to be loaded. */
async function otherTool(
  context: Context,
  typed: PlanOptions,
  entries: readonly PlannedEntry[],
): Promise<OtherTool | null> {
  if (context.values.get("via") === undefined) return null;
  return (await import("./run-via.ts")).toolFor(context, typed, entries);
}

/** Everything that was typed, checked before the manifest is read. */
function typedOptions({ operands, values, env }: Context): PlanOptions {
  const [image = "", ...words] = operands;
  // `run IMAGE -- printenv A`: the dashes are ours, docker would look for a program of that name
  const command = words[0] === "--" ? words.slice(1) : words;
  const mode = values.get("mode");
  return {
    image,
    command,
    container: containerOptionsOf(values),
    env,
    files: values.list("file").map(parseFileFlag),
    delivery: (values.get("delivery") ?? "auto") as NonNullable<PlanOptions["delivery"]>,
    agent: values.flag("agent"),
    ...optional("variables", variablesOf(values)),
    ...optional("owner", values.get("owner")),
    ...optional("mode", mode === undefined ? undefined : parseMode(mode)),
  };
}

/** `[run]` of the manifest, where nothing was typed. */
function withManifest(typed: PlanOptions, { manifest }: Project): PlanOptions {
  return { ...typed, ...optional("variables", typed.variables ?? manifest.run?.env) };
}

/** The one of `--env-hidden`, `--env-as-file` and `--env-plain` that was typed. */
function variablesOf(values: Values): VariableDelivery | undefined {
  const ways = { "env-hidden": "hidden", "env-as-file": "file", "env-plain": "plain" } as const;
  const typed = Object.entries(ways).filter(([option]) => values.flag(option));
  if (typed.length <= 1) return typed[0]?.[1];
  const [one, other] = typed.map(([option]) => `--${option}`);
  throw new UsageError("USAGE_CONFLICT", `${one} and ${other} exclude each other`, {
    hint: "give one of them",
  });
}

async function perform(
  context: Context,
  typed: PlanOptions,
  { own, connecting }: { readonly own: Own; readonly connecting: () => Promise<Engine> },
): Promise<number> {
  const { values, out, host, cwd } = context;
  const mask = protect(context, own.entries ?? []);
  const engine = await connecting();
  // a program that has the terminal draws on it: holding text back would break its picture
  const unmasked = values.flag("no-mask") || values.flag("tty");
  const { io, finish } = programIo(context, unmasked ? null : mask);
  try {
    const { exitCode, containerId } = await run({
      ...typed,
      ...own,
      container: await withDetachKeys(context, typed.container),
      strict: values.flag("strict"),
      engine,
      cwd,
      io,
      signal: host.signal,
      onWarning: (text) => out.warn(text),
      onPull: pullProgress(context),
    });
    if (values.flag("detach") && out.isJson) out.json({ containerId });
    else if (values.flag("detach")) out.data(containerId);
    return exitCode;
  } finally {
    await finish();
  }
}

/** Keys from docker's own configuration, where a terminal may need them. */
async function withDetachKeys(
  { env, host }: Context,
  container: ContainerOptions = {},
): Promise<ContainerOptions> {
  if (container.tty !== true || container.detachKeys !== undefined) return container;
  return { ...container, detachKeys: await configuredDetachKeys({ env, home: host.home }) };
}
