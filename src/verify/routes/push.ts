import type { Engine } from "../../docker/engine.ts";
import { jsonLines } from "../../docker/json-lines.ts";
import { image } from "../../docker/paths.ts";
import { pushTag } from "../../docker/push-name.ts";
import { registryAuth } from "../../docker/registry-auth.ts";
import type { EngineInfo, ImageInspect } from "../../docker/types.ts";
import type { Blobs } from "../blobs.ts";
import { blobName } from "../digest-name.ts";
import { field, text } from "../json.ts";
import { PushSink } from "./push-sink.ts";
import { RouteError } from "./route.ts";
import type { OpenRoute, Route } from "./route.ts";

/**
 * The engine pushes the image to a registry in this process: exactly the bytes that a registry would
 * get. It offers every layer by its digest first, so known ones don't travel; but a new layer it
 * compresses, slowly. Only when asked for: the image has a second name meanwhile, and the engine keeps
 * a note of the push.
 */
export function pushRoute(engine: Engine, found: ImageInspect, signal?: AbortSignal): Route {
  return {
    name: "push",
    async open() {
      const obstacle = obstacleOf(engine, await engine.info(), found);
      if (obstacle !== undefined) throw new RouteError(obstacle);
      return new PushReading(engine, found.Id, signal);
    },
  };
}

function obstacleOf(
  { endpoint }: Engine,
  { SecurityOptions }: EngineInfo,
  { RepoTags }: ImageInspect,
): string | undefined {
  if (!endpoint.local) return "the engine may be on another machine";
  const isRootless = (SecurityOptions ?? []).some((option) => /\bname=rootless\b/u.test(option));
  if (isRootless) return "a rootless engine has a loopback of its own";
  // its last name takes an image along
  return (RepoTags ?? []).length === 0 ? "an image without a name would be removed" : undefined;
}

class PushReading implements OpenRoute {
  roots: readonly string[] | undefined;
  readonly #engine: Engine;
  readonly #id: string;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(engine: Engine, id: string, signal?: AbortSignal) {
    this.#engine = engine;
    this.#id = id;
    const stop = this.#stop.signal;
    this.#signal = signal === undefined ? stop : AbortSignal.any([stop, signal]);
  }

  async read(blobs: Blobs): Promise<void> {
    const sink = await PushSink.open(blobs).catch(() => {
      throw new RouteError("no port can be opened");
    });
    const { repository } = sink;
    const tag = pushTag();
    try {
      await this.#push(repository, tag);
    } catch (error) {
      throw error instanceof RouteError ? error : new RouteError("the engine can't push to us");
    } finally {
      await sink.close();
      await this.#engine.removeImage(`${repository}:${tag}`).catch(() => undefined);
    }
    const { root } = sink;
    if (root === undefined || !this.#isWhole(root, blobs)) {
      throw new RouteError("the engine pushed only a part of the image");
    }
    this.roots = [root];
  }

  close(): void {
    this.#stop.abort();
  }

  async #push(repository: string, tag: string): Promise<void> {
    const { endpoint } = this.#engine;
    const signal = this.#signal;
    await this.#engine.tagImage(this.#id, repository, tag);
    const answer = await this.#engine.stream("POST", image(repository, "push"), {
      query: { tag },
      headers: { "X-Registry-Auth": registryAuth(repository, null) },
      signal,
    });
    let isRefused = false;
    for await (const line of jsonLines<{ error: unknown }>(answer, {
      host: endpoint.host,
      signal,
    })) {
      isRefused ||= line.error !== undefined;
    }
    if (isRefused) throw new RouteError("the engine can't push to us");
  }

  /** It has the id of what was pushed: of the index or manifest, or of the config. */
  #isWhole(root: string, blobs: Blobs): boolean {
    const manifest = blobs.find(blobName(root))?.json;
    return root === this.#id || text(field(field(manifest, "config"), "digest")) === this.#id;
  }
}
