import { containerChanges, exportContainer } from "../../docker/container-files.ts";
import type { Engine } from "../../docker/engine.ts";
import { nullIfMissing } from "../../docker/errors.ts";
import type { Platform } from "../../docker/platform.ts";
import type { ContainerInspect } from "../../docker/types.ts";
import { compareApi } from "../../docker/version.ts";
import { DockerError } from "../../errors.ts";
import type { Blobs } from "../blobs.ts";
import { fields, text } from "../json.ts";
import { cleanPath } from "../path-index.ts";
import { parentOf, planChanges, wantedName } from "./container-plan.ts";
import type { ChangePlan } from "./container-plan.ts";
import type { ImageSource, OpenSource, SourcePart } from "./source.ts";
import { filteredTar } from "./tar-filter.ts";

/**
 * What one path costs to fetch, and one MB of the image to export, in milliseconds (measured: 6 to
 * 13, 10 to 30). An engine of 20.10 starts a process for each path.
 */
const COSTS = { fetch: 10, fetchOf2010: 130, export: 12 } as const;
const NEWER_API = "1.42";
/** For an image that is gone. */
const USUAL_BYTES = 200e6;

/** Go's FileMode has the directory in its highest bit. */
const GO_DIRECTORY = 2 ** 31;

/** A name or an id, as docker has them. */
const NAME = /^[a-zA-Z0-9][\w.-]*$/u;

/** How to search a container. */
export interface ContainerSourceOptions {
  /** Also reads the image that it was made of. */
  readonly image?: ((id: string) => ImageSource) | undefined;
  /** Fetches its files one by one, if it can, or takes them out of all; without, what is faster. */
  readonly by?: "fetch" | "export" | undefined;
}

/**
 * A container, running or not: the files that it has added or changed, and its settings as
 * `docker inspect` shows them, with the environment that it was started with.
 *
 * @returns a source whose `open` throws CONTAINER_MISSING, DOCKER_REFUSED, and what the image's does
 */
export function containerSource(
  engine: Engine,
  container: string,
  { image, by }: ContainerSourceOptions = {},
): ImageSource {
  return {
    name: container,
    async open(signal) {
      const found = await nullIfMissing(engine.inspectContainer(container));
      if (found === null) throw missing(container);
      const opened = await image?.(found.Image).open(signal);
      return new OpenContainer({ engine, found, signal, opened, by });
    },
  };
}

interface ContainerParts {
  readonly engine: Engine;
  readonly found: ContainerInspect;
  readonly signal: AbortSignal | undefined;
  readonly by: ContainerSourceOptions["by"];
  /** Its image. */
  readonly opened: OpenSource | undefined;
}

class OpenContainer implements OpenSource {
  readonly isForeign = false;
  readonly id?: string;
  readonly #own: ContainerParts;
  readonly #stop = new AbortController();
  #parts: readonly SourcePart[] = [];

  constructor(own: ContainerParts) {
    this.#own = own;
    if (own.opened?.id !== undefined) this.id = own.opened.id;
  }

  get roots(): readonly string[] | undefined {
    return this.#own.opened?.roots;
  }

  get platform(): Platform | undefined {
    return this.#own.opened?.platform;
  }

  get parts(): readonly SourcePart[] {
    return this.#parts;
  }

  get partial(): string | undefined {
    return this.#own.opened === undefined ? "the container's own files and settings" : undefined;
  }

  get limits(): readonly string[] {
    const image = this.#own.opened === undefined ? "its image, " : "";
    return [
      ...(this.#own.opened?.limits ?? []),
      `of the container, ${image}volumes and other mounts, logs and memory are not searched, nor what it writes later`,
    ];
  }

  async read(blobs: Blobs): Promise<void> {
    const { opened, signal } = this.#own;
    await opened?.read(blobs);
    const signals = [this.#stop.signal, ...(signal === undefined ? [] : [signal])];
    this.#parts = await new ContainerReader(this.#own, AbortSignal.any(signals)).read(blobs);
  }

  close(): void {
    this.#stop.abort();
    this.#own.opened?.close();
  }
}

class ContainerReader {
  readonly #engine: Engine;
  readonly #found: ContainerInspect;
  readonly #by: ContainerSourceOptions["by"];
  readonly #signal: AbortSignal;

  constructor({ engine, found, by }: ContainerParts, signal: AbortSignal) {
    this.#engine = engine;
    this.#found = found;
    this.#by = by;
    this.#signal = signal;
  }

  async read(blobs: Blobs): Promise<SourcePart[]> {
    const settings = await readDocument(blobs, "settings", this.#found);
    try {
      const changes = await containerChanges(this.#engine, this.#found.Id, this.#signal);
      const plan = planChanges(changes, mountsOf(this.#found));
      const names = await readDocument(blobs, "names", { Changes: plan.names });
      const by = this.#by ?? (await this.#faster(plan));
      const isExport = by === "export" || plan.hasOddNames;
      const files = await (isExport ? this.#export(blobs, plan) : this.#fetch(blobs, plan));
      return [settings, names, ...files];
    } catch {
      blobs.fail("the container's files could not be read: it is gone, or the engine refuses");
      return [settings];
    }
  }

  async #faster({ whole, modified }: ChangePlan): Promise<"fetch" | "export"> {
    const isOld = compareApi(this.#engine.version.api, NEWER_API) < 0;
    const fetch = (whole.length + modified.length) * (isOld ? COSTS.fetchOf2010 : COSTS.fetch);
    const image = await this.#engine.inspectImage(this.#found.Image);
    return fetch < ((image?.Size ?? USUAL_BYTES) / 1e6) * COSTS.export ? "fetch" : "export";
  }

  async #fetch(blobs: Blobs, { whole, modified }: ChangePlan): Promise<SourcePart[]> {
    const parts: SourcePart[] = [];
    for (const path of [...whole, ...(await this.#filesOf(modified))]) {
      const stream = await nullIfMissing(
        this.#engine.getArchive(this.#found.Id, path, this.#signal),
      );
      // a running container removes files
      if (stream === null) continue;
      const blob = await blobs.read(path, stream as AsyncIterable<Buffer>);
      parts.push({ kind: "files", blob, prefix: parentOf(path) });
    }
    return parts;
  }

  async #filesOf(paths: readonly string[]): Promise<string[]> {
    const files: string[] = [];
    for (const path of paths) {
      const stat = await this.#engine.headArchive(this.#found.Id, path);
      if (stat !== null && stat.mode < GO_DIRECTORY) files.push(path);
    }
    return files;
  }

  async #export(blobs: Blobs, { wanted }: ChangePlan): Promise<SourcePart[]> {
    const stream = await exportContainer(this.#engine, this.#found.Id, this.#signal);
    const own = filteredTar(stream as AsyncIterable<Buffer>, ({ path }) =>
      wanted.has(wantedName(cleanPath(path))),
    );
    return [{ kind: "files", blob: await blobs.read("files", own) }];
  }
}

async function readDocument(blobs: Blobs, name: string, document: object): Promise<SourcePart> {
  const chunks = async function* (): AsyncGenerator<Buffer> {
    await Promise.resolve();
    yield Buffer.from(JSON.stringify(document));
  };
  return { kind: "settings", blob: await blobs.read(name, chunks()) };
}

/** Where something is mounted: volumes, folders and files of the host, tmpfs. */
function mountsOf({ Mounts, HostConfig }: ContainerInspect): string[] {
  const places = Mounts.flatMap((mount) => text(mount["Destination"]) ?? []);
  return [...places, ...Object.keys(fields(HostConfig["Tmpfs"]))].map(
    (path) => `/${cleanPath(path)}`,
  );
}

function missing(container: string): DockerError {
  // what can be no name may be a value that was typed in the wrong place
  const named = NAME.test(container) ? `there is no container ${container}` : "no such container";
  return new DockerError("CONTAINER_MISSING", named, {
    hint: "check the name with: docker ps --all",
  });
}
