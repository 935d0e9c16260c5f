import type { ContainerOptions } from "../../index.ts";
import type { OptionSpec } from "../spec.ts";
import { DOCKER_RUN } from "../specs/docker-run.ts";
import type { Values } from "../values.ts";

/** Options that have another name in the library, or none of their own. */
const NAMES: Readonly<Record<string, string>> = {
  "env-var": "env",
  net: "network",
  "net-alias": "networkAlias",
  "dns-opt": "dnsOption",
};

/**
 * `docker run`'s own options, from what was typed to what the library takes: `--cap-add` is `capAdd`.
 * A plan shows what was asked for, not every option that there is.
 */
export function containerOptionsOf(values: Values): ContainerOptions {
  const options = new Map<string, unknown>();
  for (const spec of DOCKER_RUN) {
    if (!values.typed(spec.long)) continue;
    const name = NAMES[spec.long] ?? camelCase(spec.long);
    options.set(name, valueOf(spec, values, options.get(name)));
  }
  return Object.fromEntries(options);
}

/** @param before - of another name of the same option */
function valueOf({ long, value, repeat }: OptionSpec, values: Values, before: unknown): unknown {
  if (value === undefined) return values.flag(long);
  const list = values.list(long);
  if (repeat !== true) return list.at(-1);
  return Array.isArray(before) ? [before, list].flat() : list;
}

function camelCase(long: string): string {
  return long.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
