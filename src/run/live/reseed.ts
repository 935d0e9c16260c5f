/** Files for a container that waits for them: its volumes are empty after each start. */
import type { Engine } from "../../docker/engine.ts";
import { Cleanup } from "../cleanup.ts";
import type { Env } from "../options.ts";
import { liveContent } from "./content.ts";
import type { NamedValue } from "./describe.ts";
import type { DigestKey } from "./digest-key.ts";
import type { KnownContainer } from "./find.ts";
import { refuseUntrusted } from "./sign.ts";

/** What goes into {@link reseed}. */
export interface ReseedOptions {
  readonly engine: Engine;
  readonly container: KnownContainer;
  /** The values of now; the caller wipes them. */
  readonly entries: readonly NamedValue[];
  /** Must have signed the container's labels; left out only for values that are no secret. */
  readonly digestKey?: DigestKey | undefined;
  readonly env: Env;
}

/**
 * Writes all files of a container whose volumes are empty.
 *
 * @returns false when they are there already
 * @throws SealmountError SECRET_MISSING for a file whose secret is gone; DELIVERY_FAILED when the
 *   volumes are not those of that container, not in memory, or not held by it (it has stopped)
 * @throws PolicyError LABELS_UNTRUSTED when the labels are not signed by the key
 */
export async function reseed(o: ReseedOptions): Promise<boolean> {
  const { engine, container, entries, digestKey, env } = o;
  refuseUntrusted(container, digestKey);
  const cleanup = new Cleanup();
  using content = liveContent(container.labels.spec, entries, digestKey);
  try {
    const { seedVolumes } = await import("./store-volume.ts");
    const context = { engine, env, cleanup, container, enter: () => undefined };
    return await seedVolumes(context, content);
  } finally {
    await cleanup.runAll();
  }
}
