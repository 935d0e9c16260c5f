/** Options that are words or lists of `KEY=VALUE`, as docker reads them. */
import { isIP } from "node:net";

import { UsageError } from "../../errors.ts";
import { mapOfPairs, splitPair } from "./csv.ts";

/**
 * Reads `--add-host NAME:ADDRESS` or `NAME=ADDRESS` into the engine's `NAME:ADDRESS`.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseAddHost(text: string): string {
  const [name, typed = ""] = splitPair(text, text.includes("=") ? "=" : ":");
  const address = typed.replace(/^\[(.+)\]$/, "$1");
  const isRight = address === "host-gateway" || isIP(address.trim()) !== 0;
  if (name === "" || name.includes(":") || !isRight) {
    throw new UsageError("USAGE", `--add-host ${JSON.stringify(text)} is not NAME:ADDRESS`, {
      hint: "write cats.test:10.0.0.2, or cats.test:host-gateway",
    });
  }
  return `${name}:${address}`;
}

/**
 * Reads `--label KEY[=VALUE]`, each.
 *
 * @throws {@link UsageError} USAGE for a key that is empty, holds a space, or is sealmount's own
 */
export function parseLabels(texts: readonly string[]): Record<string, string> {
  for (const text of texts) {
    const key = splitPair(text)[0].trimStart();
    if (key === "" || /[ \t]/.test(key)) {
      throw new UsageError("USAGE", "--label has no key, or one with a space in it");
    }
    if (key.startsWith("sealmount.")) {
      throw new UsageError("USAGE", `label ${key} is sealmount's own`);
    }
  }
  return mapOfPairs(texts);
}

/** What `--security-opt` comes to. */
export interface Security {
  readonly SecurityOpt: readonly string[];
  /** Empty lists, when nothing below /proc and /sys is to be hidden or read-only. */
  readonly MaskedPaths?: readonly string[];
  readonly ReadonlyPaths?: readonly string[];
}

/**
 * Reads `--security-opt`, each. A seccomp profile is given as a file; the engine wants its contents,
 * which the caller read before. `systempaths=unconfined` is done on this side, as docker does.
 *
 * @param profiles - contents by path, as written in the option
 * @throws {@link UsageError} USAGE
 */
export function parseSecurity(
  texts: readonly string[],
  profiles: ReadonlyMap<string, string>,
): Security {
  const options = texts.map((text) => parseSecurityOption(text, profiles));
  const kept = options.filter((option) => option !== UNCONFINED);
  const free = kept.length < options.length;
  return { SecurityOpt: kept, ...(free ? { MaskedPaths: [], ReadonlyPaths: [] } : {}) };
}

const UNCONFINED = "systempaths=unconfined";

function parseSecurityOption(text: string, profiles: ReadonlyMap<string, string>): string {
  const path = seccompProfile(text);
  if (path !== null) return `seccomp=${profiles.get(path) ?? path}`;
  if (!/^no-new-privileges(?:$|[=:])|^[^=:]*[=:]./.test(text)) {
    throw new UsageError("USAGE", `--security-opt ${JSON.stringify(text)} is not KEY=VALUE`);
  }
  return text;
}

/** The file that a `seccomp=FILE` option names, or null. */
export function seccompProfile(text: string): string | null {
  const path = /^seccomp[=:](.+)$/.exec(text)?.[1] ?? null;
  return path === "unconfined" || path === "builtin" ? null : path;
}

/** Kernel parameters that belong to a container's own namespaces. */
const SYSCTL =
  /^(?:net\.|fs\.mqueue\.|kernel\.(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)=)/;

/**
 * Reads `--sysctl KEY=VALUE`, each.
 *
 * @throws {@link UsageError} USAGE for no value, or a parameter of the whole host
 */
export function parseSysctls(texts: readonly string[]): Record<string, string> {
  for (const text of texts) {
    if (text.includes("=") && SYSCTL.test(text)) continue;
    const [key] = splitPair(text);
    throw new UsageError("USAGE", `--sysctl ${JSON.stringify(key)} is not allowed`, {
      hint: "write KEY=VALUE, with a key below net. or fs.mqueue., or of System V IPC",
    });
  }
  return mapOfPairs(texts);
}

/** Reads `--storage-opt KEY=VALUE`, each. @throws {@link UsageError} USAGE without a value */
export function parseStorageOptions(texts: readonly string[]): Record<string, string> {
  if (texts.every((text) => text.includes("="))) return mapOfPairs(texts);
  throw new UsageError("USAGE", "--storage-opt is KEY=VALUE");
}

/** HostConfig.LogConfig. */
export interface LogConfig {
  readonly Type?: string;
  readonly Config?: Readonly<Record<string, string>>;
}

/**
 * Reads `--log-driver` and `--log-opt`. Options may hold tokens: no error shows them.
 *
 * @throws {@link UsageError} USAGE_CONFLICT for options of the driver `none`
 */
export function parseLogging(driver: string | undefined, texts: readonly string[]): LogConfig {
  if (driver === "none" && texts.length > 0) {
    throw new UsageError("USAGE_CONFLICT", "--log-driver none takes no --log-opt");
  }
  return {
    ...(driver === undefined ? {} : { Type: driver }),
    ...(texts.length === 0 ? {} : { Config: mapOfPairs(texts) }),
  };
}

/** What the options that choose a namespace take, and how that is told. */
const NAMESPACES = {
  pid: [/^(?:host|container:.+)?$/, "host or container:NAME"],
  uts: [/^(?:host)?$/, "host"],
  userns: [/^(?:host)?$/, "host"],
  cgroupns: [/^(?:host|private)?$/, "host or private"],
} as const;

/** Checks `--pid`, `--uts`, `--userns` and `--cgroupns`. @throws {@link UsageError} USAGE */
export function checkNamespace(option: keyof typeof NAMESPACES, text: string): string {
  const [pattern, values] = NAMESPACES[option];
  if (pattern.test(text)) return text;
  throw new UsageError("USAGE", `--${option} takes ${values}, not ${JSON.stringify(text)}`);
}

/** Names of the three streams, in lower case. @throws {@link UsageError} USAGE for any other word */
export function parseAttach(texts: readonly string[]): ReadonlySet<string> {
  const names = texts.map((text) => text.toLowerCase());
  if (names.every((name) => /^std(?:in|out|err)$/.test(name))) return new Set(names);
  throw new UsageError("USAGE", "--attach takes stdin, stdout and stderr");
}

const KEY = /^(?:[\0-\x7f]|ctrl-[a-z@[\\\]^_])$/;

/**
 * Checks `--detach-keys`: letters and `ctrl-` with a letter or one of `@ [ \ ] ^ _`, with commas
 * between.
 *
 * @throws {@link UsageError} USAGE
 */
export function checkDetachKeys(text: string): string {
  if (text === "" || text.split(",").every((key) => KEY.test(key))) return text;
  throw new UsageError("USAGE", `--detach-keys ${JSON.stringify(text)} are no keys`, {
    hint: "write them with commas between, such as ctrl-p,ctrl-q",
  });
}
