/** Builds with another builder: runs it with `--secret` flags that name files in memory. */
import { spawn, type ChildProcess } from "node:child_process";
import type { FileHandle } from "node:fs/promises";

import { BuildError, InterruptedError, SealmountError } from "../errors.ts";
import { MAX_SECRET_BYTES } from "../session/secrets/service.ts";
import { planBuild } from "./build.ts";
import { BuildGuard, type Guard, type GuardedBuild } from "./guard-build.ts";
import { readInputs } from "./inputs.ts";
import { findMemoryFolder, memoryFile } from "./memory-file.ts";
import type { BuildRequest, BuildSecrets } from "./options.ts";
import { assemblePlan } from "./plan.ts";
import { JoinedSecrets } from "./secret-flags.ts";
import { tooLarge } from "./served-secrets.ts";
import { assembleVia, type ViaPlan, type ViaTool } from "./via-plan.ts";

/** A builder that does not end on SIGTERM is killed after this time. */
const KILL_AFTER_MS = 5_000;

/** What to build, and with whom. */
export interface ViaRequest extends BuildRequest {
  readonly tool: ViaTool;
  /** Flags of the tool's own, passed on untouched. */
  readonly extra?: readonly string[] | undefined;
}

/** A build by another builder. */
export interface ViaOptions extends ViaRequest {
  readonly secrets: BuildSecrets;
  /** Looks for plaintext in flags, the Dockerfile and every file that is not ignored. */
  readonly guard?: Guard | undefined;
  /** The child's environment: without any key variable. */
  readonly childEnv: Readonly<Record<string, string>>;
  /** Where the child's output goes; without it, the child gets our own terminal or pipe. */
  readonly output?: {
    readonly stdout: NodeJS.WritableStream;
    readonly stderr: NodeJS.WritableStream;
  };
  readonly signal?: AbortSignal | undefined;
}

/** What a build by another builder tells. */
export interface ViaResult {
  readonly opened: ReadonlyMap<string, number>;
  readonly warnings: readonly string[];
}

/**
 * The command that {@link buildVia} would run; opens nothing and starts nothing.
 *
 * @throws as {@link planBuild}
 */
export async function planVia(request: ViaRequest, ids: readonly string[]): Promise<ViaPlan> {
  const plan = await planBuild(request, ids);
  return assembleVia(request.tool, request, plan, request.extra);
}

/**
 * Runs the builder. Each secret that the Dockerfile mentions is opened once, into a file in memory
 * that has no name and that only the builder's processes hold: it lives exactly as long as they do,
 * also when they, or we, are killed.
 *
 * @throws {@link BuildError} BUILD_FAILED when the builder's exit code is not 0; also as planBuild
 * @throws {@link PolicyError} POLICY when there is no file system in memory, or plaintext would travel
 * @throws {@link SealmountError} PROGRAM_NOT_FOUND when the builder is not installed
 * @throws {@link InterruptedError} when the signal fired
 */
export async function buildVia(o: ViaOptions): Promise<ViaResult> {
  const inputs = await readInputs(o);
  const build = assemblePlan(o, inputs, o.secrets.ids);
  const plan = assembleVia(o.tool, o, build, o.extra);
  const seen =
    o.guard === undefined ? [] : await lookAt(o, { inputs, plan: build, guard: o.guard });
  const files: FileHandle[] = [];
  try {
    const folder = plan.secrets.length === 0 ? "" : await findMemoryFolder(o.env);
    for (const id of plan.secrets) files.push(await fileFor(id, folder, o.secrets));
    if (o.signal?.aborted === true) throw new InterruptedError();
    const child = start(plan, o, files);
    const ended = endOf(child, plan);
    // it may end before anybody waits for it
    ended.catch(() => undefined);
    // ours go as soon as the child has its own: from now on the files live as long as it does
    await started(child);
    await closeAll(files);
    await superviseUntil(child, ended, o.signal);
  } finally {
    await closeAll(files);
  }
  const opened = new Map(plan.secrets.map((id) => [id, 1]));
  return { opened, warnings: [...plan.warnings, ...seen] };
}

/** @throws {@link PlaintextError} POLICY */
async function lookAt(
  o: ViaOptions,
  read: Pick<GuardedBuild, "inputs" | "plan" | "guard">,
): Promise<string[]> {
  using secrets = new JoinedSecrets(o.secrets, o);
  using guarded = new BuildGuard({ request: o, secrets, ...read });
  return await guarded.beginWhole();
}

async function fileFor(id: string, folder: string, secrets: BuildSecrets): Promise<FileHandle> {
  const secret = await secrets.open(id);
  // declared, so it must be there: a plan that is no longer true must not build without its secret
  if (secret === null) throw new BuildError("SECRET_MISSING", `build secret ${id} is gone`);
  if (secret.use((bytes) => bytes.length) > MAX_SECRET_BYTES) throw tooLarge(id);
  return memoryFile(folder, secret);
}

function start(plan: ViaPlan, o: ViaOptions, files: readonly FileHandle[]): ChildProcess {
  const out = o.output === undefined ? "inherit" : "pipe";
  const child = spawn(plan.program, [...plan.args], {
    cwd: o.cwd,
    // the 20.10 client builds without BuildKit, and so without secrets, unless told otherwise
    env: { DOCKER_BUILDKIT: "1", ...o.childEnv },
    stdio: ["inherit", out, out, ...files.map((file) => file.fd)],
  });
  if (o.output !== undefined) {
    child.stdout?.pipe(o.output.stdout, { end: false });
    child.stderr?.pipe(o.output.stderr, { end: false });
  }
  return child;
}

/** Resolves when the process exists, or when it turned out that it can't. */
async function started(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined) return;
  await new Promise<void>((resolve) => child.once("error", () => resolve()));
}

/** Settles when the child has ended and its output is read. */
async function endOf(child: ChildProcess, plan: ViaPlan): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once("error", () => reject(notFound(plan)));
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(badEnd(plan, code, signal));
    });
  });
}

async function superviseUntil(
  child: ChildProcess,
  ended: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill("SIGTERM");
    timer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
  };
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    await ended;
  } catch (error) {
    throw signal?.aborted === true ? new InterruptedError() : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function notFound(plan: ViaPlan): SealmountError {
  return new SealmountError("PROGRAM_NOT_FOUND", `can't start ${plan.program}`, {
    hint: `install ${plan.program}, or build without --via`,
  });
}

function badEnd(plan: ViaPlan, code: number | null, signal: string | null): BuildError {
  const how = code === null ? `was ended by ${signal}` : `ended with exit code ${code}`;
  return new BuildError("BUILD_FAILED", `${plan.program} build ${how}`);
}

/** Safe to repeat. */
async function closeAll(files: FileHandle[]): Promise<void> {
  await Promise.all(files.splice(0).map(async (file) => file.close()));
}
