/** What a run will do, as plain data: names, paths and modes, never a value. */
import { SealmountError, UsageError } from "../errors.ts";
import { scrubEnvironment } from "../keys/variables.ts";
import type { VariableDelivery } from "../manifest/model.ts";
import { nearMiss } from "../manifest/near-miss.ts";
import { toCreateBody, targetsOf } from "./create-body.ts";
import { planDelivery } from "./delivery/life.ts";
import type { PlannedDelivery } from "./delivery/life.ts";
import {
  DEFAULT_FOLDER,
  DEFAULT_MODE,
  checkPath,
  checkTogether,
  resolveTarget,
} from "./file-target.ts";
import { parseEnv, parseEnvFile } from "./flags/environment.ts";
import type { Variable } from "./flags/environment.ts";
import { readImageName } from "./image-name.ts";
import type { ContainerOptions, FileRequest, PlanOptions, PlanEntry } from "./options.ts";
import {
  filesForVariables,
  pathVariable,
  plainWarnings,
  secretVariables,
  targetsOfVariables,
} from "./variables.ts";

/** A variable by name, and where its value comes from. */
export interface PlannedVariable {
  readonly name: string;
  /**
   * `secret` and `plain` from the manifest, `option` from `-e` or `--env-file`; `path`: where the file
   * of a secret lies.
   */
  readonly from: "secret" | "plain" | "option" | "path";
}

/** A file by name. */
export interface PlannedFile {
  readonly name: string;
  /** As asked for; a relative one is resolved with the image's WORKDIR. */
  readonly path: string;
  /** `root`, a name of the image, numbers, or `USER`. */
  readonly owner: string;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
}

/** Printed by `--dry-run`, compared by tests. */
export interface RunPlan {
  readonly image: string;
  readonly command: readonly string[];
  readonly env: readonly PlannedVariable[];
  /** How the secrets among `env` travel. */
  readonly variables: VariableDelivery;
  readonly files: readonly PlannedFile[];
  readonly delivery: PlannedDelivery;
  /** The options as given, but for the values of `env`. */
  readonly container: Omit<ContainerOptions, "env" | "envFile">;
  readonly warnings: readonly string[];
}

/**
 * Plans a run without an engine.
 *
 * @throws {@link UsageError} for a name or options that docker would refuse, `owner` or `mode` without
 *   a file, a key variable among the options
 * @throws {@link DockerError} DELIVERY_PATH for a path that can't hold a file
 * @throws {@link PolicyError} POLICY for files that a restart would not find
 */
export function planRun(options: PlanOptions): RunPlan {
  const { env: _env, envFile: _envFile, ...container } = options.container ?? {};
  readImageName(options.image);
  toCreateBody(container, { image: options.image, command: [], cwd: "/" });
  const { variables = "plain" } = options;
  const { names, requests } = planSecretVariables(options);
  const files = planFiles({ ...options, files: requests });
  checkTogether(
    files.filter(({ path }) => path.startsWith("/")),
    [...targetsOf(container, "/"), ...targetsOfVariables(variables, names)],
  );
  const envFiles = variables === "hidden" && names.length > 0 ? 1 : 0;
  return {
    image: options.image,
    command: options.command ?? [],
    env: planVariables(options, files, variables === "file" ? names : []),
    variables,
    files,
    delivery: planDelivery(
      {
        kind: options.delivery ?? "auto",
        agent: options.agent === true,
        files: files.length + envFiles,
      },
      container,
    ),
    container,
    warnings: [...plainWarnings(options.variables, names), ...warningsOf(container, files)],
  };
}

/** Variables from `--env-file` and `-e`, in docker's order; later ones win. */
export function optionVariables(
  options: Pick<PlanOptions, "container" | "env" | "envFileTexts">,
): Variable[] {
  const files = (options.envFileTexts ?? []).flatMap(({ file, bytes }) =>
    parseEnvFile(file, bytes, options.env),
  );
  const typed = (options.container?.env ?? []).map((text) => parseEnv(text, options.env));
  const variables = [...files, ...typed];
  for (const { name } of variables) refuseKeyVariable(name);
  return variables;
}

/** Names whose values may be any bytes: those of files, and of what is hidden. */
export function rawNames({ files, env, variables }: RunPlan): string[] {
  const hidden = variables === "hidden" ? env.filter(({ from }) => from === "secret") : [];
  return [...files, ...hidden].map(({ name }) => name);
}

/** Paths made absolute with the image's facts; checked again, now that all are known. */
export function resolveFiles(
  plan: RunPlan,
  workingFolder: string | undefined,
  cwd: string,
): PlannedFile[] {
  const folder = plan.container.workdir ?? workingFolder;
  const files = plan.files.map((file) => ({ ...file, path: resolveTarget(file.path, folder) }));
  for (const file of files) checkPath(file);
  const names = plan.env.flatMap(({ name, from }) => (from === "secret" ? [name] : []));
  const own = targetsOfVariables(plan.variables, names);
  checkTogether(files, [...targetsOf(plan.container, cwd), ...own]);
  return files;
}

/** Secrets that are variables, and the file requests with those that become files. */
function planSecretVariables(options: PlanOptions): {
  readonly names: readonly string[];
  readonly requests: readonly FileRequest[];
} {
  const { entries = [], files = [] } = options;
  const typed = new Set(optionVariables(options).map(({ name }) => name));
  const facts = { entries, files, typed };
  const names = secretVariables(facts);
  if (options.variables !== "file") return { names, requests: files };
  return { names, requests: [...files, ...filesForVariables(facts, names, options)] };
}

function planFiles(options: PlanOptions): PlannedFile[] {
  const entries = options.entries ?? [];
  const requests = new Map((options.files ?? []).map((request) => [request.name, request]));
  if (requests.size === 0 && (options.owner !== undefined || options.mode !== undefined)) {
    throw new UsageError("USAGE", "an owner or a mode is given without a file", {
      hint: "add --file NAME=/path/in/container",
    });
  }
  const names = entries.map(({ name }) => name);
  for (const name of requests.keys()) {
    if (!names.includes(name)) throw missing(name, names);
  }
  return entries.flatMap((entry) => {
    const request = requests.get(entry.name);
    if (request === undefined && entry.file === undefined) return [];
    const file = planFile(entry, request, options);
    checkPath(file);
    return [file];
  });
}

/** What is asked for on the command line wins over the manifest, part by part. */
function planFile(
  entry: PlanEntry,
  request: FileRequest | undefined,
  options: PlanOptions,
): PlannedFile {
  const typed = request === undefined ? {} : { owner: options.owner, mode: options.mode };
  const layers = [request, typed, entry.file].map((layer) => withoutGaps(layer ?? {}));
  const { name } = entry;
  const defaults = { path: `${DEFAULT_FOLDER}/${name}`, owner: "root", mode: DEFAULT_MODE };
  return { ...defaults, ...layers[2], ...layers[1], ...layers[0], name };
}

function withoutGaps(layer: Partial<FileRequest>): Partial<PlannedFile> {
  const { path, owner, mode } = layer;
  return {
    ...(path === undefined ? {} : { path }),
    ...(owner === undefined ? {} : { owner }),
    ...(mode === undefined ? {} : { mode }),
  };
}

/** @param moved - secrets that became files, whose paths become variables */
function planVariables(
  options: PlanOptions,
  files: readonly PlannedFile[],
  moved: readonly string[],
): PlannedVariable[] {
  const planned = new Map<string, PlannedVariable>();
  for (const { name, sensitive } of options.entries ?? []) {
    if (files.some((file) => file.name === name)) continue;
    refuseKeyVariable(name);
    planned.set(name, { name, from: sensitive ? "secret" : "plain" });
  }
  for (const name of moved.map(pathVariable)) {
    refuseKeyVariable(name);
    planned.set(name, { name, from: "path" });
  }
  for (const { name } of optionVariables(options)) planned.set(name, { name, from: "option" });
  return [...planned.values()];
}

/**
 * One rule for children and containers.
 *
 * @throws {@link UsageError} USAGE for a key variable
 */
export function refuseKeyVariable(name: string): void {
  if (name in scrubEnvironment({ [name]: "" })) return;
  throw new UsageError("USAGE", `the key variable ${name} can't be passed to a container`, {
    hint: "a container gets opened values, never the key: leave the option out",
  });
}

function missing(name: string, names: readonly string[]): SealmountError {
  const near = nearMiss(name, names);
  return new SealmountError(
    "SECRET_MISSING",
    `--file names ${JSON.stringify(name)}, which is not set`,
    {
      hint: near === undefined ? `set it first: sealmount set ${name}` : `did you mean ${near}?`,
    },
  );
}

function warningsOf(container: ContainerOptions, files: readonly PlannedFile[]): string[] {
  const caps = (container.capAdd ?? []).map((cap) => cap.toUpperCase().replace(/^CAP_/, ""));
  const isFree =
    container.privileged === true || caps.some((cap) => cap === "SYS_ADMIN" || cap === "ALL");
  if (files.length === 0 || !isFree) return [];
  return ["with SYS_ADMIN or --privileged the program can make its secret files writable"];
}
