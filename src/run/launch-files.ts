/** The way of the files into a new container: chosen, prepared, and filled while it is created. */
import { DockerError, PolicyError } from "../errors.ts";
import { Cleanup } from "./cleanup.ts";
import { targetsOf } from "./create-body.ts";
import { isInvisible, prepareBind } from "./delivery/bind.ts";
import { chooseFor } from "./delivery/choose.ts";
import type { BindPlace, Choice } from "./delivery/choose.ts";
import type {
  Delivery,
  DeliveryContext,
  FileToDeliver,
  StoreContent,
} from "./delivery/delivery.ts";
import { LazyHelper } from "./delivery/helper.ts";
import { type PlannedDelivery, refuseVolume } from "./delivery/life.ts";
import { type Memory, MountRefusedError, noteRefusal } from "./delivery/memory.ts";
import { mountsParts } from "./delivery/volume.ts";
import { DEFAULT_FOLDER } from "./file-target.ts";
import { createWithBoundGate, gateForRun, type GatedRun, prepareWithGate } from "./gate/hide.ts";
import type { ImageFiles } from "./image-files.ts";
import type { Created, Launched, Make, Prepared } from "./launch.ts";
import { contentOf } from "./live/describe.ts";
import type { RunEntry, RunOptions } from "./options.ts";
import { IMAGE_USER, resolveOwner } from "./owner.ts";
import type { Ids } from "./owner.ts";
import type { PlannedFile } from "./plan.ts";

type CreatedWithFiles = Created & Pick<Launched, "delivery">;

const NOTHING: StoreContent = { files: [], owners: [], note: "" };

/** A launch with the road that its files take. */
interface Road {
  readonly prepared: Prepared;
  readonly make: Make;
  readonly context: DeliveryContext;
  readonly gated: GatedRun | null;
}

/** Creates the container by `make`, with the files in place. Throws as `launch`. */
export async function createWithFiles(given: Prepared, make: Make): Promise<CreatedWithFiles> {
  const prepared = tellingOnce(given);
  const { plan, enter } = prepared;
  if (plan.delivery.kind === "none") {
    enter("create");
    const parts = { delivery: undefined, content: NOTHING, gate: null, gateMode: "now" } as const;
    return { ...(await make(prepared, parts)), delivery: undefined };
  }
  const helper = helperAhead(prepared);
  try {
    const choice = await choose(prepared, plan.delivery.kind);
    if (choice.kind === "volume") await helper.close();
    return await onRoad(prepared, make, { choice, helper });
  } finally {
    await helper.settled();
  }
}

/** A road that turns out to be closed has told its warnings. */
function tellingOnce(prepared: Prepared): Prepared {
  const { options } = prepared;
  const told = new Set<string>();
  const onWarning = (text: string): void => {
    if (!told.has(text)) options.onWarning?.(text);
    told.add(text);
  };
  return { ...prepared, options: { ...options, onWarning } };
}

interface Chosen {
  readonly choice: Choice;
  readonly helper: LazyHelper;
}

async function onRoad(
  prepared: Prepared,
  make: Make,
  { choice, helper }: Chosen,
): Promise<CreatedWithFiles> {
  const isGuarded = choice.kind === "volume" && emptyAfterRestart(prepared);
  const gated = await gateForRun(prepared, { isGuarded });
  const context = deliveryContext(prepared, gated, helper);
  const road = { prepared, make, context, gated };
  try {
    return await (choice.kind === "volume"
      ? byVolumes(road, choice.memory)
      : byBind(road, choice.place));
  } finally {
    gated?.file.value.wipe();
  }
}

/**
 * Where the engine mounts whole volumes, a container that is started again would find them empty and
 * run: there the gate stands guard.
 */
function emptyAfterRestart({ options, plan }: Prepared): boolean {
  return plan.delivery.reseed || !mountsParts(options.engine);
}

async function byVolumes(road: Road, memory: Memory): Promise<CreatedWithFiles> {
  const { plan, cleanup: whole, options } = road.prepared;
  refuseVolume(plan.delivery, plan.container);
  if (memory === "ramfs") return intoVolumes(road, memory);
  const cleanup = new Cleanup();
  const step = whole.add("a tmpfs volume", async () => finish(cleanup));
  try {
    return await intoVolumes({ ...road, context: { ...road.context, cleanup } }, memory);
  } catch (error) {
    if (!(error instanceof MountRefusedError)) throw error;
    noteRefusal(options.engine);
    await whole.run(step);
  }
  return intoVolumes(road, "ramfs");
}

async function intoVolumes(road: Road, memory: Memory): Promise<CreatedWithFiles> {
  const { prepared, make, context, gated } = road;
  const [delivery, gate] = await prepareWithGate(context, gated, memory);
  const gateMode = prepared.plan.delivery.reseed ? "wait" : "now";
  return fillAndCreate(road, delivery, async (content) =>
    make(prepared, { delivery, content, gate, gateMode }),
  );
}

async function finish(cleanup: Cleanup): Promise<void> {
  const left = await cleanup.runAll();
  if (left.length > 0) throw new Error(left.join(", "));
}

async function byBind(road: Road, place: BindPlace): Promise<CreatedWithFiles> {
  const { prepared, make, context, gated } = road;
  const { helper } = context;
  const delivery = await prepareBind(context, place);
  try {
    return await fillAndCreate(road, delivery, async (content) =>
      createWithBoundGate(context, gated, async (gate) =>
        make(prepared, { delivery, content, gate, gateMode: "now" }),
      ),
    );
  } catch (error) {
    if (!isInvisible(error, delivery)) throw error;
    await delivery.ended();
  }
  // a socket that leads elsewhere, Docker Desktop, an engine with mounts of its own
  if (prepared.plan.delivery.kind === "bind") {
    throw new DockerError("DELIVERY_FAILED", "the engine does not see this machine's memory", {
      hint: "use --delivery volume",
    });
  }
  return onRoad(prepared, make, { choice: await choose(prepared, "volume"), helper });
}

/** The helper for a bind to an unknown image is made while the engine is still asked what it is. */
function helperAhead({ options, plan, cleanup, run, image, memory }: Prepared): LazyHelper {
  const { engine } = options;
  const { platform } = plan.container;
  const helper = new LazyHelper({ engine, cleanup, run, image: image.Id, platform });
  const { kind } = plan.delivery;
  const mayBind = kind === "bind" || (kind === "auto" && engine.endpoint.local);
  if (mayBind && memory.isEmpty) helper.begin();
  return helper;
}

async function choose(
  { options, plan, body }: Prepared,
  kind: PlannedDelivery["kind"],
): Promise<Choice> {
  const { engine, env } = options;
  if (kind === "none") throw new Error("nothing is delivered");
  const owners = plan.files.map(({ owner }) => owner);
  if (plan.variables === "hidden") owners.push(IMAGE_USER);
  return chooseFor({ engine, env, asked: kind, owners, userns: body.HostConfig.UsernsMode });
}

async function fillAndCreate(
  { prepared, context, gated }: Road,
  delivery: Delivery,
  create: (content: StoreContent) => Promise<Created>,
): Promise<CreatedWithFiles> {
  const { options, enter } = prepared;
  if (options.strict === true) refuseWarnings(delivery.warnings);
  for (const warning of delivery.warnings) options.onWarning?.(warning);
  const owners = await ownersOf(prepared, { image: delivery.image, isGated: gated !== null });
  const content = contentOf(options, context.files, owners);
  enter("create");
  enter("fill");
  // at the same time; waits for all, or what one has made gets lost
  const [created, filled] = await Promise.allSettled([
    create(content),
    delivery.fill(content),
    prepared.memory.keep(),
  ]);
  if (created.status === "rejected") throw created.reason;
  if (filled.status === "fulfilled") return { ...created.value, delivery };
  const reason: unknown = filled.reason;
  // there will be another try, which needs its name
  if (reason instanceof MountRefusedError) await prepared.cleanup.run(created.value.step);
  throw reason;
}

function refuseWarnings([first]: readonly string[]): void {
  if (first === undefined) return;
  throw new PolicyError("POLICY", `refused by --strict: ${first}`, {
    hint: "deliver the secrets to a folder that the image does not have",
  });
}

function deliveryContext(
  prepared: Prepared,
  gated: GatedRun | null,
  helper: LazyHelper,
): DeliveryContext {
  const { options, plan, cleanup, run, image, memory } = prepared;
  const files = prepared.files.map((file) => fileToDeliver(file, options));
  return {
    engine: options.engine,
    cleanup,
    run,
    image: image.Id,
    platform: plan.container.platform,
    files: gated === null ? files : [...files, gated.file],
    mounts: [
      ...targetsOf(plan.container, options.cwd),
      ...Object.keys(image.Config?.Volumes ?? {}),
    ],
    reseed: plan.delivery.reseed,
    env: options.env,
    memory,
    helper,
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

async function ownersOf(
  prepared: Prepared,
  o: { readonly image: ImageFiles; readonly isGated: boolean },
): Promise<Ids[]> {
  const { plan, image } = prepared;
  const user = plan.container.user ?? image.Config?.User ?? "";
  const read = async (path: string): Promise<string | null> => o.image.readText(path);
  const wanted = prepared.files.map(({ owner }) => owner);
  // the gate's own file
  if (o.isGated) wanted.push(IMAGE_USER);
  const owners: Ids[] = [];
  for (const owner of wanted) {
    owners.push(await resolveOwner(owner === IMAGE_USER ? user : owner, read));
  }
  return owners;
}
