/** Create requests of two clients made comparable: without what can't matter, and nothing more. */
import type { Outcome } from "./create-recorder.ts";

/** Maps whose keys are the user's own: there an empty value says something. */
const MAPS: ReadonlySet<string> = new Set([
  "Labels",
  "Annotations",
  "Sysctls",
  "StorageOpt",
  "Tmpfs",
  "Config",
  "Options",
  "DriverOpts",
  "ExposedPorts",
  "Volumes",
  "EndpointsConfig",
]);

/** Fields where zero, false or an empty list is not the same as nothing. */
const MEANINGFUL: ReadonlySet<string> = new Set([
  "Init",
  "StopTimeout",
  "MaskedPaths",
  "ReadonlyPaths",
  "MemorySwappiness",
]);

/** Lists that docker's client fills from a Go map: their order is by chance. */
const UNORDERED: ReadonlySet<string> = new Set(["Binds", "Ulimits"]);

/** What docker's client writes out though the engine takes it anyway. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  NetworkMode: "default",
  RestartPolicy: { Name: "no" },
  MemorySwappiness: -1,
  // neither client has a terminal here
  ConsoleSize: [0, 0],
};

/** The path and query of a create request, and its body without defaults. */
export interface Normal {
  readonly url: string | undefined;
  readonly body: unknown;
}

/** @param without - dotted path of a field to leave out */
export function normal({ recorded }: Outcome, without?: string): Normal {
  const body = { ...recorded?.body, Env: lastOfEach(recorded?.body["Env"]) };
  return { url: recorded?.url, body: prune(body, "", without?.split(".") ?? []) };
}

/** The engine lets the last value of a name hold. docker's client sends all, in no order. */
function lastOfEach(variables: unknown): Record<string, string> {
  const list = Array.isArray(variables) ? (variables as string[]) : [];
  return Object.fromEntries(list.map((variable) => [variable.split("=")[0] ?? "", variable]));
}

function prune(value: unknown, key: string, without: readonly string[]): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => prune(item, "", []));
    return UNORDERED.has(key) ? items.toSorted((a, b) => (text(a) < text(b) ? -1 : 1)) : items;
  }
  if (typeof value !== "object" || value === null) return value;
  const [next, ...rest] = without;
  const fields = Object.entries(value)
    .filter(([name]) => name !== next || rest.length > 0)
    .map(([name, field]) => [name, prune(field, name, name === next ? rest : [])] as const)
    .filter(([name, field]) => (MAPS.has(key) ? isUsers(key, name, field) : tells(name, field)));
  return Object.fromEntries(fields);
}

function isUsers(map: string, name: string, value: unknown): boolean {
  if (map === "Labels") return !name.startsWith("sealmount.");
  // the network that is joined without a word
  return map !== "EndpointsConfig" || name !== "default" || tells(name, value);
}

function tells(name: string, value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (name in DEFAULTS && text(value) === text(DEFAULTS[name])) return false;
  if (MEANINGFUL.has(name)) return true;
  if (typeof value === "object") return Object.keys(value).length > 0;
  return value !== "" && value !== 0 && value !== false;
}

function text(value: unknown): string {
  return JSON.stringify(value);
}
