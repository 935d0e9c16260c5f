import {
  exec,
  type ExecEntry,
  type FileRequest,
  openEnvironment,
  parseFileFlag,
  planEntries,
  planExec,
  UsageError,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import { execInContainer, refuseContainerFlags } from "./exec-container.ts";
import { keyringOf } from "./keyring.ts";
import { protect, maskedStream } from "./masking.ts";
import { environmentOf, openProject, selectionOf, warnAll } from "./shared.ts";

/** `exec -- COMMAND`: a local program with the values of one environment, or one in a container. */
export const handle: Handler = async (context) =>
  context.values.get("container") === undefined
    ? execHere(context)
    : execInContainer(context, context.values.get("container") ?? "");

async function execHere(context: Context): Promise<number> {
  const { operands: command, values, env, out } = context;
  refuseContainerFlags(context);
  const requests = values.list("file").map(fileRequest);
  const project = await openProject(context);
  const options = { environment: environmentOf(context, project), selection: selectionOf(context) };
  const planned = asFiles(planEntries(project, options), requests);
  const plan = planExec({ command, entries: planned });
  if (values.flag("dry-run")) {
    out.json({ environment: options.environment, ...plan });
    return 0;
  }
  using keyring = keyringOf(context, project);
  const names = requests.map(({ name }) => name);
  using opened = await openEnvironment(project, {
    ...options,
    env,
    keyring: keyring.find,
    asFiles: names,
  });
  warnAll(context, opened.warnings);
  // awaited here: returning the promise would wipe the values before they are used
  return await perform(context, asFiles(opened.entries, requests));
}

async function perform(context: Context, entries: readonly ExecEntry[]): Promise<number> {
  const { operands: command, values, env, cwd, host } = context;
  const { onSignal } = host;
  // a terminal goes to the program itself, which then can draw on it; only pipes pass through us
  const inherits = host.stdout.isTTY === true && host.stderr.isTTY === true;
  if (inherits || values.flag("no-mask"))
    return (await exec({ command, entries, env, cwd, onSignal })).exitCode;
  const mask = protect(context, entries);
  const [stdout, stderr] = [maskedStream(host.stdout, mask), maskedStream(host.stderr, mask)];
  try {
    const stdio = { stdout: stdout.stream, stderr: stderr.stream };
    return (await exec({ command, entries, env, cwd, onSignal, stdio })).exitCode;
  } finally {
    await Promise.all([stdout.finish(), stderr.finish()]);
  }
}

/** `--file NAME[,mode=…]`: the owner is whoever runs the program, and the folder is private. */
function fileRequest(text: string): FileRequest {
  const request = parseFileFlag(text);
  if (request.owner === undefined) return request;
  throw new UsageError("USAGE", "a file of exec belongs to whoever runs it: no owner", {
    hint: `--file ${request.name}`,
  });
}

/** Entries with `--file` over what the manifest says, part by part. */
function asFiles<T extends { readonly name: string; readonly file?: ExecEntry["file"] }>(
  entries: readonly T[],
  requests: readonly FileRequest[],
): T[] {
  for (const { name } of requests) {
    if (entries.some((entry) => entry.name === name)) continue;
    throw new UsageError("USAGE_UNKNOWN", `--file names ${name}, which is not delivered`, {
      hint: "see sealmount ls",
    });
  }
  return entries.map((entry) => {
    const request = requests.find(({ name }) => name === entry.name);
    if (request === undefined) return entry;
    const path = request.path ?? entry.file?.path ?? entry.name;
    const mode = request.mode ?? entry.file?.mode;
    return { ...entry, file: mode === undefined ? { path } : { path, mode } };
  });
}
