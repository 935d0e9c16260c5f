/**
 * Writing TOML: keys and strings. The same escaping makes names from a file safe to show, because
 * control and direction-changing characters never come out as themselves.
 */

const BARE_KEY = /^[A-Za-z0-9_-]+$/;

// DEL and C1 are not legal in TOML 1.0 / act on terminals; the rest reorders or breaks shown text
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** A basic string: `"…"`, one line, control characters escaped. */
export function tomlString(text: string): string {
  // JSON's escapes are a subset of TOML's
  return JSON.stringify(text).replace(UNSAFE, escapeUnit);
}

/** A key: bare where TOML allows it, else quoted. */
export function tomlKey(name: string): string {
  return BARE_KEY.test(name) ? name : tomlString(name);
}

/** A dotted key such as `env.prod.API_KEY` or `registries."ghcr.io".password`. */
export function dottedKey(path: readonly string[]): string {
  return path.map(tomlKey).join(".");
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
