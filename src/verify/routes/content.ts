import type { Engine } from "../../docker/engine.ts";
import type { Platform } from "../../docker/platform.ts";
import type { EngineInfo } from "../../docker/types.ts";
import { connectContent } from "../../session/content/client.ts";
import type { ContentClient } from "../../session/content/client.ts";
import type { Blobs } from "../blobs.ts";
import { readGraph } from "../sources/graph.ts";
import { RouteError } from "./route.ts";
import type { OpenRoute, Route } from "./route.ts";

/** How `GET /info` tells containerd's image store from the engine's own. */
const SNAPSHOTTER = "io.containerd.snapshotter.v1";

/** What to read, and until when. */
export interface ContentOptions {
  /** The only platform whose blobs are read. */
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Blobs by digest from containerd's store, which BuildKit lends us. Measured five times as fast as
 * `docker save` over the same store, and what is known already is not read at all.
 *
 * @param id - the image's: the digest of its index or manifest
 */
export function contentRoute(engine: Engine, id: string, o: ContentOptions = {}): Route {
  return {
    name: "content",
    async open() {
      if (!isContainerd(await engine.info())) {
        throw new RouteError("the engine does not keep its images in containerd's store");
      }
      const client = await connectContent(engine, o.signal).catch(() => {
        throw new RouteError("the engine refuses POST /grpc");
      });
      return openContent(client, { engine, id, platform: o.platform });
    },
  };
}

/** Says by `GET /info` whether images are in containerd's store, so in the content API. */
export function isContainerd({ DriverStatus }: EngineInfo): boolean {
  return (DriverStatus ?? []).some(([, value]) => value === SNAPSHOTTER);
}

interface StoredImage {
  readonly engine: Engine;
  readonly id: string;
  readonly platform: Platform | undefined;
}

function openContent(client: ContentClient, { engine, id, platform }: StoredImage): OpenRoute {
  const stop = new AbortController();
  return {
    roots: [id],
    async read(blobs) {
      const reading = new StoreReading(client, stop.signal);
      await readGraph(blobs, [id], async (digest) => reading.open(digest), { platform });
      if (reading.isBroken) throw new RouteError("a blob could not be read to its end");
      // what an index names and the store lacks may be another platform, or just have been deleted
      if (reading.missing > 0) await checkThere(engine, id, blobs);
    },
    close() {
      stop.abort();
      void client.close();
    },
  };
}

async function checkThere(engine: Engine, id: string, blobs: Blobs): Promise<void> {
  if ((await engine.inspectImage(id)) === null) blobs.fail("the image was removed meanwhile");
}

/** Reads blobs, and remembers what went wrong: a blob that broke off is a reason for another way. */
class StoreReading {
  readonly #client: ContentClient;
  readonly #signal: AbortSignal;
  isBroken = false;
  missing = 0;

  constructor(client: ContentClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  async open(digest: string): Promise<AsyncIterable<Buffer> | null> {
    const found = await this.#attempt(async () => this.#client.info(digest, this.#signal));
    if (found !== null) return this.#read(found.digest, found.size);
    this.missing++;
    return null;
  }

  async *#read(digest: string, size: number): AsyncGenerator<Buffer> {
    let left = size;
    const pieces = this.#client.read(digest, this.#signal);
    try {
      for (;;) {
        const next = await this.#attempt(async () => pieces.next());
        if (next.done === true) break;
        left -= next.value.length;
        yield next.value;
      }
    } finally {
      await pieces.return(undefined);
    }
    if (left === 0) return;
    this.isBroken = true;
    throw new RouteError("a blob is not as long as it should be");
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.isBroken = true;
      throw error;
    }
  }
}
