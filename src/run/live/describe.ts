/** What a new container is told to remember: the labels and the note. */
import { digestOf } from "../../crypto/digest.ts";
import type { Secret } from "../../secret/secret.ts";
import type { Delivery, FileToDeliver, StoreContent } from "../delivery/delivery.ts";
import type { RunOptions } from "../options.ts";
import type { Ids } from "../owner.ts";
import type { RunPlan } from "../plan.ts";
import type { DigestKey } from "./digest-key.ts";
import { specLabels, type LaunchSpec } from "./spec.ts";
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

/** Labels of the app's container; none for a run that belongs to no app. */
export function labelsFor(
  options: Pick<RunOptions, "identity" | "digestKey" | "entries">,
  plan: RunPlan,
  made: { readonly delivery: Delivery | undefined; readonly content: StoreContent },
): Record<string, string> {
  const { identity, digestKey, entries = [] } = options;
  if (identity === undefined) return {};
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
  {
    delivery,
    content,
  }: { readonly delivery: Delivery | undefined; readonly content: StoreContent },
  told: Pick<LaunchSpec, "variables" | "hides">,
): LaunchSpec {
  const files = content.files.map(({ name, mode }, index) => {
    const { uid, gid } = content.owners[index] ?? { uid: 0, gid: 0 };
    return { name, mode, uid, gid };
  });
  const { folders = [], singles = [] } = delivery?.layout ?? {};
  return { version: 1, files, folders, singles, volumes: delivery?.volumes ?? [], ...told };
}
