/** Files for docker's own client, by our own connection to its engine. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { ContainerLine } from "../docker/types.ts";
import { DockerError, InterruptedError } from "../errors.ts";
import { findApps, removeApps } from "./app-container.ts";
import { Cleanup } from "./cleanup.ts";
import { launch, type LaunchContext, type Launched } from "./launch.ts";
import { labelsFor } from "./live/describe.ts";
import { noIo } from "./no-io.ts";
import type { RunOptions } from "./options.ts";
import type { RunPlan } from "./plan.ts";
import { proof } from "./proof.ts";
import { settle } from "./run.ts";
import type { Handed, RunViaOptions } from "./via-options.ts";
import { OWN_OPTIONS } from "./via-plan.ts";

/** How often the engine is asked whether the container runs: until then the files are held by us. */
const POLL_MS = 50;

/** Labels alone: no engine is asked where there is no file. */
export function labelsForDocker(options: RunViaOptions, plan: RunPlan): Handed["labels"] {
  const content = { files: [], owners: [], note: "" };
  const run = randomBytes(8).toString("hex");
  return labelsFor(options, plan, { run, image: null, delivery: undefined, content });
}

/** Prepares the files as `run` does, but pulls nothing. @throws as `launch` */
export async function filesForDocker(options: RunViaOptions, planned: RunPlan): Promise<Handed> {
  const { connect, signal, onWarning } = options;
  // docker pulls with its own logins, and what we take for the image may be another word
  const plan = { ...planned, container: { ...planned.container, pull: "never" as const } };
  const cleanup = new Cleanup();
  const enter = (): void => {
    if (signal?.aborted === true) throw new InterruptedError();
  };
  const whole: RunOptions = {
    ...options,
    image: plan.image,
    command: [],
    engine: await connect(),
    io: noIo(),
  };
  const body = { Image: plan.image, HostConfig: {} };
  const context: LaunchContext = {
    options: whole,
    plan,
    profiles: new Map(),
    cidFile: undefined,
    cleanup,
    enter,
    body,
  };
  const takeBack = async (): Promise<void> => {
    await cleanup.finish(onWarning);
  };
  try {
    const made = proof();
    const launched = await launch(context, made.make);
    const { HostConfig, Labels = {} } = made.body();
    return handed(context, launched, { takeBack, mounts: HostConfig.Mounts ?? [], labels: Labels });
  } catch (error) {
    await takeBack();
    throw explain(error, options.words);
  }
}

/** The image was found by its place among words that only docker's client understands. */
function explain(error: unknown, [first = ""]: readonly string[]): unknown {
  if (!(error instanceof DockerError) || error.code !== "IMAGE_MISSING") return error;
  const hint = first.startsWith("-") ? OWN_OPTIONS : "pull it before, with docker pull";
  return new DockerError(error.code, error.message, { hint });
}

function handed(
  context: LaunchContext,
  launched: Launched,
  made: Pick<Handed, "mounts" | "labels" | "takeBack">,
): Handed {
  let letting = Promise.resolve(false);
  return {
    ...made,
    watch(over) {
      letting = letGo(context, launched, over);
      // looked at when the tool has ended
      letting.catch(() => undefined);
    },
    async ended() {
      try {
        const isReleased = await letting;
        await endOf(context, launched, isReleased);
      } finally {
        await made.takeBack();
      }
    },
  };
}

/**
 * Waits for the start, then lets go of what the container holds itself.
 *
 * @returns false when the tool has ended before a start was seen
 * @throws DockerError DELIVERY_FAILED when the program may have found no files; it is ended then
 */
async function letGo(
  context: LaunchContext,
  launched: Launched,
  over: AbortSignal,
): Promise<boolean> {
  const { engine } = context.options;
  while (!over.aborted) {
    const apps = await findApps(engine, launched.run).catch(() => []);
    if (apps.some(hasRun)) {
      await release(context, launched);
      return true;
    }
    await sleep(POLL_MS);
  }
  return false;
}

async function release(context: LaunchContext, launched: Launched): Promise<void> {
  try {
    launched.delivery?.assertThere();
  } catch (error) {
    await removeApps(context.options.engine, launched.run);
    throw error;
  }
  context.cleanup.forget(launched.step);
  await settle(context, launched);
}

/**
 * A container that runs keeps its files. For one that never ran, or is gone before that was seen, all
 * that is still on the stack is taken back, as in `run`.
 */
async function endOf(
  context: LaunchContext,
  launched: Launched,
  isReleased: boolean,
): Promise<void> {
  const { delivery: planned } = context.plan;
  // the tool's code counts, whatever has become of the engine
  const apps = await findApps(context.options.engine, launched.run).catch(() => null);
  if (apps === null || (!isReleased && !apps.some(hasRun))) return;
  if (!isReleased) await release(context, launched);
  const isKept = apps.length > 0 && (planned.life === "container" || planned.reseed);
  if (!isKept && !apps.some(isGoingOn)) await launched.delivery?.ended();
}

function hasRun({ State }: ContainerLine): boolean {
  return State !== "created";
}

function isGoingOn({ State }: ContainerLine): boolean {
  return ["running", "paused", "restarting"].includes(State);
}
