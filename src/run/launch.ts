/** Everything up to the created container with its files in place. */
import { randomBytes } from "node:crypto";

import { statusOf } from "../docker/errors.ts";
import { sweepLeftovers } from "../docker/leftovers.ts";
import type { ImageInspect } from "../docker/types.ts";
import { removeApps } from "./app-container.ts";
import type { CidFile } from "./cid-file.ts";
import type { Cleanup, CleanupStep } from "./cleanup.ts";
import { toCreateBody } from "./create-body.ts";
import type { CreateBody } from "./create-body.ts";
import type { Delivery, StoreContent } from "./delivery/delivery.ts";
import { environmentOf } from "./environment.ts";
import type { GateMode } from "./gate/behind.ts";
import { bodyBehind } from "./gate/hide.ts";
import type { GateMount } from "./gate/volume.ts";
import { ensureImage, findImage } from "./image.ts";
import { ImageMemory } from "./image-memory.ts";
import { createWithFiles } from "./launch-files.ts";
import { labelsFor } from "./live/describe.ts";
import type { Phase, RunOptions } from "./options.ts";
import { resolveFiles } from "./plan.ts";
import type { PlannedFile, RunPlan } from "./plan.ts";

/** A created container. */
export interface Launched {
  readonly id: string;
  /** Shared with its helpers, volumes and folder. */
  readonly run: string;
  readonly files: readonly PlannedFile[];
  /** Names of all variables, files aside. */
  readonly variables: readonly string[];
  /** Undefined when there are no files. */
  readonly delivery: Delivery | undefined;
  /** Takes the container back; to be forgotten once it runs. */
  readonly step: CleanupStep;
  /** Takes away what earlier runs left; to be run when the start does not have to wait for it. */
  readonly sweep: CleanupStep;
}

/** What the steps share. */
export interface LaunchContext {
  readonly options: RunOptions;
  readonly plan: RunPlan;
  /** Contents of seccomp profiles by path. */
  readonly profiles: ReadonlyMap<string, string>;
  readonly cidFile: CidFile | undefined;
  readonly cleanup: Cleanup;
  /** Announces a phase and stops here when the run was aborted. */
  readonly enter: (phase: Phase) => void;
  /** Somebody's own create request, in place of the one that the options make. */
  readonly body?: CreateBody;
}

/** A launch whose image and files are known. */
export interface Prepared extends LaunchContext {
  readonly image: ImageInspect;
  readonly memory: ImageMemory;
  readonly run: string;
  readonly files: readonly PlannedFile[];
  readonly body: CreateBody;
}

/** What secrets add to a create request. */
export interface CreateParts {
  /** Undefined when there are no files. */
  readonly delivery: Delivery | undefined;
  readonly content: StoreContent;
  /** Null when the image's own program is the first one. */
  readonly gate: GateMount | null;
  readonly gateMode: GateMode;
}

/** What a create request has made. */
export type Created = Pick<Launched, "id" | "step">;

/** Makes what the files go to, once their mounts are there. */
export type Make = (prepared: Prepared, parts: CreateParts) => Promise<Created>;

/**
 * Creates the container with environment and files, not started.
 *
 * @param make - in place of the create request: who has others create it
 * @throws {@link DockerError} what {@link ensureImage} throws, DELIVERY_PATH, DELIVERY_OWNER,
 *   DELIVERY_FAILED, or what the engine refused
 * @throws {@link PolicyError} POLICY for files that a restart would not find, and under `strict`
 */
export async function launch(context: LaunchContext, make: Make = createApp): Promise<Launched> {
  context.enter("image");
  const prepared = await prepare(context);
  context.enter("prepare");
  const { run, files, plan, cleanup, cidFile } = prepared;
  // at the bottom of the stack, so that it comes to its turn whatever becomes of this run
  const sweep = cleanup.add("what earlier runs left", async () => sweepOthers(prepared));
  const { delivery, id, step } = await createWithFiles(prepared, make);
  await cidFile?.write(id);
  const variables = plan.env.map(({ name }) => name);
  return { id, run, delivery, step, sweep, files, variables };
}

/** Runs whose container this process has started. */
const startedRuns = new Set<string>();

/** From now on the run's things may go when its container has. */
export function noteStarted(run: string): void {
  startedRuns.add(run);
}

/** Takes away what earlier containers have left, where files are delivered. Never throws. */
async function sweepOthers({ options, plan, run }: Prepared): Promise<void> {
  if (plan.delivery.kind === "none") return;
  await sweepLeftovers(options.engine, options.env, { started: startedRuns, own: run });
}

async function prepare(context: LaunchContext): Promise<Prepared> {
  const { options, plan } = context;
  const image = await ensureImage(context, await findImage(context));
  const { platform } = plan.container;
  const { host } = options.engine.endpoint;
  const memory = await ImageMemory.open(options.env, { host, image, platform });
  const files = resolveFiles(plan, image.Config?.WorkingDir, options.cwd);
  const body = context.body ?? bodyOf(context);
  return { ...context, image, memory, files, body, run: randomBytes(8).toString("hex") };
}

function bodyOf({ options, plan, profiles }: LaunchContext): CreateBody {
  const { image, command, container } = plan;
  const size = container.tty === true ? options.io.terminal?.size() : undefined;
  return toCreateBody(container, {
    image,
    command,
    cwd: options.cwd,
    profiles,
    api: options.engine.version.api,
    consoleSize: size === undefined ? undefined : [size.rows, size.columns],
  });
}

/** The body of the create request, with values and mounts. */
export function wholeBody(prepared: Prepared, parts: CreateParts): CreateBody {
  const { options, plan, run, image } = prepared;
  const { delivery, content } = parts;
  const body = bodyBehind(prepared.body, image, parts);
  return {
    ...body,
    Env: environmentOf(options, plan),
    Labels: labelsFor(options, plan, { run, image, delivery, content, labels: body.Labels }),
    HostConfig: {
      ...body.HostConfig,
      Mounts: [...(body.HostConfig.Mounts ?? []), ...(delivery?.mounts ?? [])],
    },
  };
}

async function createApp(prepared: Prepared, parts: CreateParts): Promise<Created> {
  const { options, plan, run, cleanup } = prepared;
  // found by label, not by id: a request whose answer got lost may have made the container
  const step = cleanup.add("the container", () => removeApps(options.engine, run));
  const query = { name: plan.container.name, platform: plan.container.platform };
  try {
    const answer = await options.engine.request<{ Id: string }>("POST", "/containers/create", {
      query,
      body: wholeBody(prepared, parts),
    });
    return { id: answer.Id, step };
  } catch (error) {
    // refused: there is nothing to take back
    if (statusOf(error) !== undefined) cleanup.forget(step);
    throw error;
  }
}
