/** What of this machine a build may use beside its files: outputs that come back, ssh agents. */
import { resolve } from "node:path";

import { UsageError } from "../errors.ts";
import { fileSendService } from "../session/filesend/service.ts";
import { tarFile, tarStream, type OutputTarget } from "../session/filesend/targets.ts";
import { sshService } from "../session/ssh/service.ts";
import { sshAgents } from "../session/ssh/sockets.ts";
import type { ContextSource } from "./inputs.ts";
import type { BuildOptions } from "./options.ts";
import { outputsOf, type Output } from "./outputs.ts";
import { openStores, type Stores } from "./stores.ts";

/** What a build may use, until it is disposed of. */
export interface LocalServices extends Stores, AsyncDisposable {}

/**
 * The services that this build's flags ask for.
 *
 * @param named - `--build-context`, by name
 * @param onFailure - told why an output could not be written, or a cache not be used
 * @throws {@link UsageError} USAGE, USAGE_CONFLICT
 */
export async function localServices(
  options: BuildOptions,
  named: ReadonlyMap<string, ContextSource>,
  onFailure: (error: Error) => void,
): Promise<LocalServices> {
  const targets = targetsOf(options);
  const stores = await openStores(options, named, onFailure);
  // the last to be opened, as it is what has to be closed
  const agents = await sshAgents(sshFlags(options), options);
  const { sockets } = agents;
  return {
    ...stores,
    services: [
      ...stores.services,
      ...(targets.size > 0 ? [fileSendService(targets, { onFailure })] : []),
      ...(sockets.size > 0 ? [sshService(sockets)] : []),
    ],
    [Symbol.asyncDispose]: async () => agents[Symbol.asyncDispose](),
  };
}

/** By the exporter's place in the request. */
function targetsOf(options: BuildOptions): Map<number, OutputTarget> {
  const targets = new Map<number, OutputTarget>();
  for (const [index, output] of outputsOf(options).entries()) {
    const target = targetOf(output, options);
    if (target !== null) targets.set(index, target);
  }
  return targets;
}

function targetOf(output: Output, options: BuildOptions): OutputTarget | null {
  const { exporter, destination, isLayout } = output;
  if (destination === null || isLayout === true) return null;
  const path = resolve(options.cwd, destination);
  if (exporter === "local") {
    if (destination !== "-") return { kind: "local", dir: path };
    throw new UsageError("USAGE", "a folder can't go to stdout", { hint: "add type=tar" });
  }
  if (destination !== "-") return tarFile(path);
  if (options.stdout !== undefined) return tarStream(options.stdout);
  throw new UsageError("USAGE", "an output is to go to stdout, which is not given");
}

/** As docker: a git context over ssh needs an agent, asked for or not. */
function sshFlags({ ssh = [], context }: BuildOptions): readonly string[] {
  const isGitOverSsh = /^ssh:\/\/|^[\w-]+@[\w.-]+:/.test(context);
  return ssh.length === 0 && isGitOverSsh ? ["default"] : ssh;
}
