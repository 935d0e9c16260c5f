import {
  execIn,
  type ExecInFlags,
  openEnvironment,
  type OpenedEntry,
  planEntries,
  UsageError,
} from "../../index.ts";
import type { Context } from "../spec.ts";
import type { Values } from "../values.ts";
import { connect } from "./engine.ts";
import { keyringOf } from "./keyring.ts";
import { protect } from "./masking.ts";
import { programIo } from "./run-io.ts";
import { environmentOf, openProject, selectionOf, warnAll } from "./shared.ts";

/** Options of `exec` that mean something only in a container. */
const FLAGS = [
  "interactive",
  "tty",
  "detach",
  "user",
  "workdir",
  "env-var",
  "env-file",
  "privileged",
  "detach-keys",
  "host",
  "context",
];

/** @throws UsageError USAGE for one of docker's options without `--container` */
export function refuseContainerFlags({ values }: Context): void {
  const typed = FLAGS.find((option) => values.typed(option));
  if (typed === undefined) return;
  throw new UsageError("USAGE", `--${typed} is for a program in a container`, {
    hint: "add --container NAME, or leave it out",
  });
}

/** `exec --container NAME -- COMMAND`: as `docker exec`, with the container's hidden variables. */
export async function execInContainer(context: Context, container: string): Promise<number> {
  const { operands: command, values, out } = context;
  if (values.typed("file")) {
    throw new UsageError("USAGE", "--file can't be given to a container that runs", {
      hint: "leave it out: the container has the files that it was started with",
    });
  }
  const flags = flagsOf(values);
  if (values.flag("dry-run")) {
    const { env = [], ...rest } = flags;
    out.json({ container, command, flags: { ...rest, env: env.map(nameOf) } });
    return 0;
  }
  // a program that has the terminal draws on it; one that is detached shows nothing
  if (values.flag("no-mask") || flags.tty === true || flags.detach === true) {
    return perform(context, container, null);
  }
  const project = await openProject(context);
  using keyring = keyringOf(context, project);
  const options = { environment: environmentOf(context, project), selection: selectionOf(context) };
  using opened = await openEnvironment(project, {
    ...options,
    env: context.env,
    keyring: keyring.find,
    // only looked for, so any bytes will do
    asFiles: planEntries(project, options).map(({ name }) => name),
  });
  warnAll(context, opened.warnings);
  // awaited here: returning the promise would wipe the values before they are used
  return await perform(context, container, opened.entries);
}

async function perform(
  context: Context,
  container: string,
  entries: readonly OpenedEntry[] | null,
): Promise<number> {
  const { operands: command, values, env, cwd, host } = context;
  const mask = entries === null ? null : protect(context, entries);
  const engine = await connect(context);
  const { io, finish } = programIo(context, mask);
  try {
    const flags = flagsOf(values);
    return await execIn({ engine, container, command, flags, env, cwd, io, signal: host.signal });
  } finally {
    await finish();
  }
}

function flagsOf(values: Values): ExecInFlags {
  const all = {
    detach: values.flag("detach"),
    interactive: values.flag("interactive"),
    tty: values.flag("tty"),
    privileged: values.flag("privileged"),
    user: values.get("user"),
    workdir: values.get("workdir"),
    env: values.list("env-var"),
    envFile: values.list("env-file"),
    detachKeys: values.get("detach-keys"),
  };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined && value !== false),
  );
}

function nameOf(text: string): string {
  return text.split("=")[0] ?? "";
}
