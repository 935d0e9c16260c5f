/** The app's container of a run, by the run's label: its id may be unknown to us. */
import type { Engine } from "../docker/engine.ts";
import { LABEL_ROLE, LABEL_RUN } from "../docker/labels.ts";
import type { ContainerLine } from "../docker/types.ts";

/** At most one, but for somebody who used a create request twice. */
export async function findApps(engine: Engine, run: string): Promise<ContainerLine[]> {
  const lines = await engine.listContainers(`${LABEL_RUN}=${run}`);
  return lines.filter(({ Labels }) => Labels[LABEL_ROLE] === "app");
}

/** Removes it, also where the engine is removing it already. */
export async function removeApps(engine: Engine, run: string): Promise<void> {
  for (const { Id } of await findApps(engine, run)) await engine.removeContainer(Id);
}
