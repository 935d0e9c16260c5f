/** What a refresh writes: the files of a container with the values of now. */
import { posix } from "node:path";

import { SealmountError } from "../../errors.ts";
import type { Secret } from "../../secret/secret.ts";
import type { FileToDeliver, StoreContent } from "../delivery/delivery.ts";
import { recordsOf } from "../environment.ts";
import { digestsOf, type NamedValue } from "./describe.ts";
import type { DigestKey } from "./digest-key.ts";
import { fileNames, gateFile } from "./hidden.ts";
import type { LaunchSpec } from "./spec.ts";
import { writeState } from "./state.ts";

/** Content for a store; disposing it wipes what was made of the values here, not the values. */
export interface LiveContent extends StoreContent, Disposable {}

/**
 * @param entries - the values of now; others than the container's do no harm
 * @throws {@link SealmountError} SECRET_MISSING when one of the files, or one of the hidden
 *   variables, has no value any more; VALUE_INVALID for a variable with a NUL
 */
export function liveContent(
  spec: LaunchSpec,
  entries: readonly NamedValue[],
  digestKey: DigestKey | undefined,
): LiveContent {
  const values = new Map(entries.map(({ name, value }) => [name, value]));
  const gate = gateFile(spec);
  const variables = spec.hides ? spec.variables.map((name) => named(name, values)) : [];
  const own = fileNames(spec).map((name) => named(name, values));
  const records = gate === null ? undefined : recordsOf(variables);
  const files = spec.files.map(({ name, mode }, index): FileToDeliver => {
    const value = (index === gate ? records : undefined) ?? valueOf(name, values);
    return { name, mode, value, path: pathOf(spec, index), ownFolder: true };
  });
  const digests = digestsOf(digestKey, [...own, ...variables]);
  return {
    files,
    owners: spec.files.map(({ uid, gid }) => ({ uid, gid })),
    note: writeState({ at: Date.now(), digests, fingerprint: digestKey?.fingerprint }),
    [Symbol.dispose]: () => records?.wipe(),
  };
}

function named(name: string, values: ReadonlyMap<string, Secret>): NamedValue {
  return { name, value: valueOf(name, values) };
}

function valueOf(name: string, values: ReadonlyMap<string, Secret>): Secret {
  const value = values.get(name);
  if (value !== undefined) return value;
  throw new SealmountError(
    "SECRET_MISSING",
    `${name} is in the container, but is not set any more`,
    {
      hint: `set it, sealmount set ${name}, or run the container anew without it`,
    },
  );
}

function pathOf({ folders, singles }: LaunchSpec, index: number): string {
  for (const { target, files } of folders) {
    const found = files.find(({ file }) => file === index);
    if (found !== undefined) return posix.join(target, found.path);
  }
  return singles.find(({ file }) => file === index)?.target ?? "";
}
