/** `--ulimit` and `--restart`, as docker reads them. */
import { UsageError } from "../../errors.ts";

/** HostConfig.Ulimits. */
export interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

/** HostConfig.RestartPolicy. */
export interface RestartPolicy {
  readonly Name: string;
  readonly MaximumRetryCount: number;
}

/** Names the engine knows, from setrlimit(2). */
const ULIMITS: ReadonlySet<string> = new Set(
  (
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime " +
    "sigpending stack"
  ).split(" "),
);

/**
 * Reads `--ulimit NAME=SOFT[:HARD]`, each; -1 is unlimited, HARD is SOFT when left out. The last one
 * of a name holds.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseUlimits(texts: readonly string[]): Ulimit[] {
  return [...new Map(texts.map(parseUlimit).map((limit) => [limit.Name, limit])).values()];
}

function parseUlimit(text: string): Ulimit {
  const match = /^([a-z]+)=(-?\d{1,15})(?::(-?\d{1,15}))?$/.exec(text);
  const [, name = "", soft = "", hard = soft] = match ?? [];
  if (match === null || !ULIMITS.has(name)) {
    throw new UsageError("USAGE", `--ulimit ${JSON.stringify(text)} is not a limit`, {
      hint: "write NAME=SOFT[:HARD], such as nofile=1024:2048",
    });
  }
  const limit = { Name: name, Soft: Number(soft), Hard: Number(hard) };
  if (limit.Hard !== -1 && (limit.Soft === -1 || limit.Soft > limit.Hard)) {
    throw new UsageError("USAGE", `--ulimit ${name}: the soft limit is above the hard one`);
  }
  return limit;
}

/**
 * Reads `--restart no|always|unless-stopped|on-failure[:N]`.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseRestart(text: string): RestartPolicy {
  const match = /^(|no|always|unless-stopped|on-failure)(?::(\d{1,9}))?$/.exec(text);
  if (match === null || (match[2] !== undefined && match[1] !== "on-failure")) {
    throw new UsageError("USAGE", `--restart ${JSON.stringify(text)} is not a restart policy`, {
      hint: "policies are no, always, unless-stopped, on-failure and on-failure:N",
    });
  }
  return { Name: match[1] ?? "", MaximumRetryCount: Number(match[2] ?? 0) };
}

/** True when the engine would start the container again by itself. */
export function restarts(policy: RestartPolicy | undefined): boolean {
  return policy !== undefined && policy.Name !== "" && policy.Name !== "no";
}
