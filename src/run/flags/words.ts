/** `--add-host`, `--label` and `--security-opt`, as docker reads them. */
import { isIP } from "node:net";

import { UsageError } from "../../errors.ts";

/**
 * Reads `--add-host NAME:ADDRESS` or `NAME=ADDRESS` into the engine's `NAME:ADDRESS`.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseAddHost(text: string): string {
  const at = text.includes("=") ? text.indexOf("=") : text.indexOf(":");
  const name = text.slice(0, Math.max(at, 0));
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (name === "" || (address !== "host-gateway" && isIP(address) === 0)) {
    throw new UsageError("USAGE", `--add-host ${JSON.stringify(text)} is not NAME:ADDRESS`, {
      hint: "write cats.test:10.0.0.2, or cats.test:host-gateway",
    });
  }
  return `${name}:${address}`;
}

/**
 * Reads `--label KEY[=VALUE]`.
 *
 * @throws {@link UsageError} USAGE for an empty key, or a key that sealmount keeps for itself
 */
export function parseLabels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      const key = at < 0 ? text : text.slice(0, at);
      if (key === "") throw new UsageError("USAGE", "--label has no key");
      if (key.startsWith("sealmount.")) {
        throw new UsageError("USAGE", `label ${key} is sealmount's own`);
      }
      return [key, at < 0 ? "" : text.slice(at + 1)];
    }),
  );
}

/**
 * Reads `--security-opt`. `KEY:VALUE` is the old way to write `KEY=VALUE`. A seccomp profile is
 * given as a file; the engine wants its contents, which the caller read before.
 *
 * @param profiles - contents by path, as written in the option
 * @throws {@link UsageError} USAGE
 */
export function parseSecurityOpt(text: string, profiles: ReadonlyMap<string, string>): string {
  const path = seccompProfile(text);
  if (path !== null) return `seccomp=${profiles.get(path) ?? path}`;
  if (/^(no-new-privileges|systempaths=unconfined)$/.test(text)) return text;
  if (!/^[a-z-]+[=:]./.test(text)) {
    throw new UsageError("USAGE", `--security-opt ${JSON.stringify(text)} is not KEY=VALUE`);
  }
  return text.includes("=") ? text : text.replace(":", "=");
}

/** The file that a `seccomp=FILE` option names, or null. */
export function seccompProfile(text: string): string | null {
  const path = /^seccomp[=:](.+)$/.exec(text)?.[1] ?? null;
  return path === "unconfined" || path === "builtin" ? null : path;
}
