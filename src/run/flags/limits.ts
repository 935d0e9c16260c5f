/** `--memory`, `--cpus`, `--ulimit` and `--restart`, as docker reads them. */
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

const POWERS = "kmgtp";
const NANO = 1_000_000_000n;

/** Names the engine knows, from setrlimit(2). */
const ULIMITS: ReadonlySet<string> = new Set(
  (
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime " +
    "sigpending stack"
  ).split(" "),
);

/**
 * Reads a size in docker's units: `512m`, `1.5g`, `1GiB`; powers of 1,024, a bare number is bytes.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseBytes(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp])?(?:i?b)?$/i.exec(text);
  const power = match?.[2] === undefined ? 0 : POWERS.indexOf(match[2].toLowerCase()) + 1;
  const bytes = Math.trunc(Number(match?.[1] ?? Number.NaN) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError("USAGE", `--${option} ${JSON.stringify(text)} is not a size`, {
      hint: "write a number with b, k, m or g, such as 512m",
    });
  }
  return bytes;
}

/**
 * Reads `--cpus 1.5` into billionths of a CPU, exactly.
 *
 * @throws {@link UsageError} USAGE for no decimal number, or more than nine decimals
 */
export function parseCpus(text: string): number {
  const match = /^(\d{1,6})?(?:\.(\d{1,9})0*)?$/.exec(text);
  if (match === null || text === "" || text === ".") {
    throw new UsageError("USAGE", `--cpus ${JSON.stringify(text)} is not a number of CPUs`, {
      hint: "write a decimal number with at most nine decimals, such as 1.5",
    });
  }
  const whole = BigInt(match[1] ?? "0") * NANO;
  return Number(whole + BigInt((match[2] ?? "").padEnd(9, "0")));
}

/**
 * Reads `--ulimit NAME=SOFT[:HARD]`; -1 is unlimited, HARD is SOFT when left out.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseUlimit(text: string): Ulimit {
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
