import {
  type BuildOptions,
  type BuildRequest,
  buildVia,
  buildViaProved,
  Mask,
  planVia,
  type ProvedViaResult,
  scrubEnvironment,
  type ViaPlan,
  type ViaResult,
  type ViaTool,
} from "../../index.ts";
import type { Values } from "../values.ts";
import type { BuildStep, Built } from "./build-step.ts";
import { connect } from "./engine.ts";
import { maskedStream } from "./masking.ts";

export { planVia };

/** To whom, and with what. */
interface HandOver {
  readonly tool: ViaTool;
  /** Words of that builder's own. */
  readonly extra: readonly string[];
  readonly plan: ViaPlan;
  readonly prove?: BuildOptions["prove"];
}

/**
 * Runs another builder. Its output is always piped through the mask, so its progress is plain.
 * It does not tell the image's id: the first tag stands for it.
 */
export async function handOver(step: BuildStep, o: HandOver): Promise<Built> {
  const { tool, extra, plan, prove } = o;
  const { context, request, vault, secrets, guard } = step;
  const { host, out, values, env } = context;
  const via = { ...request, tool, extra: [...(values.flag("quiet") ? ["--quiet"] : []), ...extra] };
  // opened here, before the builder starts, as the mask has to know them all
  for (const id of plan.secrets) await secrets.open(id);
  for (const { name, cache } of step.project.manifest.buildSecrets.values())
    if (cache !== undefined) out.warn(`${name} has cache = "value", which ${tool} can't do`);
  const mask = new Mask(vault.secrets);
  // with --json, stdout is for one document of ours
  const stdout = maskedStream(out.isJson ? host.stderr : host.stdout, mask);
  const stderr = maskedStream(host.stderr, mask);
  try {
    const options = {
      ...via,
      secrets,
      guard,
      childEnv: { ...scrubEnvironment(env), ...engineVariables(values) },
      output: { stdout: stdout.stream, stderr: stderr.stream },
      signal: host.signal,
    };
    const result: ViaResult & Partial<ProvedViaResult> =
      prove === undefined
        ? await buildVia(options)
        : await buildViaProved({ ...options, prove, engine: await connect(context) });
    for (const warning of result.warnings) out.warn(warning);
    return builtOf(request, result);
  } finally {
    await Promise.all([stdout.finish(), stderr.finish()]);
  }
}

/** Without its id, an image is known by its first tag. */
function builtOf(
  { tags = [] }: BuildRequest,
  { imageId, opened, warnings }: ViaResult & Partial<ProvedViaResult>,
): Built {
  const image = tags[0] ?? imageId ?? "";
  const id = imageId === undefined ? {} : { imageId };
  return { image, ...id, tags, opened: Object.fromEntries(opened), warnings };
}

/** `--host` and `--context`, as docker's own client knows them. */
export function engineVariables(values: Values): Readonly<Record<string, string>> {
  const [host, context] = [values.get("host"), values.get("context")];
  // a host from the environment would win over the context
  if (context !== undefined) return { DOCKER_HOST: "", DOCKER_CONTEXT: context };
  return host === undefined ? {} : { DOCKER_HOST: host };
}

/** As a shell would take it. */
export function commandLine({ program, args }: Pick<ViaPlan, "program" | "args">): string {
  return [program, ...args].map(shellWord).join(" ");
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
