import {
  assertClean,
  BUILD,
  build,
  type BuildPlan,
  type BuildRequest,
  BuildFailedError,
  type BuildOptions,
  BuildVault,
  buildVia,
  KeyStoreError,
  Mask,
  planBuild,
  planVia,
  type ProgressMode,
  progressView,
  type Project,
  publicKeyFor,
  registryLogin,
  renderReport,
  reportJson,
  scrubEnvironment,
  type Secret,
  SlotVault,
  type ViaPlan,
  type ViaTool,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import type { Values } from "../values.ts";
import { extraOf, refuseConflicts, requestOf } from "./build-request.ts";
import { connect } from "./engine.ts";
import { type KeySearch, keyringOf } from "./keyring.ts";
import { maskedStream } from "./masking.ts";
import { openProject, warnAll } from "./shared.ts";
import { searchImage } from "./verify.ts";

/** `build CONTEXT`: each secret goes to the step that mounts it. */
export const handle: Handler = async (context) => {
  const { values, out } = context;
  const request = requestOf(context);
  const tool = values.get("via") as ViaTool | undefined;
  const extra = extraOf(context);
  refuseConflicts(context);
  const project = await openProject(context);
  const ids = [...project.manifest.buildSecrets.keys()];
  // what the files alone can get wrong is found before the engine hears of the build
  const plan = await (tool === undefined
    ? planBuild(request, ids)
    : planVia({ ...request, tool, extra }, ids));
  if (values.flag("dry-run")) {
    if (tool !== undefined && !out.isJson) out.data(commandLine(plan as ViaPlan));
    else out.json(plan satisfies BuildPlan | ViaPlan);
    return 0;
  }
  using keyring = keyringOf(context, project);
  using vault = new BuildVault(project, keyring.find);
  const secrets = masking(context, vault);
  const step: BuildStep = { context, project, keyring, request, vault, secrets };
  const built = await (tool === undefined ? native(step) : handOver(step, tool, extra));
  if (!out.isJson && !values.flag("quiet")) noteOpened(context, built);
  warnAll(context, vault.warnings);
  if (!values.flag("verify")) {
    if (out.isJson) out.json(built);
    return answerCode(built);
  }
  return await prove(step, built);
};

/** `--check` found something: 7, as for a build that fails. */
function answerCode({ metadata = {} }: Built): number {
  return Number(metadata["result.statuscode"] ?? 0) === 0 ? 0 : 7;
}

/** What is known of a finished build; another builder tells only what we opened for it. */
interface Built {
  /** By which the engine knows it: the id, or a tag. */
  readonly image: string;
  readonly imageId?: string;
  readonly tags: readonly string[];
  /** How often each secret was opened. */
  readonly opened: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
  /** What the exporters answered. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** `--verify`: the report goes to stderr, as stdout belongs to the image's id. */
async function prove({ context, project, keyring }: BuildStep, built: Built): Promise<number> {
  const { out } = context;
  const report = await searchImage(context, { project, keyring, image: built.image });
  if (out.isJson) out.json({ ...built, verify: reportJson(report) });
  else for (const line of renderReport(report)) out.note(line);
  assertClean(report);
  return 0;
}

interface BuildStep {
  readonly context: Context;
  readonly project: Project;
  readonly keyring: KeySearch;
  readonly request: BuildRequest;
  readonly vault: BuildVault;
  readonly secrets: { readonly ids: readonly string[]; open(id: string): Promise<Secret | null> };
}

async function native({ context, project, keyring, request, secrets }: BuildStep): Promise<Built> {
  const { values, out, host } = context;
  const engine = await connect(context);
  const mode = progressOf(values);
  const view = progressView({
    mode,
    output: out.stderr,
    color: out.hasColor,
  });
  try {
    const result = await build({
      ...request,
      engine,
      secrets,
      auth: loginsOf(context, new SlotVault(project, keyring.find, project.manifest.registries)),
      stdout: host.stdout,
      secretCache: await secretCacheOf(context, project, keyring),
      onProgress: (event) => view.onProgress(event),
      mask: (text) => out.mask(text),
      signal: host.signal,
    });
    view.end();
    const { imageId, tags, warnings } = result;
    const metadata = Object.fromEntries(result.metadata);
    // a folder, a tar or a question about the Dockerfile has no image
    const answer = imageId === "" ? metadata["result.txt"]?.trimEnd() : imageId;
    if (!out.isJson && answer !== undefined) out.data(answer);
    const opened = Object.fromEntries(result.opened);
    return { image: imageId, imageId, tags, opened, warnings, metadata };
  } catch (error) {
    // without progress, what the failed step said last was not seen yet
    if (mode === "quiet" && error instanceof BuildFailedError)
      error.lines.forEach((line) => out.note(line));
    throw error;
  } finally {
    view.end();
  }
}

function progressOf(values: Values): ProgressMode {
  return values.flag("quiet") ? "quiet" : ((values.get("progress") ?? "auto") as ProgressMode);
}

/** The key of the digests is derived from the private key that opens the build's secrets. */
async function secretCacheOf(
  { values }: Context,
  project: Project,
  keyring: KeySearch,
): Promise<BuildOptions["secretCache"]> {
  if (values.get("secret-cache") !== "value") return undefined;
  const { buildSecrets, seal } = project.manifest;
  const publicKey = publicKeyFor(seal, BUILD);
  const { pairs } = await keyring.find(publicKey === undefined ? undefined : [publicKey]);
  const pair = pairs.find((one) => one.publicKey.text === publicKey) ?? pairs[0];
  if (pair === undefined)
    throw new KeyStoreError("KEY_NOT_FOUND", "--secret-cache needs the private key of the build", {
      hint: "sealmount key import, or leave out --secret-cache",
    });
  return { ids: new Set(buildSecrets.keys()), privateKey: pair.privateKey };
}

/** The manifest's slots, then what `docker login` left. */
function loginsOf(
  { env: own, host }: Context,
  slots: SlotVault,
): NonNullable<BuildOptions["auth"]> {
  const { home, signal } = host;
  // credential helpers get it
  const env = scrubEnvironment(own);
  return {
    credentials: async (registry) =>
      (await slots.credentials(registry)) ?? registryLogin(registry, { env, home, signal }),
  };
}

/**
 * Runs another builder. Its output is always piped through the mask, so its progress is plain.
 * It does not tell the image's id: the first tag stands for it.
 */
async function handOver(step: BuildStep, tool: ViaTool, extra: readonly string[]): Promise<Built> {
  const { context, request, vault, secrets } = step;
  const { host, out, values, env } = context;
  const via = { ...request, tool, extra: [...(values.flag("quiet") ? ["--quiet"] : []), ...extra] };
  // opened here, before the builder starts, as the mask has to know them all
  for (const id of (await planVia(via, secrets.ids)).secrets) await secrets.open(id);
  const mask = new Mask(vault.secrets);
  // with --json, stdout is for one document of ours
  const stdout = maskedStream(out.isJson ? host.stderr : host.stdout, mask);
  const stderr = maskedStream(host.stderr, mask);
  try {
    const result = await buildVia({
      ...via,
      secrets,
      childEnv: { ...scrubEnvironment(env), ...engineVariables(values) },
      output: { stdout: stdout.stream, stderr: stderr.stream },
      signal: host.signal,
    });
    for (const warning of result.warnings) out.warn(warning);
    const [image = "", ...others] = request.tags ?? [];
    const opened = Object.fromEntries(result.opened);
    return { image, tags: [image, ...others], opened, warnings: result.warnings };
  } finally {
    await Promise.all([stdout.finish(), stderr.finish()]);
  }
}

/** `--host` and `--context`, as docker's own client knows them. */
function engineVariables(values: Values): Readonly<Record<string, string>> {
  const [host, context] = [values.get("host"), values.get("context")];
  // a host from the environment would win over the context
  if (context !== undefined) return { DOCKER_HOST: "", DOCKER_CONTEXT: context };
  return host === undefined ? {} : { DOCKER_HOST: host };
}

/** Secrets that mask themselves in everything written from the moment they are opened. */
function masking({ out }: Context, vault: BuildVault): BuildStep["secrets"] {
  const masked = new Set<Secret>();
  return {
    ids: vault.ids,
    async open(id) {
      const secret = await vault.open(id);
      if (secret === null || masked.has(secret)) return secret;
      masked.add(secret);
      out.protect(new Mask([secret]));
      return secret;
    },
  };
}

/** Each opening of a secret is told, as the only sign that a cached step asked for none. */
function noteOpened({ out }: Context, { opened }: Built): void {
  const counts = Object.entries(opened).map(([id, count]) => `${id} (${count})`);
  if (counts.length > 0) out.note(`secrets opened for steps: ${counts.join(", ")}`);
}

/** As a shell would take it. */
function commandLine({ program, args }: ViaPlan): string {
  return [program, ...args].map(shellWord).join(" ");
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
