/** What a build is going to do, as plain data with names only: what `--dry-run` prints. Pure. */
import { escapeControl } from "../docker/errors.ts";
import { ManifestError, type ManifestIssue } from "../errors.ts";
import { neededStages, readDockerfile, type SecretMount } from "./dockerfile.ts";
import type { BuildInputs } from "./inputs.ts";
import type { BuildRequest } from "./options.ts";
import { outputsOf } from "./outputs.ts";
import { readSecretFlags } from "./secret-flags.ts";
import { checkFlags } from "./solve-request.ts";

/** One secret that the Dockerfile asks for. */
export interface PlannedSecret {
  readonly id: string;
  /** Line of the Dockerfile that asks first. */
  readonly line: number;
  readonly required: boolean;
  /** True when the manifest has it: only then it is served. */
  readonly declared: boolean;
}

/** One thing that a build makes. */
export interface PlannedOutput {
  /** `moby` is an image in the engine's store. */
  readonly type: string;
  /** On this machine; null for an image. */
  readonly destination: string | null;
  readonly push: boolean;
}

/** The plan of a build. */
export interface BuildPlan {
  readonly context: string;
  readonly dockerfile: string;
  readonly ignoreFile: string | null;
  readonly tags: readonly string[];
  readonly target: string | null;
  readonly platform: string | null;
  readonly network: string | null;
  readonly addHosts: readonly string[];
  readonly noCache: boolean;
  readonly pull: boolean;
  /** Names only: a value may be something that should not be shown. */
  readonly buildArgs: readonly string[];
  readonly labels: readonly string[];
  /** `--build-context`, by name. */
  readonly buildContexts: readonly string[];
  /** What comes out; empty: the build is run for its cache or its answer alone. */
  readonly outputs: readonly PlannedOutput[];
  /** Ids of docker's own `--secret`. */
  readonly secretFlags: readonly string[];
  readonly ssh: readonly string[];
  /** True: the engine keeps its record of the build. */
  readonly record: boolean;
  /** What the Dockerfile asks for, in its order. */
  readonly secrets: readonly PlannedSecret[];
  /** False when only the engine reads the Dockerfile (URL, tar): what it asks for is not known. */
  readonly secretsKnown: boolean;
  /** Lines that ask for an id which only the build itself knows. */
  readonly unknownIdLines: readonly number[];
  readonly warnings: readonly string[];
}

/**
 * Makes the plan.
 *
 * @param ids - names in `[build_secrets]`
 * @throws {@link ManifestError} SECRET_MISSING with every `required` id that the manifest lacks, each
 *   with its line of the Dockerfile
 * @throws {@link UsageError} USAGE, USAGE_CONFLICT for flags that no engine could take
 */
export function assemblePlan(
  request: BuildRequest,
  inputs: BuildInputs,
  ids: readonly string[],
): BuildPlan {
  const { shown, content } = inputs.dockerfile;
  checkFlags(request);
  const given = readSecretFlags(request, ids).map(({ id }) => id);
  const mounts = mountsOfBuild(content?.toString("utf8") ?? "", request.target);
  const secrets = plannedSecrets(mounts, new Set([...ids, ...given]));
  refuseMissing(secrets, shown);
  return {
    ...flagsOf(request),
    context: withoutLogin(request.context),
    dockerfile: shown,
    ignoreFile: inputs.ignoreFile,
    secretFlags: given,
    secrets,
    secretsKnown: content !== null,
    unknownIdLines: mounts.filter((mount) => mount.id === null).map((mount) => mount.line),
    warnings: secrets.filter((secret) => !secret.declared).map((secret) => absent(secret, shown)),
  };
}

/** The secrets that the Dockerfile asks for and that are there, in its order. */
export function declaredIds(plan: BuildPlan): string[] {
  return plan.secrets.filter(({ declared }) => declared).map(({ id }) => id);
}

/**
 * The secrets that steps of the build may mount.
 *
 * @param all - every id that the build may serve: the answer where only the engine reads the Dockerfile
 */
export function mountableIds(plan: BuildPlan, all: readonly string[]): readonly string[] {
  return plan.secretsKnown ? declaredIds(plan) : all;
}

/** Name of a `NAME=VALUE` argument. */
export function nameOf(argument: string): string {
  return argument.split("=", 1)[0] ?? "";
}

function flagsOf(
  request: BuildRequest,
): Omit<
  BuildPlan,
  | "context"
  | "dockerfile"
  | "ignoreFile"
  | "secretFlags"
  | "secrets"
  | "secretsKnown"
  | "unknownIdLines"
  | "warnings"
> {
  return {
    tags: request.tags ?? [],
    target: request.target ?? null,
    platform: request.platform ?? null,
    network: request.network ?? null,
    addHosts: request.addHosts ?? [],
    noCache: request.noCache === true,
    pull: request.pull === true,
    buildArgs: (request.buildArgs ?? []).map(nameOf),
    labels: (request.labels ?? []).map(nameOf),
    buildContexts: (request.buildContexts ?? []).map(nameOf),
    outputs: outputsOf(request).map(({ exporter, destination, push }) => ({
      type: exporter,
      destination,
      push,
    })),
    ssh: (request.ssh ?? []).map(nameOf),
    record: request.record === true,
  };
}

/** A URL may have a user name and a password in it. */
function withoutLogin(context: string): string {
  return context.replace(/^([a-z]+:\/\/)[^/@]*@/, "$1");
}

/** The mounts that this build will execute: not those of ONBUILD, nor of stages it skips. */
function mountsOfBuild(text: string, target: string | undefined): SecretMount[] {
  const facts = readDockerfile(text);
  const needed = neededStages(facts, target);
  return facts.mounts.filter((mount) => !mount.onbuild && needed.has(mount.stage));
}

function plannedSecrets(
  mounts: readonly SecretMount[],
  declared: ReadonlySet<string>,
): PlannedSecret[] {
  const found = new Map<string, PlannedSecret>();
  for (const { id, line, required } of mounts) {
    if (id === null) continue;
    const before = found.get(id);
    // the line of a mount that requires it says more than the first one
    if (before?.required === true || (before !== undefined && !required)) continue;
    found.set(id, { id, line, required, declared: declared.has(id) });
  }
  return [...found.values()];
}

function refuseMissing(secrets: readonly PlannedSecret[], file: string): void {
  const issues = secrets
    .filter((secret) => secret.required && !secret.declared)
    .map(({ id, line }): ManifestIssue => ({
      code: "SECRET_MISSING",
      message: `the Dockerfile requires build secret ${escapeControl(id)}, which [build_secrets] lacks`,
      place: { file, line, key: `build_secrets.${id}` },
      hint: setCommand(id),
    }));
  const [first, ...rest] = issues;
  if (first !== undefined) throw new ManifestError([first, ...rest]);
}

function absent({ id, line }: PlannedSecret, file: string): string {
  return (
    `${file}:${line}: build secret ${escapeControl(id)} is not in [build_secrets]: the step runs ` +
    `without it (${setCommand(id)})`
  );
}

function setCommand(id: string): string {
  return `sealmount set ${escapeControl(id)} --build`;
}
