/**
 * Files in this machine's memory, bound into the container read-only, folder by folder or one by
 * one. No process of ours is needed while the container runs or is started again; the folder stays
 * as long as the container exists. Whoever ran it attached removes it at the end; else `down`, the
 * agent, or the next run that finds its container gone.
 */
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

import { LABEL_FOLDER } from "../../docker/labels.ts";
import {
  keepPrivateFolder,
  makePrivateFolder,
  removePrivateFolder,
} from "../../docker/host-tmpfs.ts";
import { DockerError } from "../../errors.ts";
import type { CleanupStep } from "../cleanup.ts";
import type { Mount } from "../flags/mounts.ts";
import { type ImageFiles, imageFiles } from "../image-files.ts";
import type { BindPlace } from "./choose.ts";
import type { Delivery, DeliveryContext, StoreContent } from "./delivery.ts";
import { fillSources, makeSources } from "./host-tree.ts";
import { type StoreLayout, storeLayout } from "./layout.ts";
import { placeFiles } from "./placement.ts";
import { placeWarnings, surveyFolders } from "./survey.ts";

/**
 * Makes a private folder with empty sources: the engine looks for them when the container is
 * created.
 *
 * @throws {@link DockerError} DELIVERY_FAILED when this machine has no private tmpfs folder
 */
export async function prepareBind(
  context: DeliveryContext,
  { engine, root }: BindPlace,
): Promise<Delivery> {
  if (root === null) {
    throw new DockerError("DELIVERY_FAILED", "there is no private tmpfs folder on this machine", {
      hint: "use --delivery volume",
    });
  }
  const { helper, memory } = context;
  const image = imageFiles(context.engine, memory, async () => helper.id());
  const survey = { image, mounts: context.mounts };
  const facts = await surveyFolders(context.files, survey);
  const placement = placeFiles(context.files, facts);
  const warnings = await placeWarnings(context.files, placement, {
    ...survey,
    facts,
    hidesFolders: false,
  });
  const layout = storeLayout(placement);
  const folder = await makePrivateFolder(root, { engine, run: context.run });
  const step = context.cleanup.add(`folder ${folder}`, () => removePrivateFolder(folder));
  makeSources(folder, layout);
  return new BindDelivery({ context, engine, folder, layout, image, step, warnings });
}

interface BindParts {
  readonly context: DeliveryContext;
  readonly engine: string;
  readonly folder: string;
  readonly layout: StoreLayout;
  readonly image: ImageFiles;
  readonly step: CleanupStep;
  readonly warnings: readonly string[];
}

class BindDelivery implements Delivery {
  readonly kind = "bind";
  readonly layout: StoreLayout;
  readonly volumes = [];
  readonly mounts: readonly Mount[];
  readonly labels: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly image: ImageFiles;
  readonly #parts: BindParts;

  constructor(parts: BindParts) {
    const { layout, folder, warnings, image } = parts;
    this.#parts = parts;
    this.layout = layout;
    this.warnings = warnings;
    this.image = image;
    this.labels = { [LABEL_FOLDER]: folder };
    this.mounts = [...layout.folders, ...layout.singles].map(({ target, key }) =>
      bindOf(join(folder, key), target),
    );
  }

  async fill(content: StoreContent): Promise<void> {
    // the create request leaves first: what follows keeps this thread from sending it
    await nextTurn();
    fillSources(this.#parts.folder, this.layout, content);
  }

  assertThere(): void {
    // a start without the sources fails by itself
  }

  async started(): Promise<void> {
    const { context, engine, folder, step } = this.#parts;
    context.cleanup.forget(step);
    await keepPrivateFolder(folder, { engine, run: context.run });
    await context.helper.close();
  }

  async ended(): Promise<void> {
    const { context, step } = this.#parts;
    await context.cleanup.run(step);
    await context.helper.close();
  }
}

/** True when the engine refused a create request because it does not see our folder. */
export function isInvisible(error: unknown, delivery: Delivery): boolean {
  const folder = delivery.labels[LABEL_FOLDER];
  return (
    error instanceof DockerError &&
    error.status !== undefined &&
    folder !== undefined &&
    error.message.includes(folder)
  );
}

/** Never `Binds`: for a missing source the engine would make a folder of that name. */
function bindOf(source: string, target: string): Mount {
  return {
    Type: "bind",
    Source: source,
    Target: target,
    ReadOnly: true,
    BindOptions: { Propagation: "rprivate" },
  };
}
