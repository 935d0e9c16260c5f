/** `run`: create, deliver, start, attach, pass on signals and the exit code, clean up. */
import { setTimeout as sleep } from "node:timers/promises";

import { DockerError, InterruptedError, UsageError } from "../errors.ts";
import { refuseTooNew } from "./api-needs.ts";
import { attach, passesSignals, proxySignals } from "./attach.ts";
import type { Attachment } from "./attach.ts";
import { reserveCidFile } from "./cid-file.ts";
import { Cleanup } from "./cleanup.ts";
import { streamsOf } from "./create-body.ts";
import { explainPaths } from "./delivery/explain.ts";
import { readInputs } from "./inputs.ts";
import { launch, noteStarted } from "./launch.ts";
import type { LaunchContext, Launched } from "./launch.ts";
import type { Phase, RunOptions, RunResult } from "./options.ts";
import { planRun } from "./plan.ts";
import { given } from "./present.ts";

/** After the streams have ended the exit code follows at once; if not, the user has detached. */
const DETACH_GRACE_MS = 500;

/**
 * Runs a container with secrets and waits for its end (or, detached, for its start).
 *
 * Until the program runs, any failure or abort takes everything back: container, helpers, volumes,
 * files. Afterwards the files live as long as the container does: of an attached run they go when the
 * program ends for good, of others when the container is taken down, or found gone by the next run.
 *
 * @throws all that {@link planRun} and the engine throw; PROGRAM_NOT_FOUND when the image has no such
 *   program, PROGRAM_NOT_EXECUTABLE when it is none; INTERRUPTED after an abort
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { profiles, ...inputs } = await readInputs(options.container ?? {}, options.cwd);
  const { container } = inputs;
  const complete = { ...options, ...inputs };
  const plan = planRun(complete);
  refuseMissingTerminal(complete);
  refuseTooNew(container, options.engine.version.api);
  for (const warning of plan.warnings) options.onWarning?.(warning);
  const cleanup = new Cleanup();
  const enter = (phase: Phase): void => {
    options.onPhase?.(phase);
    // from the start on an abort means the program: see `follow`
    if (options.signal?.aborted === true && phase !== "running") throw new InterruptedError();
  };
  try {
    const cidFile = await given(container.cidfile, (path) =>
      reserveCidFile(path, options.cwd, cleanup),
    );
    const context = { options: complete, plan, profiles, cidFile, cleanup, enter };
    const launched = await launch(context);
    return await (container.detach === true
      ? runDetached(context, launched)
      : runAttached(context, launched));
  } finally {
    // after a good end there is something left only where a step has failed before
    await cleanup.finish(options.onWarning);
  }
}

async function runDetached(context: LaunchContext, launched: Launched): Promise<RunResult> {
  await start(context, launched);
  context.enter("running");
  await settle(context, launched);
  return resultOf(launched, 0);
}

async function runAttached(context: LaunchContext, launched: Launched): Promise<RunResult> {
  const { options, plan, enter } = context;
  const { engine, io } = options;
  const { container } = plan;
  const { id } = launched;
  enter("attach");
  const streams = { engine, id, io, container };
  // registered before the start: a program that ends at once is not missed
  const waiting = engine.openWait(id, container.rm === true ? "removed" : "next-exit");
  waiting.catch(() => undefined);
  const attachment = await attach(streams);
  const signals = proxySignals(streams);
  try {
    const wait = await waiting;
    attachment.prepare();
    await start(context, launched);
    attachment.begin();
    signals.begin();
    enter("running");
    const settled = settle(context, launched);
    const outcome = await follow(context, id, { attachment, exit: wait.exitCode() });
    options.onPhase?.("ended");
    await settled;
    const goesOn = outcome === "detached" || (outcome === "aborted" && !passesSignals(container));
    if (!goesOn && (await isOver(context, id))) await launched.delivery?.ended();
    if (outcome === "aborted") throw new InterruptedError();
    return resultOf(launched, outcome === "detached" ? 0 : outcome);
  } finally {
    signals.stop();
    attachment.stop();
  }
}

function resultOf(launched: Launched, exitCode: number): RunResult {
  const { id, delivery, variables } = launched;
  const files = launched.files.map(({ name, path }) => ({ name, path }));
  return { exitCode, containerId: id, delivery: delivery?.kind ?? "none", files, variables };
}

async function start(context: LaunchContext, launched: Launched): Promise<void> {
  const { options, cidFile, cleanup, enter } = context;
  enter("start");
  try {
    await options.engine.startContainer(launched.id);
  } catch (error) {
    throw await explain(error, launched);
  }
  launched.delivery?.assertThere();
  cleanup.forget(launched.step);
  if (cidFile !== undefined) cleanup.forget(cidFile.step);
}

/**
 * Lets go of what the container holds itself now, and takes away what earlier ones left. What fails
 * here is tried again at the end.
 */
export async function settle({ cleanup }: LaunchContext, launched: Launched): Promise<void> {
  noteStarted(launched.run);
  const released = launched.delivery?.started().catch(() => undefined);
  await Promise.all([released, cleanup.run(launched.sweep)]);
}

interface Running {
  readonly attachment: Attachment;
  readonly exit: Promise<number>;
}

/** @returns the exit code, or why there is none: `detached` by the keys for it */
async function follow(
  context: LaunchContext,
  id: string,
  running: Running,
): Promise<number | "aborted" | "detached"> {
  const stop = new AbortController();
  running.exit.catch(() => undefined);
  try {
    const outcome = await Promise.race([
      running.exit,
      aborted(context.options.signal, stop.signal),
      detached(context, id, running),
    ]);
    if (outcome === "aborted") await endProgram(context, id, running.exit);
    else if (outcome !== "detached" && hasOutput(context)) await running.attachment.ended;
    return outcome;
  } finally {
    stop.abort();
  }
}

/** With the input alone attached there is nothing to wait for after the end. */
function hasOutput({ plan }: LaunchContext): boolean {
  const { stdout, stderr } = streamsOf(plan.container);
  return stdout || stderr;
}

/** Resolves when the user's abort comes; `done` takes the listener away. */
async function aborted(signal: AbortSignal | undefined, done: AbortSignal): Promise<"aborted"> {
  return new Promise((resolve) => {
    const report = (): void => resolve("aborted");
    if (signal?.aborted === true) report();
    signal?.addEventListener("abort", report, { once: true, signal: done });
  });
}

/** Resolves only when a terminal's streams ended and the container still runs. */
async function detached(
  { options, plan }: LaunchContext,
  id: string,
  { attachment, exit }: Running,
): Promise<"detached"> {
  await attachment.ended.catch(() => undefined);
  if (plan.container.tty === true && streamsOf(plan.container).stdin) {
    const ended = await Promise.race([exit.then(() => true), sleep(DETACH_GRACE_MS, false)]);
    const state = ended ? null : await options.engine.inspectContainer(id).catch(() => null);
    if (state?.State.Running === true) return "detached";
  }
  return new Promise(() => undefined);
}

/** Where signals are not passed on an abort ends only us, as with docker; else the program too. */
async function endProgram(
  { options, plan }: LaunchContext,
  id: string,
  exit: Promise<number>,
): Promise<void> {
  if (!passesSignals(plan.container)) return;
  await options.engine.killContainer(id, "KILL").catch(() => undefined);
  await exit.catch(() => undefined);
}

/**
 * True when nobody will start the container again: with the files gone it would fail to start. One
 * that was started again meanwhile keeps them.
 */
async function isOver({ options, plan }: LaunchContext, id: string): Promise<boolean> {
  if (plan.delivery.life !== "run" || plan.delivery.reseed) return false;
  if (plan.container.rm === true) return true;
  const state = await options.engine.inspectContainer(id).catch(() => null);
  return state?.State.Running !== true;
}

/** Finds out what a refused start means. */
async function explain(error: unknown, launched: Launched): Promise<unknown> {
  if (!(error instanceof DockerError) || error.status === undefined) return error;
  if (launched.delivery !== undefined) {
    const fault = await explainPaths(launched.delivery.image, launched.files);
    if (fault !== null) return fault;
  }
  const { message, status } = error;
  if (NOT_FOUND.test(message)) {
    const hint = "name a program that the image has, or another --entrypoint";
    return new DockerError("PROGRAM_NOT_FOUND", message, { status, hint });
  }
  if (!NOT_EXECUTABLE.test(message)) return error;
  const hint = "make it executable in the image, or name another program";
  return new DockerError("PROGRAM_NOT_EXECUTABLE", message, { status, hint });
}

/** The words of runc and crun. */
const NOT_FOUND = /executable file not found|exec: ".*": stat .*: no such file/;
const NOT_EXECUTABLE = /exec: ".*": (?:permission denied|is a directory)/;

function refuseMissingTerminal({ container = {}, io }: RunOptions): void {
  const wanted = container.tty === true && streamsOf(container).stdin;
  if (!wanted || io.terminal !== undefined) return;
  throw new UsageError("USAGE_NO_TERMINAL", "--tty with an attached input needs a terminal", {
    hint: "leave out --tty",
  });
}
