/** Everything up to the created container with its files in place. */
import { randomBytes } from "node:crypto";

import type { Engine } from "../docker/engine.ts";
import { statusOf } from "../docker/errors.ts";
import { LABEL_ROLE, LABEL_RUN, labelsOf } from "../docker/labels.ts";
import type { ImageInspect } from "../docker/types.ts";
import { DockerError } from "../errors.ts";
import type { Cleanup, CleanupStep } from "./cleanup.ts";
import { toCreateBody } from "./create-body.ts";
import type { CreateBody } from "./create-body.ts";
import { isInvisible, prepareBind } from "./delivery/bind.ts";
import { chooseFor } from "./delivery/choose.ts";
import type { Choice } from "./delivery/choose.ts";
import type { Delivery, DeliveryContext, FileToDeliver } from "./delivery/delivery.ts";
import { refuseVolume } from "./delivery/life.ts";
import { prepareVolume } from "./delivery/volume.ts";
import { environmentOf } from "./environment.ts";
import { readProfiles } from "./inputs.ts";
import type { Phase, RunOptions } from "./options.ts";
import { IMAGE_USER, resolveOwner } from "./owner.ts";
import type { Ids } from "./owner.ts";
import { resolveFiles } from "./plan.ts";
import type { PlannedFile, RunPlan } from "./plan.ts";
import { readText } from "./probe.ts";

/** How long the engine may take to remove a container by itself. */
const REMOVAL_TIMEOUT_MS = 10_000;

/** A created container. */
export interface Launched {
  readonly id: string;
  readonly files: readonly PlannedFile[];
  /** Undefined when there are no files. */
  readonly delivery: Delivery | undefined;
  /** Takes the container back; to be forgotten once it runs. */
  readonly step: CleanupStep;
}

/** What the steps share. */
export interface LaunchContext {
  readonly options: RunOptions;
  readonly plan: RunPlan;
  readonly cleanup: Cleanup;
  /** Announces a phase and stops here when the run was aborted. */
  readonly enter: (phase: Phase) => void;
}

interface Prepared extends LaunchContext {
  readonly image: ImageInspect;
  /** Null when there are no files. */
  readonly choice: Choice | null;
  readonly run: string;
  readonly files: readonly PlannedFile[];
  readonly body: CreateBody;
}

/**
 * Creates the container with environment and files, not started.
 *
 * @throws {@link DockerError} IMAGE_MISSING, DELIVERY_PATH, DELIVERY_OWNER, DELIVERY_FAILED, or what
 *   the engine refused
 */
export async function launch(context: LaunchContext): Promise<Launched> {
  context.enter("image");
  const prepared = await prepare(context);
  context.enter("prepare");
  const { delivery, id, step } = await createWithFiles(prepared);
  if (delivery !== undefined) {
    context.enter("fill");
    await delivery.fill(await ownersOf(prepared, delivery));
  }
  return { id, delivery, step, files: prepared.files };
}

async function prepare(context: LaunchContext): Promise<Prepared> {
  const { options, plan } = context;
  const { engine, env } = options;
  const { kind: asked } = plan.delivery;
  const owners = plan.files.map(({ owner }) => owner);
  const [image, choice] = await Promise.all([
    engine.inspectImage(plan.image),
    asked === "none" ? null : chooseFor({ engine, env, asked, owners }),
  ]);
  if (image === null) {
    throw new DockerError("IMAGE_MISSING", `image ${plan.image} is not on the engine`, {
      hint: `docker pull ${plan.image}`,
    });
  }
  const files = resolveFiles(plan, image.Config?.WorkingDir, options.cwd);
  const profiles = await readProfiles(plan.container, options.cwd);
  const { command } = plan;
  const body = toCreateBody(plan.container, {
    image: plan.image,
    command,
    cwd: options.cwd,
    profiles,
  });
  return { ...context, image, choice, files, body, run: randomBytes(8).toString("hex") };
}

type Created = Pick<Launched, "delivery" | "id" | "step">;

async function createWithFiles(prepared: Prepared): Promise<Created> {
  const { plan, choice, enter } = prepared;
  if (choice === null) {
    enter("create");
    return create(prepared, undefined);
  }
  if (choice.kind === "volume") return createWithVolume(prepared);
  const delivery = await prepareBind(deliveryContext(prepared), choice.engineId);
  enter("create");
  try {
    return await create(prepared, delivery);
  } catch (error) {
    if (!isInvisible(error, delivery)) throw error;
    await delivery.ended();
  }
  // a socket that leads elsewhere, Docker Desktop, an engine with mounts of its own
  if (plan.delivery.kind === "bind") {
    throw new DockerError("DELIVERY_FAILED", "the engine does not see this machine's memory", {
      hint: "use --delivery volume",
    });
  }
  return createWithVolume(prepared);
}

async function createWithVolume(prepared: Prepared): Promise<Created> {
  const { plan, enter } = prepared;
  refuseVolume(plan.delivery.life, plan.container);
  const delivery = await prepareVolume(deliveryContext(prepared));
  enter("create");
  return create(prepared, delivery);
}

async function create(prepared: Prepared, delivery: Delivery | undefined): Promise<Created> {
  const { options, plan, body, run, cleanup } = prepared;
  // found by label, not by id: a request whose answer got lost may have made the container
  const step = cleanup.add("the container", () => removeApps(options.engine, run));
  const query = { name: plan.container.name, platform: plan.container.platform };
  const whole = {
    ...body,
    Env: environmentOf(options, plan),
    Labels: { ...body.Labels, ...labelsOf(run, "app"), ...delivery?.labels },
    HostConfig: {
      ...body.HostConfig,
      Mounts: [...(body.HostConfig.Mounts ?? []), ...(delivery?.mounts ?? [])],
    },
  } satisfies CreateBody;
  try {
    const answer = await options.engine.request<{ Id: string }>("POST", "/containers/create", {
      query,
      body: whole,
    });
    return { id: answer.Id, delivery, step };
  } catch (error) {
    // refused: there is nothing to take back
    if (statusOf(error) !== undefined) cleanup.forget(step);
    throw error;
  }
}

/** Removes the app's container, and waits where the engine is removing it already. */
async function removeApps(engine: Engine, run: string): Promise<void> {
  const deadline = Date.now() + REMOVAL_TIMEOUT_MS;
  for (;;) {
    const lines = await engine.listContainers(`${LABEL_RUN}=${run}`);
    const apps = lines.filter(({ Labels }) => Labels[LABEL_ROLE] === "app");
    if (apps.length === 0) return;
    if (Date.now() > deadline) throw new Error("the container is still there");
    for (const { Id } of apps) await engine.removeContainer(Id).catch(ignoreConflict);
  }
}

function ignoreConflict(error: unknown): void {
  if (statusOf(error) !== 409) throw error;
}

function deliveryContext(prepared: Prepared): DeliveryContext {
  const { options, plan, cleanup, run, image } = prepared;
  return {
    engine: options.engine,
    cleanup,
    run,
    image: image.Id,
    platform: plan.container.platform,
    files: prepared.files.map((file) => fileToDeliver(file, options)),
    life: plan.delivery.life,
    env: options.env,
  };
}

function fileToDeliver({ name, path, mode }: PlannedFile, options: RunOptions): FileToDeliver {
  const entry = options.entries?.find((other) => other.name === name);
  if (entry === undefined) throw new Error(`no entry for file ${name}`);
  return { name, path, mode, value: entry.value };
}

async function ownersOf(prepared: Prepared, delivery: Delivery): Promise<Ids[]> {
  const { options, plan, image } = prepared;
  const user = plan.container.user ?? image.Config?.User ?? "";
  const tables = new Map<string, Promise<string | null>>();
  const read = async (path: string): Promise<string | null> => {
    const text = tables.get(path) ?? readText(options.engine, await delivery.probe(), path);
    tables.set(path, text);
    return text;
  };
  const owners: Ids[] = [];
  for (const { owner } of prepared.files) {
    owners.push(await resolveOwner(owner === IMAGE_USER ? user : owner, read));
  }
  return owners;
}
