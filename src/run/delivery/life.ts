/** Whether files are there after a restart, decided before anything happens: a silent empty mount is never an outcome. */
import { PolicyError } from "../../errors.ts";
import type { DeliveryKind } from "../../docker/delivery-choice.ts";
import { parseRestart, restarts } from "../flags/limits.ts";
import type { ContainerOptions } from "../options.ts";

/**
 * `none`: no files. `run`: nobody starts the container again but its user. `container`: the engine
 * does, by its restart policy.
 */
export type Life = "none" | "run" | "container";

/** The delivery part of a plan. */
export interface PlannedDelivery {
  /** `auto` is settled when the engine is known. */
  readonly kind: "none" | "auto" | DeliveryKind;
  readonly life: Life;
  /** `sealmount agent` brings the files back after each start. */
  readonly reseed: boolean;
}

/** What decides. */
export interface DeliveryWish {
  readonly kind: "auto" | DeliveryKind;
  readonly agent: boolean;
  readonly files: number;
}

/** @throws {@link PolicyError} POLICY when `volume` is asked for with a restart policy and no agent */
export function planDelivery(wish: DeliveryWish, container: ContainerOptions): PlannedDelivery {
  if (wish.files === 0) return { kind: "none", life: "none", reseed: false };
  const planned = { kind: wish.kind, life: lifeOf(container), reseed: wish.agent };
  if (wish.kind === "volume") refuseVolume(planned, container);
  return planned;
}

/**
 * The content of a tmpfs volume is gone as soon as its container ends, so a restart would find it
 * empty.
 *
 * @throws {@link PolicyError} POLICY
 */
export function refuseVolume({ life, reseed }: PlannedDelivery, container: ContainerOptions): void {
  if (life !== "container" || reseed) return;
  const fact = `--restart ${container.restart ?? ""} would start the program again without its files`;
  throw new PolicyError("POLICY", `files in a tmpfs volume: ${fact}`, {
    hint:
      "add --agent and keep sealmount agent running, leave out --restart, deliver the secrets as " +
      "variables, or use an engine on this machine",
  });
}

function lifeOf(container: ContainerOptions): Life {
  const { restart } = container;
  return restart !== undefined && restarts(parseRestart(restart)) ? "container" : "run";
}
