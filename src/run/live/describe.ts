/** What a new container is told to remember: the labels and the note. */
import { digestOf } from "../../crypto/digest.ts";
import { labelsOf } from "../../docker/labels.ts";
import type { ImageInspect } from "../../docker/types.ts";
import type { Secret } from "../../secret/secret.ts";
import type { Delivery, FileToDeliver, StoreContent } from "../delivery/delivery.ts";
import type { RunOptions } from "../options.ts";
import type { Ids } from "../owner.ts";
import type { RunPlan } from "../plan.ts";
import type { DigestKey } from "./digest-key.ts";
import { signLabels } from "./sign.ts";
import { type LaunchIdentity, type LaunchSpec, specLabels } from "./spec.ts";
import { writeState } from "./state.ts";

/** A value by name. */
export interface NamedValue {
  readonly name: string;
  readonly value: Secret;
}

/** Digests of values, each by itself; none without a key. */
export function digestsOf(
  digestKey: DigestKey | undefined,
  values: readonly NamedValue[],
): Map<string, string> {
  if (digestKey === undefined) return new Map();
  const { key } = digestKey;
  return new Map(
    values.map(({ name, value }) => [name, digestOf(key, new Map([[name, value]]))] as const),
  );
}

/** The content of a store, with its note. */
export function contentOf(
  { digestKey }: Pick<RunOptions, "digestKey">,
  files: readonly FileToDeliver[],
  owners: readonly Ids[],
): StoreContent {
  const digests = digestsOf(digestKey, files);
  const note = writeState({ at: Date.now(), digests, fingerprint: digestKey?.fingerprint });
  return { files, owners, note };
}

/** A container that is about to be created. */
export interface Described {
  readonly run: string;
  /** As the engine has it; null where a run without files asks no engine. */
  readonly image: ImageInspect | null;
  readonly delivery: Delivery | undefined;
  readonly content: StoreContent;
  /** What others have written on it. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Labels of a run. */
type LabelOptions = Pick<RunOptions, "identity" | "digestKey" | "entries">;

/** All labels of a container; only those of an app say what it has, and are signed. */
export function labelsFor(
  options: LabelOptions,
  plan: RunPlan,
  made: Described,
): Record<string, string> {
  const { run, image, delivery } = made;
  const labels = { ...made.labels, ...labelsOf(run, "app"), ...delivery?.labels };
  if (options.identity === undefined) return labels;
  const told = { ...labels, ...toldBy(options, options.identity, { plan, made }) };
  return signLabels(told, { digestKey: options.digestKey, image });
}

function toldBy(
  { digestKey, entries = [] }: LabelOptions,
  identity: LaunchIdentity,
  { plan, made }: { readonly plan: RunPlan; readonly made: Described },
): Record<string, string> {
  const variables = plan.env.filter(({ from }) => from === "secret").map(({ name }) => name);
  const hides = plan.variables === "hidden" || plan.delivery.reseed;
  const spec = specOf(made, { variables, hides });
  const told = new Set([...variables, ...spec.files.map(({ name }) => name)]);
  const digests = digestsOf(
    digestKey,
    entries.filter(({ name }) => told.has(name)),
  );
  return specLabels(identity, spec, {
    digests,
    fingerprint: digestKey?.fingerprint,
    reseed: plan.delivery.reseed,
  });
}

function specOf(
  { delivery, content }: Pick<Described, "delivery" | "content">,
  told: Pick<LaunchSpec, "variables" | "hides">,
): LaunchSpec {
  const files = content.files.map(({ name, mode }, index) => {
    const { uid, gid } = content.owners[index] ?? { uid: 0, gid: 0 };
    return { name, mode, uid, gid };
  });
  const { folders = [], singles = [] } = delivery?.layout ?? {};
  return { version: 1, files, folders, singles, volumes: delivery?.volumes ?? [], ...told };
}
