import type { Platform } from "../../docker/platform.ts";
import type { Blobs } from "../blobs.ts";
import type { RouteName, RouteReport } from "../model.ts";
import type { OpenSource } from "../sources/source.ts";
import { RouteError } from "./route.ts";
import type { OpenRoute, Route } from "./route.ts";

/** What to do beside reading the image. */
export interface EngineSourceOptions {
  /** The only platform to search. */
  readonly platform?: Platform | undefined;
  /** Reads the engine's build records after the image, and says what it can't show. */
  readonly readRecords?: ReadRecords | undefined;
}

/** @returns what it can't show, for the report */
type ReadRecords = (blobs: Blobs) => Promise<readonly string[]>;

/** The image of an engine, by the first of several ways that can be gone. */
export class EngineSource implements OpenSource {
  readonly id: string;
  readonly isForeign = false;
  readonly platform: Platform | undefined;
  readonly #routes: Iterator<Route>;
  readonly #skipped: { name: RouteName; reason: string }[] = [];
  #name: RouteName = "save";
  #open: OpenRoute | undefined;
  readonly #readRecords: EngineSourceOptions["readRecords"];
  readonly limits: string[] = [];
  /** Bytes of the image, as the engine counts them. */
  imageSize: number | undefined;
  #isClosed = false;

  private constructor(id: string, routes: readonly Route[], o: EngineSourceOptions) {
    this.id = id;
    this.#routes = routes.values();
    this.platform = o.platform;
    this.#readRecords = o.readRecords;
  }

  /**
   * @param routes - fastest first; the last one throws no {@link RouteError}
   * @throws what the last one throws
   */
  static async open(
    id: string,
    routes: readonly Route[],
    o: EngineSourceOptions = {},
  ): Promise<EngineSource> {
    const source = new EngineSource(id, routes, o);
    await source.#openNext();
    return source;
  }

  get roots(): readonly string[] | undefined {
    return this.#open?.roots;
  }

  get size(): number | undefined {
    // the content store has layers as they were compressed
    return this.#name === "content" ? undefined : this.imageSize;
  }

  get route(): RouteReport {
    return { name: this.#name, skipped: this.#skipped };
  }

  async read(blobs: Blobs): Promise<void> {
    await this.#readImage(blobs);
    if (this.#isClosed || this.#readRecords === undefined) return;
    this.limits.push(...(await this.#readRecords(blobs)));
  }

  async #readImage(blobs: Blobs): Promise<void> {
    while (!this.#isClosed && this.#open !== undefined) {
      try {
        await this.#open.read(blobs);
        return;
      } catch (error) {
        this.#skip(error);
      }
      if (this.#isClosed) return;
      blobs.clear();
      await this.#openNext();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#open?.close();
  }

  async #openNext(): Promise<void> {
    for (;;) {
      const next = this.#routes.next();
      if (next.done === true) throw new RangeError("no way to the image is left");
      this.#name = next.value.name;
      try {
        this.#open = await next.value.open();
        // closed while it opened
        if (this.#isClosed) this.#open.close();
        return;
      } catch (error) {
        this.#skip(error);
      }
    }
  }

  #skip(error: unknown): void {
    if (!(error instanceof RouteError)) throw error;
    this.#open?.close();
    this.#open = undefined;
    this.#skipped.push({ name: this.#name, reason: error.message });
  }
}
