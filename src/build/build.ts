/** Builds an image natively: files, secrets and logins over a BuildKit session. */
import { digestKey } from "../crypto/digest.ts";
import { escapeControl } from "../docker/errors.ts";
import { compareApi } from "../docker/version.ts";
import { DockerError, InterruptedError, UsageError } from "../errors.ts";
import type { Secret } from "../secret/secret.ts";
import type { AuthStore } from "../session/auth/service.ts";
import { noBuildKit, openSession, type Session } from "../session/session.ts";
import { readCall } from "./caches.ts";
import { connectBoth, type Connections } from "./connect.ts";
import { readDockerfile } from "./dockerfile.ts";
import { factsOf, refuseUnsupported, type EngineFacts } from "./engine-facts.ts";
import { FlagMask } from "./flag-mask.ts";
import { BuildGuard } from "./guard-build.ts";
import { PlaintextError } from "./guard-refuse.ts";
import { holdBack } from "./held-back.ts";
import { readInputs, type BuildInputs } from "./inputs.ts";
import { localServices } from "./local-services.ts";
import { Report, type Job, type RunningJob } from "./job.ts";
import type { BuildOptions, BuildRequest, BuildResult } from "./options.ts";
import { isImage, outputsOf } from "./outputs.ts";
import { assemblePlan, type BuildPlan } from "./plan.ts";
import { postBuild } from "./post-build.ts";
import { exportCaches, proveAndRelease } from "./proof.ts";
import { IMAGE_DIGEST, pushImages } from "./push.ts";
import { removeStaleResults, writeResults } from "./results.ts";
import { cachedSteps, withoutDigests, withSecretCache } from "./secret-cache.ts";
import { JoinedSecrets } from "./secret-flags.ts";
import { ServedSecrets } from "./served-secrets.ts";
import { serve } from "./serving.ts";
import { isGitId, SourceLogins } from "./source-logins.ts";
import { solveBuild } from "./solve-build.ts";

/** First API version with sessions. */
const SESSION_API = "1.39";

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
 * it is wiped, and both connections closed, when this returns or throws. Unless `record` is set, the
 * engine keeps no record of the build.
 *
 * @throws {@link UsageError} USAGE, USAGE_CONFLICT for flags that can't be read
 * @throws {@link ManifestError} SECRET_MISSING before anything is sent
 * @throws {@link BuildError} BUILD_FAILED, BUILD_DOCKERFILE, BUILD_CONTEXT, BUILD_SECRET_SIZE
 * @throws {@link DockerError} DOCKER_NO_BUILDKIT, DOCKER_TOO_OLD with the flag that the engine can't
 *   do, DOCKER_SESSION_LOST, and those of every call
 * @throws {@link UnsealError} and whatever else `secrets.open` throws
 * @throws {@link InterruptedError} when the signal fired
 */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const read = await readInputs(options);
  const plan = assemblePlan(options, read, options.secrets.ids);
  requireBuildKit(options);
  using secrets = new JoinedSecrets(options.secrets, options);
  using guard = guardOf({ options, inputs: read, plan, secrets });
  using logins = options.sourceAuth && new SourceLogins(options.sourceAuth);
  const ours = (): Secret[] => [...secrets.ofFlags, ...(logins?.opened ?? [])];
  using mask = new FlagMask(ours, options.mask);
  const inputs = await tieToValues(options, read);
  const report = new Report(options, read.dockerfile.shown, (text) =>
    withoutDigests(mask.text(text)),
  );
  const stop = new AbortController();
  const abort = (): void => stop.abort(new InterruptedError());
  options.signal?.addEventListener("abort", abort);
  if (options.signal?.aborted === true) abort();
  try {
    await removeStaleResults(options);
    await using held = isHeldBack(options) ? await holdBack(options) : undefined;
    const first = held?.options ?? options;
    const job = { options: first, held, secrets, logins, inputs, plan, stop, report };
    const result = await buildGuarded(job, guard);
    await writeResults(options, result);
    return result;
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
}

function guardOf(o: {
  readonly options: BuildOptions;
  readonly inputs: BuildInputs;
  readonly plan: BuildPlan;
  readonly secrets: JoinedSecrets;
}): BuildGuard | undefined {
  const { options, ...rest } = o;
  return options.guard && new BuildGuard({ request: options, guard: options.guard, ...rest });
}

/** Tells what the guard has seen, also when the build fails of something else. */
async function buildGuarded(job: Job, guard: BuildGuard | undefined): Promise<BuildResult> {
  let refused: unknown;
  try {
    return await buildPlanned(job, guard);
  } catch (error) {
    refused = (await guard?.refusal(error)) ?? error;
    throw refused;
  } finally {
    // a refusal names them all
    const seen = refused instanceof PlaintextError ? [] : ((await guard?.warnings()) ?? []);
    for (const text of seen) job.report.emit({ kind: "warning", text });
  }
}

async function buildPlanned(job: Job, guard: BuildGuard | undefined): Promise<BuildResult> {
  const { options, inputs, plan, stop, report } = job;
  const onFailure = (error: Error): void => stop.abort(error);
  const onOpened = openingTeller(report);
  const served = new ServedSecrets(job.secrets, { onFailure, onOpened, logins: job.logins });
  const serving = await serve(inputs, options.cwd, { onFailure, guard });
  await using local = await localServices(options, inputs.named, onFailure);
  for (const text of [...plan.warnings, ...local.warnings]) report.emit({ kind: "warning", text });
  const open = async (): Promise<Session> =>
    openSession(options.engine, {
      secrets: served,
      auth: options.auth && reporting(options.auth, stop),
      env: options.env,
      services: [...serving.services, ...local.services, ...(options.services ?? [])],
      sharedKey: serving.sharedKey,
      signal: options.signal,
    });
  // values are opened while the engine answers; nothing is asked of it before all is well
  const begun = guard?.begin();
  begun?.catch(() => undefined);
  const connections = await connectBoth(options.engine, open, options.signal).catch(
    async (error: unknown) => {
      // what it is about to open is to be wiped
      await begun?.catch(() => undefined);
      throw error;
    },
  );
  try {
    const { session } = connections;
    void watch(session, stop);
    for (const text of (await begun) ?? []) report.emit({ kind: "warning", text });
    const places = { ...serving.places, ...local.places };
    const { caches } = local;
    const running = { ...job, session, places, caches };
    const { answer, facts } = await run(running, connections);
    await local.finish(answer);
    const imageId = imageIdOf(options, answer);
    const made = { imageId, answer, facts };
    const metadata = await release(running, made, connections);
    if (job.held?.hasCaches === true && connections.control !== null)
      await local.finishCaches(
        await exportCaches(running, { control: connections.control, facts }),
      );
    return { imageId, tags: plan.tags, opened: served.opened, warnings: report.warnings, metadata };
  } finally {
    await connections.close();
  }
}

/** @returns what the exporters answered, and the registry */
async function release(
  { options, held, report, stop: { signal } }: RunningJob,
  { imageId, answer, facts }: Built,
  { control }: Connections,
): Promise<ReadonlyMap<string, string>> {
  const { containerd } = facts;
  if (held !== undefined)
    return proveAndRelease({ held, report, signal, imageId, answer, hasContainerd: containerd });
  // an engine with containerd's store pushes while it exports
  return containerd || control === null ? answer : pushImages(options, answer, signal);
}

/** What the engine has made. */
interface Built {
  readonly imageId: string;
  readonly answer: ReadonlyMap<string, string>;
  readonly facts: EngineFacts;
}

/** A question about the Dockerfile makes nothing. */
function isHeldBack({ prove, call }: BuildOptions): boolean {
  return prove !== undefined && readCall(call) === null;
}

async function run(
  job: RunningJob,
  { control }: Connections,
): Promise<{ readonly answer: ReadonlyMap<string, string>; readonly facts: EngineFacts }> {
  const { options, stop } = job;
  stop.signal.throwIfAborted();
  const workers = control === null ? null : await control.listWorkers(stop.signal);
  const facts = factsOf(options.engine.version.engine, workers);
  refuseUnsupported(job.held?.asked ?? options, facts, hasFrontend(job));
  if (control !== null)
    return { answer: await solveBuild(firstOf(job), { control, facts }), facts };
  warnOfRoad(job, facts);
  return { answer: await postBuild(job), facts };
}

/** What is held back comes without caches of its own: they would be seen before it is proved. */
function firstOf(job: RunningJob): RunningJob {
  if (job.held === undefined) return job;
  const exports = job.caches.exports.filter(({ type }) => type === "inline");
  return { ...job, caches: { ...job.caches, exports } };
}

/**
 * `secretCache`: the Dockerfile to send instead.
 *
 * @throws {@link UsageError} USAGE_CONFLICT when only the engine reads the Dockerfile
 */
async function tieToValues(options: BuildOptions, inputs: BuildInputs): Promise<BuildInputs> {
  const { secretCache, secrets, target } = options;
  if (secretCache === undefined) return inputs;
  const { content, shown } = inputs.dockerfile;
  if (content === null)
    throw new UsageError("USAGE_CONFLICT", "--secret-cache needs a Dockerfile that is read here", {
      hint: "name a local one with -f, or pass --secret-cache=off",
    });
  const { ids } = secretCache;
  if (cachedSteps(content.toString("utf8"), { marked: ids, target }).length === 0) return inputs;
  using key = digestKey(await secretCache.privateKey(), "secret-cache");
  const open = async (id: string): ReturnType<typeof secrets.open> => secrets.open(id);
  const marked = { marked: ids, key, open };
  const tied = await withSecretCache({ dockerfile: content, shown, target, ...marked });
  return { ...inputs, dockerfile: { ...inputs.dockerfile, content: tied } };
}

/** Reports each opening; the first of a login for git with what git makes of it. */
function openingTeller(report: Report): (id: string) => void {
  const warned = new Set<string>();
  return (id) => {
    report.emit({ kind: "opened", secret: escapeControl(id), at: Date.now() });
    if (!isGitId(id) || warned.has(id)) return;
    warned.add(id);
    const text = `${escapeControl(id)} becomes an argument of git on the engine's host, where every process can read it`;
    report.emit({ kind: "warning", text });
  };
}

/** `# syntax=` or its build argument: a front end of its own, perhaps newer than the engine. */
function hasFrontend({ options, inputs }: Job): boolean {
  const { content } = inputs.dockerfile;
  if ((options.buildArgs ?? []).some((text) => text.startsWith("BUILDKIT_SYNTAX"))) return true;
  return content === null || readDockerfile(content.toString("utf8")).syntax !== null;
}

function warnOfRoad({ options, report }: Job, { version }: EngineFacts): void {
  if (options.record === true) return;
  const text = `engine ${version} refuses POST /grpc, so it may keep a record of this build`;
  report.emit({ kind: "warning", text });
}

function imageIdOf(options: BuildOptions, metadata: ReadonlyMap<string, string>): string {
  const isWanted = readCall(options.call) === null && outputsOf(options).some(isImage);
  const id = metadata.get(IMAGE_DIGEST);
  if (id !== undefined || !isWanted) return id ?? "";
  throw new DockerError("DOCKER_REFUSED", "the engine ended the build without an image");
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
