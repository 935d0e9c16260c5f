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
import { SilentError, Watch, within } from "./silence.ts";

/**
 * Longest time in milliseconds in which neither the push nor what is pushed goes on: an engine waits
 * while we search, and compresses a large layer before it sends much of it.
 */
const SILENCE_MS = 300_000;

/** The same for a name that is given, or taken back. */
const NAME_MS = 60_000;

/** How to push it. */
export interface PushOptions {
  readonly signal?: AbortSignal | undefined;
  /** Longest silence; for tests. */
  readonly silenceMs?: number;
}

/**
 * The engine pushes the image to a registry in this process: exactly the bytes that a registry would
 * get. It offers every layer by its digest first, so known ones don't travel; but a new layer it
 * compresses, slowly. Only when asked for: the image has a second name meanwhile, and the engine keeps
 * a note of the push.
 */
export function pushRoute(engine: Engine, found: ImageInspect, o: PushOptions = {}): Route {
  return {
    name: "push",
    async open() {
      const obstacle = obstacleOf(engine, await engine.info(), found);
      if (obstacle !== undefined) throw new RouteError(obstacle);
      return new PushReading(engine, found.Id, o);
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
  readonly #options: PushOptions;

  constructor(engine: Engine, id: string, o: PushOptions) {
    this.#engine = engine;
    this.#id = id;
    this.#options = o;
  }

  async read(blobs: Blobs): Promise<void> {
    using watch = new Watch(this.#options.silenceMs ?? SILENCE_MS);
    const onHeard = (): void => watch.heard();
    const sink = await PushSink.open(blobs, { onHeard }).catch(() => {
      throw new RouteError("no port can be opened");
    });
    const { repository } = sink;
    const tag = pushTag();
    try {
      await this.#push(repository, tag, watch);
    } catch (error) {
      throw asRouteError(error, watch);
    } finally {
      await sink.close();
      await this.#ask(this.#engine.removeImage(`${repository}:${tag}`)).catch(() => undefined);
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

  async #push(repository: string, tag: string, watch: Watch): Promise<void> {
    const { endpoint } = this.#engine;
    const { signal: stopped } = this.#options;
    const signal = AbortSignal.any([
      this.#stop.signal,
      watch.signal,
      ...(stopped === undefined ? [] : [stopped]),
    ]);
    await this.#ask(this.#engine.tagImage(this.#id, repository, tag));
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
      watch.heard();
      isRefused ||= line.error !== undefined;
    }
    if (isRefused) throw new RouteError("the engine can't push to us");
  }

  async #ask(answer: Promise<void>): Promise<void> {
    await within(answer, this.#options.silenceMs ?? NAME_MS);
  }

  /** It has the id of what was pushed: of the index or manifest, or of the config. */
  #isWhole(root: string, blobs: Blobs): boolean {
    const manifest = blobs.find(blobName(root))?.jsonDocument?.read();
    return root === this.#id || text(field(field(manifest, "config"), "digest")) === this.#id;
  }
}

function asRouteError(error: unknown, { signal }: Watch): RouteError {
  if (error instanceof RouteError) return error;
  const isSilent = signal.aborted || error instanceof SilentError;
  return new RouteError(
    isSilent ? "the engine did not go on with the push" : "the engine can't push to us",
  );
}
