/** Helper containers on the cleanup stack. */
import type { CleanupStep } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import { createProbe } from "../probe.ts";
import type { DeliveryContext } from "./delivery.ts";

/** A never-started container and the step that removes it. */
export interface Helper {
  readonly id: string;
  readonly step: CleanupStep;
}

/** What one helper is made from. */
export type HelperContext = Pick<
  DeliveryContext,
  "engine" | "image" | "platform" | "run" | "cleanup"
>;

/** Makes one helper; if anything fails from here on, the stack removes it. */
export async function createHelper(
  context: HelperContext,
  mounts: readonly Mount[] = [],
  name?: string,
): Promise<Helper> {
  const { engine, image, platform, run, cleanup } = context;
  const id = await createProbe({ engine, image, platform, run, mounts, name });
  const step = cleanup.add(`helper container ${id.slice(0, 12)}`, () => engine.removeContainer(id));
  return { id, step };
}

/** One helper that is made when it is first asked for, and again when it was removed meanwhile. */
export class LazyHelper {
  readonly #context: HelperContext;
  #helper: Promise<Helper> | undefined;

  constructor(context: HelperContext) {
    this.#context = context;
  }

  /** Starts to make it. What goes wrong is told to whoever asks for its id. */
  begin(): void {
    // until somebody asks, a refusal must not be an unhandled rejection
    this.#made().catch(() => undefined);
  }

  async id(): Promise<string> {
    return (await this.#made()).id;
  }

  /** Waits for one that is still being made: the stack does not know it yet. Never throws. */
  async settled(): Promise<void> {
    await this.#helper?.catch(() => undefined);
  }

  /** Removes it, if there is one. */
  async close(): Promise<void> {
    const helper = await this.#helper?.catch(() => undefined);
    this.#helper = undefined;
    if (helper !== undefined) await this.#context.cleanup.run(helper.step);
  }

  async #made(): Promise<Helper> {
    this.#helper ??= createHelper(this.#context);
    return this.#helper;
  }
}
