/** The command line of `build --via`: docker's own flags and one `--secret` for each secret. Pure. */
import { writeRecord } from "./flag-values.ts";
import { type BuildPlan, declaredIds } from "./plan.ts";
import type { BuildRequest } from "./options.ts";

/** A builder that reads secrets from files. */
export type ViaTool = "docker" | "buildx" | "podman";

/** First descriptor that a child inherits beside stdin, stdout and stderr. */
const FIRST_DESCRIPTOR = 3;

/** What is going to run. Names only: `--dry-run` prints it. */
export interface ViaPlan {
  readonly program: string;
  readonly args: readonly string[];
  /** Ids in the order of their descriptors, from {@link FIRST_DESCRIPTOR}. */
  readonly secrets: readonly string[];
  readonly warnings: readonly string[];
}

const COMMANDS: Readonly<Record<ViaTool, readonly [string, ...string[]]>> = {
  docker: ["docker", "build"],
  buildx: ["docker", "buildx", "build"],
  podman: ["podman", "build"],
};

/**
 * Makes the command line.
 *
 * @param plan - of the same request: its secrets are those that the Dockerfile mentions
 * @param extra - flags of the tool's own that sealmount does not know, passed on untouched
 */
export function assembleVia(
  tool: ViaTool,
  request: BuildRequest,
  plan: BuildPlan,
  extra: readonly string[] = [],
): ViaPlan {
  const [program, ...command] = COMMANDS[tool];
  const secrets = declaredIds(plan);
  const mounts = secrets.map((id, index) => secretFlag(id, FIRST_DESCRIPTOR + index));
  return {
    program,
    args: [...command, ...flagsOf(request), ...extra, ...mounts, request.context],
    secrets,
    warnings: [...plan.warnings, ...plan.unknownIdLines.map((line) => unknownId(plan, line))],
  };
}

function secretFlag(id: string, descriptor: number): string {
  const record = writeRecord([
    ["id", id],
    ["src", `/dev/fd/${descriptor}`],
  ]);
  return `--secret=${record}`;
}

function unknownId(plan: BuildPlan, line: number): string {
  return (
    `${plan.dockerfile}:${line}: the id of this secret contains a variable, so it is not passed ` +
    `on (build without --via, or write the id out)`
  );
}

/** Docker's flags in their long form, `--flag=value`, so that no value can be taken for a flag. */
function flagsOf(request: BuildRequest): string[] {
  return [
    ...sourceFlags(request),
    ...flag("target", request.target),
    ...flag("platform", request.platform),
    ...flag("network", request.network),
    ...flag("add-host", request.addHosts),
    ...flag("shm-size", request.shmSize),
    ...flag("ulimit", request.ulimits),
    ...flag("cgroup-parent", request.cgroupParent),
    ...flag("ssh", request.ssh),
    ...flag("allow", request.allow),
    ...flag("secret", request.secretFlags),
    ...(request.noCache === true ? ["--no-cache"] : []),
    ...flag("no-cache-filter", request.noCacheFilter),
    ...(request.pull === true ? ["--pull"] : []),
    ...resultFlags(request),
  ];
}

function sourceFlags(request: BuildRequest): string[] {
  return [
    ...flag("file", request.dockerfile),
    ...flag("tag", request.tags),
    ...flag("build-arg", request.buildArgs),
    ...flag("build-context", request.buildContexts),
    ...flag("label", request.labels),
    ...flag("annotation", request.annotations),
  ];
}

function resultFlags(request: BuildRequest): string[] {
  return [
    ...flag("cache-from", request.cacheFrom),
    ...flag("cache-to", request.cacheTo),
    ...flag("output", request.outputs),
    ...(request.push === true ? ["--push"] : []),
    ...(request.load === true ? ["--load"] : []),
    ...flag("iidfile", request.iidFile),
    ...flag("metadata-file", request.metadataFile),
    ...flag("attest", request.attests),
    ...flag("provenance", request.provenance),
    ...flag("sbom", request.sbom),
    ...flag("call", request.call),
  ];
}

function flag(name: string, values: string | readonly string[] | undefined): string[] {
  return [values ?? []].flat().map((value) => `--${name}=${value}`);
}
