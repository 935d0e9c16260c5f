/** Removing what the engine may be removing already. */
import { setTimeout as sleep } from "node:timers/promises";

import { ignoreMissing, statusOf } from "./errors.ts";

/** How long the engine may take for it. */
const TIMEOUT_MS = 10_000;
const PAUSE_MS = 50;

/**
 * Asks until the thing is gone. An engine that removes a container by itself (`--rm`), or did not see
 * it end in time (20.10 under load), answers 409.
 *
 * @throws DockerError the engine's refusal, a 409 only after 10 seconds
 */
export async function untilRemoved(ask: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    try {
      await ignoreMissing(ask());
      return;
    } catch (error) {
      if (statusOf(error) !== 409 || Date.now() > deadline) throw error;
    }
    await sleep(PAUSE_MS);
  }
}
