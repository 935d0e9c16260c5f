/**
 * Keeps volumes mounted without running anything: the engine mounts all volumes of a container for
 * as long as one of its archive uploads lasts, so an upload that does not end holds them.
 */
import { Readable } from "node:stream";

import type { Engine } from "../../docker/engine.ts";
import { DockerError } from "../../errors.ts";

/** An open upload. */
export interface Hold {
  /** Rejects when the engine ends the upload by itself: the content is gone then. */
  readonly lost: Promise<never>;
  /** False once the engine or we have ended it. */
  isOpen(): boolean;
  /** Ends the upload. Never throws: whatever the engine says, the hold is over. */
  release(): Promise<void>;
}

/**
 * Opens a hold. Until it is released the engine does not answer other calls on that container.
 *
 * @param container - created, never started, with the volumes mounted
 */
export async function openHold(engine: Engine, container: string): Promise<Hold> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  const upload = engine.putArchive(container, "/", Readable.from(tar));
  let open = true;
  const lost = upload
    .finally(() => (open = false))
    .then(() => {
      throw new DockerError("DELIVERY_FAILED", "the engine ended the upload that holds the files");
    });
  lost.catch(() => undefined);
  // bytes must flow, or the client does not even send the request's header
  tar.entry({ name: "held", mode: 0o400 }, "");
  return {
    lost,
    isOpen: () => open,
    async release(): Promise<void> {
      tar.finalize();
      await upload.catch(() => undefined);
    },
  };
}
