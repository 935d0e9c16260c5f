/** The app's container of a run, by the run's label: its id may be unknown to us. */
import type { Engine } from "../docker/engine.ts";
import { statusOf } from "../docker/errors.ts";
import { LABEL_ROLE, LABEL_RUN } from "../docker/labels.ts";
import type { ContainerLine } from "../docker/types.ts";

/** How long the engine may take to remove a container by itself. */
const REMOVAL_TIMEOUT_MS = 10_000;

/** At most one, but for somebody who used a create request twice. */
export async function findApps(engine: Engine, run: string): Promise<ContainerLine[]> {
  const lines = await engine.listContainers(`${LABEL_RUN}=${run}`);
  return lines.filter(({ Labels }) => Labels[LABEL_ROLE] === "app");
}

/** Removes it, and waits where the engine is removing it already. */
export async function removeApps(engine: Engine, run: string): Promise<void> {
  const deadline = Date.now() + REMOVAL_TIMEOUT_MS;
  for (;;) {
    const apps = await findApps(engine, run);
    if (apps.length === 0) return;
    if (Date.now() > deadline) throw new Error("the container is still there");
    for (const { Id } of apps) await engine.removeContainer(Id).catch(ignoreConflict);
  }
}

function ignoreConflict(error: unknown): void {
  if (statusOf(error) !== 409) throw error;
}
