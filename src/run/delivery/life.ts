/** How long files live, decided before anything happens: a silent empty mount is never an outcome. */
import { PolicyError } from "../../errors.ts";
import type { DeliveryKind } from "../../docker/delivery-choice.ts";
import { parseRestart, restarts } from "../flags/limits.ts";
import type { ContainerOptions } from "../options.ts";

/**
 * `none`: no files. `run`: files live exactly as long as the container runs; started again it
 * fails. `container`: files stay as long as the container exists, because the engine restarts it.
 */
export type Life = "none" | "run" | "container";

/** The delivery part of a plan. */
export interface PlannedDelivery {
  /** `auto` is settled when the engine is known. */
  readonly kind: "none" | "auto" | DeliveryKind;
  readonly life: Life;
}

/**
 * @throws {@link PolicyError} POLICY when `volume` is asked for with a restart policy, or with both
 *   `--detach` and `--rm`
 */
export function planDelivery(
  asked: "auto" | DeliveryKind,
  container: ContainerOptions,
  files: number,
): PlannedDelivery {
  if (files === 0) return { kind: "none", life: "none" };
  const life = lifeOf(container);
  if (asked === "volume") refuseVolume(life, container);
  return { kind: asked, life };
}

/**
 * The content of a tmpfs volume is gone as soon as its container ends, so a restart would find it
 * empty; and nobody would be left to remove the volume of a detached container that removes itself.
 *
 * @throws {@link PolicyError} POLICY
 */
export function refuseVolume(life: Life, container: ContainerOptions): void {
  if (life === "container") {
    throw refusal(
      `--restart ${container.restart ?? ""} would start the program again without its files`,
      "leave out --restart, deliver the secrets as variables, or use an engine on this machine",
    );
  }
  if (container.detach === true && container.rm === true) {
    throw refusal(
      "--detach with --rm would leave a volume behind",
      "leave out --detach or --rm, or deliver the secrets as variables",
    );
  }
}

function lifeOf(container: ContainerOptions): Life {
  const { restart } = container;
  return restart !== undefined && restarts(parseRestart(restart)) ? "container" : "run";
}

function refusal(fact: string, hint: string): PolicyError {
  return new PolicyError("POLICY", `files in a tmpfs volume: ${fact}`, { hint });
}
