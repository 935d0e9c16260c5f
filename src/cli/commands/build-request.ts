import { type BuildRequest, type Project, StandardInput, UsageError } from "../../index.ts";
import type { Context } from "../spec.ts";
import type { Values } from "../values.ts";

/** What was typed, as the library takes it; docker's flags keep docker's meaning. */
export function requestOf({ operands, values, cwd, env, host }: Context): BuildRequest {
  const [context = "."] = operands;
  const dockerfile = values.get("file");
  const readsStdin = context === "-" || dockerfile === "-";
  return {
    context,
    cwd,
    env,
    dockerfile,
    stdin: readsStdin ? new StandardInput(host.stdin) : undefined,
    tags: values.list("tag"),
    buildArgs: values.list("build-arg"),
    buildContexts: values.list("build-context"),
    labels: values.list("label"),
    annotations: values.list("annotation"),
    target: values.get("target"),
    platform: values.list("platform").join(",") || undefined,
    network: values.get("network"),
    addHosts: values.list("add-host"),
    noCache: values.flag("no-cache"),
    noCacheFilter: values.list("no-cache-filter"),
    pull: values.flag("pull"),
    shmSize: values.get("shm-size"),
    ulimits: values.list("ulimit"),
    cgroupParent: values.get("cgroup-parent"),
    cacheFrom: values.list("cache-from"),
    cacheTo: values.list("cache-to"),
    ...resultOf({ values }),
    secretFlags: values.list("secret"),
    ssh: values.list("ssh"),
    allow: values.list("allow"),
  };
}

/** The flags that say what comes out. */
function resultOf({ values }: Pick<Context, "values">): Partial<BuildRequest> {
  return {
    outputs: values.list("output"),
    push: values.flag("push"),
    load: values.flag("load"),
    iidFile: values.get("iidfile"),
    metadataFile: values.get("metadata-file"),
    attests: values.list("attest"),
    provenance: values.get("provenance"),
    sbom: values.get("sbom"),
    call: callOf({ values }),
    record: values.flag("record"),
  };
}

function callOf({ values }: Pick<Context, "values">): string | undefined {
  const call = values.get("call");
  if (!values.flag("check")) return call === "build" ? undefined : call;
  if (call === undefined || call === "check") return "check";
  throw new UsageError("USAGE_CONFLICT", "--check and --call exclude each other", {
    hint: "leave out --check",
  });
}

/** Words behind `--`, for another builder: all but secrets, which it gets by the flags of ours. */
export function extraOf({ operands, values }: Context): readonly string[] {
  const extra = operands.slice(1);
  if (extra.length > 0 && !values.typed("via"))
    throw new UsageError("USAGE", "only another builder takes options of its own", {
      hint: "add --via docker, buildx or podman; see sealmount build --help",
    });
  return extra;
}

/** Options that exclude each other, found before anything is read. */
export function refuseConflicts({ values }: Context): void {
  if (values.flag("verify")) refuseUnverifiable(values);
  if (!values.typed("via")) return;
  const own = ["record", "secret-cache"].find((long) => values.typed(long));
  if (own === undefined) return;
  throw new UsageError("USAGE_CONFLICT", `--${own} is for sealmount's own client, not --via`, {
    hint: "leave one of them out",
  });
}

/** `--verify` needs something to look at, and where to find it. */
function refuseUnverifiable(values: Values, what = "--verify"): void {
  if (isQuestion(values))
    throw conflict(`${what} needs an image, which --check and --call do not make`, "leave one out");
  if (values.get("via") === "podman")
    throw conflict(
      `${what} looks on a Docker engine, not in podman`,
      "build without --via podman, or without a proof",
    );
  const early = ["push", "output"].find((long) => values.typed(long));
  if (values.typed("via") && early !== undefined)
    throw conflict(
      `--${early} of another builder can't wait for ${what}`,
      `leave --${early} out, or build without --via`,
    );
}

/** `--check`, or a `--call` that asks something. */
function isQuestion(values: Values): boolean {
  return values.flag("check") || values.typed("call");
}

/** `--verify`, or `verify = true` in the manifest: for everything that makes something. */
export function mustProve({ values }: Context, { manifest }: Project): boolean {
  if (values.flag("verify")) return true;
  if (!manifest.seal.verify || isQuestion(values)) return false;
  refuseUnverifiable(values, "[seal] verify = true");
  return true;
}

function conflict(message: string, hint: string): UsageError {
  return new UsageError("USAGE_CONFLICT", message, { hint });
}
