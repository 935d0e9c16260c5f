import {
  BUILD,
  build,
  type BuildPlan,
  BuildFailedError,
  type BuildOptions,
  BuildVault,
  KeyStoreError,
  Mask,
  planBuild,
  type ProgressMode,
  progressView,
  type Project,
  publicKeyFor,
  type Secret,
  slotsThenDocker,
  SlotVault,
  UsageError,
  type ViaPlan,
  type ViaTool,
} from "../../index.ts";
import type { Context, Handler } from "../spec.ts";
import type { Values } from "../values.ts";
import { extraOf, mustProve, refuseConflicts, requestOf } from "./build-request.ts";
import { guardOf } from "./build-guard.ts";
import type { BuildStep, Built } from "./build-step.ts";
import type * as Via from "./build-via.ts";
import { connect } from "./engine.ts";
import { type KeySearch, keyringOf } from "./keyring.ts";
import { loginPlaces } from "./logins.ts";
import { openProject, warnAll } from "./shared.ts";

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
    : (await otherBuilders()).planVia({ ...request, tool, extra }, ids));
  if (values.flag("dry-run")) {
    if ("program" in plan && !out.isJson) out.data((await otherBuilders()).commandLine(plan));
    else out.json(plan satisfies BuildPlan | ViaPlan);
    return 0;
  }
  using keyring = keyringOf(context, project);
  using vault = new BuildVault(project, keyring.find);
  const secrets = masking(context, vault);
  using guard = guardOf(context, project, keyring);
  const step: BuildStep = { context, project, keyring, request, vault, secrets, guard };
  const built = mustProve(context, project)
    ? await (
        await import("./build-proof.ts")
      ).proved(step, async (prove) => perform(step, { plan, extra, prove }))
    : await perform(step, { plan, extra });
  if (!out.isJson && !values.flag("quiet")) noteOpened(context, built);
  warnAll(context, vault.warnings);
  if (out.isJson) out.json(built);
  return answerCode(built);
};

interface Performance {
  readonly plan: BuildPlan | ViaPlan;
  /** Words of another builder's own. */
  readonly extra: readonly string[];
  readonly prove?: BuildOptions["prove"];
}

async function perform(step: BuildStep, o: Performance): Promise<Built> {
  const { plan, extra, prove } = o;
  const tool = step.context.values.get("via") as ViaTool | undefined;
  if (tool === undefined || !("program" in plan)) return native(step, prove);
  return (await otherBuilders()).handOver(step, { tool, extra, plan, prove });
}

/** Few builds need them, and every build would wait for them to be loaded. */
async function otherBuilders(): Promise<typeof Via> {
  return import("./build-via.ts");
}

/** `--check` found something: 7, as for a build that fails. */
function answerCode({ metadata = {} }: Built): number {
  return Number(metadata["result.statuscode"] ?? 0) === 0 ? 0 : 7;
}

async function native(step: BuildStep, prove: BuildOptions["prove"]): Promise<Built> {
  const { context, project, keyring, request, secrets, guard } = step;
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
      auth: slotsThenDocker(project, keyring.find, loginPlaces(context)),
      sourceAuth: new SlotVault(project, keyring.find, project.manifest.git),
      stdout: host.stdout,
      prove,
      guard,
      secretCache: secretCacheOf(context, project, keyring),
      onProgress: (event) => {
        view.onProgress(event);
        // without progress, a warning of ours is still one
        if (mode === "quiet" && event.kind === "warning" && event.step === undefined)
          out.warn(event.text);
      },
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
  if (values.flag("quiet")) return "quiet";
  // the id is on stdout in any case, so docker's two words mean one thing
  const mode = (values.get("progress") ?? "auto").replace(/^none$/, "quiet");
  const isKnown = /^(?:auto|plain|tty|quiet|rawjson)$/.test(mode);
  if (isKnown) return mode as ProgressMode;
  throw new UsageError("USAGE", "BUILDKIT_PROGRESS is no kind of progress", {
    hint: "set it to plain, tty, quiet or rawjson",
  });
}

/** Which steps are tied to values: `--secret-cache` for all, else what the manifest marks. */
function secretCacheOf(
  { values }: Context,
  project: Project,
  keyring: KeySearch,
): BuildOptions["secretCache"] {
  const wanted = values.get("secret-cache");
  const entries = [...project.manifest.buildSecrets.values()];
  const tied = entries.filter(({ cache }) => wanted === "value" || cache === "value");
  if (wanted === "off" || tied.length === 0) return undefined;
  const ids = new Set(tied.map(({ name }) => name));
  return { ids, privateKey: async () => privateKeyOf(project, keyring) };
}

/** The one that opens the build's secrets. */
async function privateKeyOf({ manifest: { seal } }: Project, keyring: KeySearch): Promise<Secret> {
  const publicKey = publicKeyFor(seal, BUILD);
  const { pairs } = await keyring.find(publicKey === undefined ? undefined : [publicKey]);
  const pair = pairs.find((one) => one.publicKey.text === publicKey) ?? pairs[0];
  if (pair === undefined)
    throw new KeyStoreError("KEY_NOT_FOUND", "--secret-cache needs the private key of the build", {
      hint: "sealmount key import, or pass --secret-cache=off",
    });
  return pair.privateKey;
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
