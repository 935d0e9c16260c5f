/** The gate while a container is made: the file with the variables, and the way in. */
import type { ImageInspect } from "../../docker/types.ts";
import { DockerError } from "../../errors.ts";
import type { CreateBody } from "../create-body.ts";
import type { DeliveryContext, FileToDeliver } from "../delivery/delivery.ts";
import { createHelper } from "../delivery/helper.ts";
import type { Memory } from "../delivery/memory.ts";
import { prepareVolume, type VolumeDelivery } from "../delivery/volume.ts";
import { ENV_NAME, hiddenVariables, recordsOf } from "../environment.ts";
import type { VariableOptions } from "../environment.ts";
import type { RunPlan } from "../plan.ts";
import { behindGate, type GateMode } from "./behind.ts";
import { cachedGate } from "./cache.ts";
import { ENV_FILE, GATE_FOLDER, gateFor } from "./gate.ts";
import type { Gate } from "./gate.ts";
import { gateFromVolume, makeGateVolume } from "./volume.ts";
import type { GateMount } from "./volume.ts";

/** A run whose first program is the gate. */
export interface GatedRun {
  readonly gate: Gate;
  /** For the user that the container runs as; its value is wiped by whoever asked for it. */
  readonly file: FileToDeliver;
}

/** Mode of the file with the variables. */
const ENV_MODE = 0o400;

/**
 * Decides whether a run needs the gate: to hide its variables, or to guard its files.
 *
 * @param o.isGuarded - started again, the container would find its files gone, and run
 * @returns null when the image's own program is the first one
 * @throws DockerError DELIVERY_FAILED for an image that the gate does not run in, where it is needed;
 *   SealmountError VALUE_INVALID for a value that no variable can hold
 */
export async function gateForRun(
  run: {
    readonly options: VariableOptions;
    readonly plan: RunPlan;
    readonly image: ImageInspect;
  },
  o: { readonly isGuarded: boolean },
): Promise<GatedRun | null> {
  const { options, plan, image } = run;
  const isHidden = plan.variables === "hidden" && plan.env.some(({ from }) => from === "secret");
  if (!isHidden && !o.isGuarded) return null;
  const { platform } = plan.container;
  // only a guard that nobody has asked for can be done without
  const mayLack = !isHidden && !plan.delivery.reseed;
  const gate = mayLack
    ? await gateFor(image, platform).catch(() => null)
    : await gateFor(image, platform);
  if (gate === null) return null;
  const value = isHidden ? hiddenVariables(options, plan) : recordsOf([]);
  const file = { name: ENV_NAME, path: ENV_FILE, mode: ENV_MODE, ownFolder: true, value };
  return { gate, file };
}

/**
 * Creates a container with the gate bound from this machine; where the engine does not see it, from
 * a volume.
 */
export async function createWithBoundGate<T>(
  context: DeliveryContext,
  gated: GatedRun | null,
  create: (gate: GateMount | null) => Promise<T>,
): Promise<T> {
  if (gated === null) return create(null);
  const source = await cachedGate(gated.gate, context.env);
  if (source !== null) {
    try {
      return await create(boundGate(source));
    } catch (error) {
      if (!isAbout(error, source)) throw error;
    }
  }
  const volume = await makeGateVolume(context, gated.gate);
  const helper = await createHelper(context, [volume.helperMount]);
  const gate = await gateFromVolume(context, gated.gate, volume, async () => helper.id);
  await context.cleanup.run(helper.step);
  return create(gate);
}

/** Prepares a delivery by volume whose own helper looks after the gate's volume too. */
export async function prepareWithGate(
  context: DeliveryContext,
  gated: GatedRun | null,
  memory: Memory,
): Promise<readonly [VolumeDelivery, GateMount | null]> {
  if (gated === null) return [await prepareVolume(context, memory), null];
  // beside the making of the other volumes; they tell what goes wrong
  const volume = makeGateVolume(context, gated.gate);
  const helperMounts = volume.then(({ helperMount }) => [helperMount]);
  helperMounts.catch(() => undefined);
  const delivery = await prepareVolume({ ...context, helperMounts }, memory);
  const writer = async (): Promise<string> => delivery.writer();
  return [delivery, await gateFromVolume(context, gated.gate, await volume, writer)];
}

/** The body of a create request with the gate in front of its programs. */
export function bodyBehind(
  body: CreateBody,
  image: ImageInspect,
  { gate, gateMode }: { readonly gate: GateMount | null; readonly gateMode: GateMode },
): CreateBody {
  if (gate === null) return body;
  const { Mounts = [] } = body.HostConfig;
  const HostConfig = { ...body.HostConfig, Mounts: [...Mounts, gate.mount] };
  return behindGate({ ...body, HostConfig }, image.Config ?? {}, {
    path: gate.path,
    mode: gateMode,
  });
}

function boundGate(source: string): GateMount {
  const path = `${GATE_FOLDER}/gate`;
  return {
    path,
    mount: {
      Type: "bind",
      Source: source,
      Target: path,
      ReadOnly: true,
      BindOptions: { Propagation: "rprivate" },
    },
  };
}

/** True when the engine refused a request because it does not see the file. */
function isAbout(error: unknown, source: string): boolean {
  return (
    error instanceof DockerError && error.status !== undefined && error.message.includes(source)
  );
}
