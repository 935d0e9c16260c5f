/** Builds an image natively: context as a tar body, secrets over a BuildKit session. */
import { createHmac, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Readable } from "node:stream";

import { compareApi } from "../docker/version.ts";
import { DockerError, InterruptedError } from "../errors.ts";
import type { AuthStore } from "../session/auth/service.ts";
import { noBuildKit, openSession, type Session } from "../session/session.ts";
import { readAnswer, type BuildAnswer } from "./answer.ts";
import { packContext } from "./context-tar.ts";
import type { BuildEvent } from "./events.ts";
import { failure } from "./failure.ts";
import { OUTSIDE_NAME, readInputs, type BuildInputs } from "./inputs.ts";
import type { BuildOptions, BuildRequest, BuildResult } from "./options.ts";
import { assemblePlan, type BuildPlan } from "./plan.ts";
import { Progress } from "./progress.ts";
import { buildQuery } from "./query.ts";
import { ServedSecrets } from "./served-secrets.ts";
import { decodeStatus } from "./status.ts";
import { Steps } from "./steps.ts";

/** First API version with sessions. */
const SESSION_API = "1.39";
/** Cancelling is a courtesy: the engine also stops when the request's connection ends. */
const CANCEL_TIMEOUT_MS = 1_000;

/** One build under way. */
interface Run {
  readonly options: BuildOptions;
  readonly inputs: BuildInputs;
  readonly plan: BuildPlan;
  readonly session: Session;
  /** Fires with the reason: an interrupt, a lost session, a secret that does not open. */
  readonly stop: AbortController;
  readonly progress: Progress;
}

/**
 * Reads the Dockerfile and says what a build would do; contacts no engine and opens no secret.
 *
 * @param ids - names in `[build_secrets]`
 * @throws as {@link build} does before it starts
 */
export async function planBuild(request: BuildRequest, ids: readonly string[]): Promise<BuildPlan> {
  return assemblePlan(request, await readInputs(request), ids);
}

/**
 * Builds an image. Secrets are opened one by one, when a step asks; everything that was opened for
 * it is wiped, and the session closed, when this returns or throws.
 *
 * @throws {@link ManifestError} SECRET_MISSING before anything is sent
 * @throws {@link BuildError} BUILD_FAILED, BUILD_DOCKERFILE, BUILD_CONTEXT, BUILD_SECRET_SIZE
 * @throws {@link DockerError} DOCKER_NO_BUILDKIT, DOCKER_SESSION_LOST, and those of every call
 * @throws {@link UnsealError} and whatever else `secrets.open` throws
 * @throws {@link InterruptedError} when the signal fired
 */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const inputs = await readInputs(options);
  const plan = assemblePlan(options, inputs, options.secrets.ids);
  requireBuildKit(options);
  const stop = new AbortController();
  const abort = (): void => stop.abort(new InterruptedError());
  options.signal?.addEventListener("abort", abort);
  if (options.signal?.aborted === true) abort();
  try {
    return await buildPlanned(options, { inputs, plan, stop });
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
}

async function buildPlanned(
  options: BuildOptions,
  { inputs, plan, stop }: Pick<Run, "inputs" | "plan" | "stop">,
): Promise<BuildResult> {
  const served = new ServedSecrets(options.secrets, (error) => stop.abort(error));
  const report = new Report(options, inputs.dockerfile.shown);
  for (const text of plan.warnings) report.emit({ kind: "warning", text });
  const session = await openSession(options.engine, {
    secrets: served,
    auth: options.auth && reporting(options.auth, stop),
    sharedKey: sharedKeyOf(inputs.context),
    signal: options.signal,
  });
  try {
    void watch(session, stop);
    const answer = await run({ options, inputs, plan, session, stop, progress: report.progress });
    const imageId = report.imageIdOf(answer);
    return { imageId, tags: plan.tags, opened: served.opened, warnings: report.warnings };
  } finally {
    await session.close();
  }
}

/** Collects what the events say, while passing them on. */
class Report {
  readonly warnings: string[] = [];
  readonly progress: Progress;
  readonly #steps = new Steps();
  readonly #dockerfile: string;
  readonly #onProgress: (event: BuildEvent) => void;

  constructor(options: BuildOptions, dockerfile: string) {
    this.#dockerfile = dockerfile;
    this.#onProgress = options.onProgress ?? (() => undefined);
    const mask = options.mask ?? ((text: string): string => text);
    this.progress = new Progress({ mask, emit: (event) => this.emit(event) });
  }

  emit(event: BuildEvent): void {
    if (event.kind === "warning") this.warnings.push(event.text);
    this.#steps.push(event);
    this.#onProgress(event);
  }

  imageIdOf(answer: BuildAnswer): string {
    if (answer.error !== null) {
      const error = this.progress.clean(answer.error);
      throw failure({ error, dockerfile: this.#dockerfile, step: this.#steps.failed[0] });
    }
    if (answer.imageId === null) {
      throw new DockerError("DOCKER_REFUSED", "the engine ended the build without an image");
    }
    return answer.imageId;
  }
}

/**
 * Opens what the steps of this build may mount, so that the mask knows it. Serving alone is not
 * enough: BuildKit runs a step once for two builds at a time and shows its output to both, although
 * it asked only one of them for the secret; and a step may print what a cached one left behind.
 */
async function openForMask({ options, plan, stop }: Run): Promise<void> {
  try {
    for (const { id, declared } of plan.secrets) if (declared) await options.secrets.open(id);
  } catch (error) {
    stop.abort(error);
    throw error;
  }
}

/**
 * Every engine since 18.09 has BuildKit; what an administrator can do is switch it off. 20.10 does
 * not say ("" as Builder-Version, measured), so no answer is no refusal.
 */
function requireBuildKit({ engine }: BuildOptions): void {
  const { builder, api, os } = engine.version;
  if (builder === "1" || os === "windows" || compareApi(api, SESSION_API) < 0)
    throw noBuildKit(engine);
}

/** The engine only hears that a login did not open; why is for the user. */
function reporting(auth: AuthStore, stop: AbortController): AuthStore {
  return {
    credentials: async (host) =>
      auth.credentials(host).catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
  };
}

/** The engine goes on without its session until a step needs it, so the build is stopped by us. */
async function watch(session: Session, stop: AbortController): Promise<void> {
  if ((await session.lost) === null) return;
  const hint = "look at the engine's log, then build again";
  const message = "the engine closed the build's session";
  stop.abort(new DockerError("DOCKER_SESSION_LOST", message, { hint }));
}

async function run(o: Run): Promise<BuildAnswer> {
  const { engine } = o.options;
  const buildId = randomBytes(16).toString("hex");
  const { dockerfile } = o.inputs;
  const ids = {
    session: o.session.id,
    build: buildId,
    dockerfile: dockerfile.inContext ?? OUTSIDE_NAME,
  };
  const body = await bodyOf(o.inputs);
  try {
    o.stop.signal.throwIfAborted();
    const response = await engine.stream("POST", "/build", {
      query: buildQuery(o.options, ids),
      headers: { "Content-Type": "application/x-tar" },
      body,
      signal: o.stop.signal,
    });
    const answer = await readAnswer(response, tracer(o));
    o.stop.signal.throwIfAborted();
    return answer;
  } catch (error) {
    if (!o.stop.signal.aborted) throw error;
    await cancel(o, buildId);
    throw o.stop.signal.reason;
  } finally {
    // a request that was cut off leaves its body as it stands, with a file of the context open
    body.destroy();
    o.progress.end();
  }
}

/** Passes progress on; before the first output of a step, the mask has to know every secret of it. */
function tracer(o: Run): (bytes: Buffer) => Promise<void> {
  let isMaskReady = false;
  return async (bytes) => {
    const status = decodeStatus(bytes);
    if (!isMaskReady && status.logs.length > 0) {
      await openForMask(o);
      isMaskReady = true;
    }
    o.progress.push(status);
  };
}

async function bodyOf(inputs: BuildInputs): Promise<Readable> {
  const { context: root, ignore, dockerfile } = inputs;
  const { inContext, content } = dockerfile;
  const extra = inContext === null ? { name: OUTSIDE_NAME, content } : undefined;
  return packContext({ root, ignore, keep: inContext ?? undefined }, extra);
}

async function cancel({ options }: Run, buildId: string): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
  await options.engine
    .request("POST", "/build/cancel", { query: { id: buildId }, signal })
    .catch(() => undefined);
}

/** The same for the same folder on this machine, another one elsewhere; tells no path. */
function sharedKeyOf(context: string): string {
  return createHmac("sha256", `sealmount ${hostname()}`).update(context).digest("hex");
}
