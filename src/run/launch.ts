/** Everything up to the created container with its files in place. */
import { randomBytes } from "node:crypto";

import type { Engine } from "../docker/engine.ts";
import { statusOf } from "../docker/errors.ts";
import { LABEL_ROLE, LABEL_RUN, labelsOf } from "../docker/labels.ts";
import type { ImageInspect } from "../docker/types.ts";
import { DockerError, PolicyError } from "../errors.ts";
import type { CidFile } from "./cid-file.ts";
import type { Cleanup, CleanupStep } from "./cleanup.ts";
import { targetsOf, toCreateBody } from "./create-body.ts";
import type { CreateBody } from "./create-body.ts";
import { isInvisible, prepareBind } from "./delivery/bind.ts";
import { chooseFor } from "./delivery/choose.ts";
import type { Choice } from "./delivery/choose.ts";
import type {
  Delivery,
  DeliveryContext,
  FileToDeliver,
  StoreContent,
} from "./delivery/delivery.ts";
import { createHelper, type Helper } from "./delivery/helper.ts";
import { refuseVolume } from "./delivery/life.ts";
import { prepareVolume } from "./delivery/volume.ts";
import { environmentOf } from "./environment.ts";
import { DEFAULT_FOLDER } from "./file-target.ts";
import { ensureImage, findImage } from "./image.ts";
import { contentOf, labelsFor } from "./live/describe.ts";
import type { Phase, RunEntry, RunOptions } from "./options.ts";
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
  /** Shared with its helpers, volumes and folder. */
  readonly run: string;
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
  /** Contents of seccomp profiles by path. */
  readonly profiles: ReadonlyMap<string, string>;
  readonly cidFile: CidFile | undefined;
  readonly cleanup: Cleanup;
  /** Announces a phase and stops here when the run was aborted. */
  readonly enter: (phase: Phase) => void;
}

interface Prepared extends LaunchContext {
  readonly image: ImageInspect;
  readonly run: string;
  readonly files: readonly PlannedFile[];
  readonly body: CreateBody;
}

/**
 * Creates the container with environment and files, not started.
 *
 * @throws {@link DockerError} what {@link ensureImage} throws, DELIVERY_PATH, DELIVERY_OWNER, DELIVERY_FAILED, or what
 *   the engine refused
 * @throws {@link PolicyError} POLICY for files that a restart would not find, and under `strict`
 */
export async function launch(context: LaunchContext): Promise<Launched> {
  context.enter("image");
  const prepared = await prepare(context);
  context.enter("prepare");
  const { delivery, id, step } = await createWithFiles(prepared);
  return { id, run: prepared.run, delivery, step, files: prepared.files };
}

async function prepare(context: LaunchContext): Promise<Prepared> {
  const { options, plan } = context;
  const image = await ensureImage(context, await findImage(context));
  const files = resolveFiles(plan, image.Config?.WorkingDir, options.cwd);
  const body = bodyOf(context);
  return { ...context, image, files, body, run: randomBytes(8).toString("hex") };
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

type Created = Pick<Launched, "delivery" | "id" | "step">;

const NOTHING: StoreContent = { files: [], owners: [], note: "" };

async function createWithFiles(prepared: Prepared): Promise<Created> {
  const { plan, enter } = prepared;
  if (plan.delivery.kind === "none") {
    enter("create");
    return create(prepared, undefined, NOTHING);
  }
  const context = deliveryContext(prepared);
  const { choice, helper } = await chooseAhead(prepared, context);
  if (choice.kind === "volume") return createWithVolume(prepared, context);
  const delivery = await prepareBind({ ...context, helper }, choice.engineId);
  try {
    return await createWith(prepared, delivery, context.files);
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
  return createWithVolume(prepared, context);
}

/** The helper for a bind is made while the engine is still being asked what it is. */
async function chooseAhead(
  { options, plan }: Prepared,
  context: DeliveryContext,
): Promise<{ readonly choice: Choice; readonly helper: Promise<Helper> | undefined }> {
  const { engine, env } = options;
  const { kind } = plan.delivery;
  if (kind === "none") throw new Error("nothing is delivered");
  const mayBind = kind === "bind" || (kind === "auto" && engine.endpoint.local);
  const helper = mayBind ? createHelper(context) : undefined;
  helper?.catch(() => undefined);
  const owners = plan.files.map(({ owner }) => owner);
  const choice = await chooseFor({ engine, env, asked: kind, owners });
  if (choice.kind === "bind" || helper === undefined) return { choice, helper };
  await context.cleanup.run((await helper).step);
  return { choice, helper: undefined };
}

async function createWithVolume(prepared: Prepared, context: DeliveryContext): Promise<Created> {
  const { plan } = prepared;
  refuseVolume(plan.delivery, plan.container);
  return createWith(prepared, await prepareVolume(context), context.files);
}

async function createWith(
  prepared: Prepared,
  delivery: Delivery,
  files: readonly FileToDeliver[],
): Promise<Created> {
  const { options, enter } = prepared;
  if (options.strict === true) refuseWarnings(delivery.warnings);
  for (const warning of delivery.warnings) options.onWarning?.(warning);
  const owners = await ownersOf(prepared, delivery.probe);
  const content = contentOf(options, files, owners);
  enter("create");
  enter("fill");
  // at the same time; waits for both, or what one has made gets lost
  const [created, filled] = await Promise.allSettled([
    create(prepared, delivery, content),
    delivery.fill(content),
  ]);
  if (created.status === "rejected") throw created.reason;
  if (filled.status === "rejected") throw filled.reason;
  return created.value;
}

async function create(
  prepared: Prepared,
  delivery: Delivery | undefined,
  content: StoreContent,
): Promise<Created> {
  const { options, plan, body, run, cleanup, cidFile } = prepared;
  // found by label, not by id: a request whose answer got lost may have made the container
  const step = cleanup.add("the container", () => removeApps(options.engine, run));
  const query = { name: plan.container.name, platform: plan.container.platform };
  const whole = {
    ...body,
    Env: environmentOf(options, plan),
    Labels: {
      ...body.Labels,
      ...labelsOf(run, "app"),
      ...delivery?.labels,
      ...labelsFor(options, plan, { delivery, content }),
    },
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
    await cidFile?.write(answer.Id);
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

function refuseWarnings([first]: readonly string[]): void {
  if (first === undefined) return;
  throw new PolicyError("POLICY", `refused by --strict: ${first}`, {
    hint: "deliver the secrets to a folder that the image does not have",
  });
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
    mounts: [
      ...targetsOf(plan.container, options.cwd),
      ...Object.keys(image.Config?.Volumes ?? {}),
    ],
    env: options.env,
  };
}

function fileToDeliver(file: PlannedFile, options: RunOptions): FileToDeliver {
  const { name, path, mode } = file;
  const entry = options.entries?.find((other) => other.name === name);
  if (entry === undefined) throw new Error(`no entry for file ${name}`);
  return { name, path, mode, ownFolder: hasOwnFolder(path, entry), value: entry.value };
}

/** The default folder is for secrets, and so is that of a `[[secret_files]]`. */
function hasOwnFolder(path: string, { file }: RunEntry): boolean {
  const isListed = file?.ownFolder === true && file.path === path;
  return isListed || path.startsWith(`${DEFAULT_FOLDER}/`);
}

async function ownersOf(prepared: Prepared, probe: string): Promise<Ids[]> {
  const { options, plan, image } = prepared;
  const user = plan.container.user ?? image.Config?.User ?? "";
  const tables = new Map<string, Promise<string | null>>();
  const read = async (path: string): Promise<string | null> => {
    const text = tables.get(path) ?? readText(options.engine, probe, path);
    tables.set(path, text);
    return text;
  };
  const owners: Ids[] = [];
  for (const { owner } of prepared.files) {
    owners.push(await resolveOwner(owner === IMAGE_USER ? user : owner, read));
  }
  return owners;
}
