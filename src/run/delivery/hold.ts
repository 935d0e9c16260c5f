/**
 * Keeps volumes mounted without running anything: the engine mounts all volumes of a container for
 * as long as one of its archive uploads lasts, so an upload that does not end holds them.
 */
import { PassThrough } from "node:stream";

import type { Engine } from "../../docker/engine.ts";
import { DockerError } from "../../errors.ts";
import { END_OF_TAR, tarHeader } from "./ustar.ts";

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
export function openHold(engine: Engine, container: string): Hold {
  const tar = new PassThrough();
  const upload = engine.putArchive(container, "/", tar);
  let open = true;
  const lost = upload
    .finally(() => (open = false))
    .then(() => {
      throw new DockerError("DELIVERY_FAILED", "the engine ended the upload that holds the files");
    });
  lost.catch(() => undefined);
  // bytes must flow, or the client does not even send the request's header
  tar.write(tarHeader({ type: "file", path: "held", mode: 0o400, ids: { uid: 0, gid: 0 } }));
  return {
    lost,
    isOpen: () => open,
    async release(): Promise<void> {
      tar.end(END_OF_TAR);
      await upload.catch(() => undefined);
    },
  };
}
