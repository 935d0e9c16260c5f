import { isAbsolute, join } from "node:path";
import { UsageError } from "../errors.ts";
import type { Env } from "./variables.ts";

/** Longest app name that becomes part of a file name (NAME_MAX is 255 bytes). */
const MAX_APP_BYTES = 200;

/** Where this user's own files are. */
export interface Home {
  readonly env: Env;
  /** The user's home folder. */
  readonly home: string;
}

/** `$XDG_CONFIG_HOME/sealmount`; a relative XDG_CONFIG_HOME is ignored, as its specification asks. */
export function configFolder({ env, home }: Home): string {
  const configured = env["XDG_CONFIG_HOME"] ?? "";
  return join(isAbsolute(configured) ? configured : join(home, ".config"), "sealmount");
}

/** The user's own settings. */
export function configFile(where: Home): string {
  return join(configFolder(where), "config.toml");
}

/** Folder of the key files, mode 0700. */
export function keyFolder(where: Home): string {
  return join(configFolder(where), "keys");
}

/**
 * The key file of an app.
 *
 * @throws {@link UsageError} USAGE when the name can't be a file name of its own
 */
export function keyFilePath(where: Home & { readonly app: string }): string {
  return join(keyFolder(where), `${checkedApp(where.app)}.key`);
}

/**
 * The name of an app as part of a file name: no separator, no `..`, no hidden file.
 *
 * @throws {@link UsageError} USAGE otherwise
 */
export function checkedApp(app: string): string {
  const fits = app !== "" && Buffer.byteLength(app) <= MAX_APP_BYTES && !app.startsWith(".");
  if (fits && !/[/\\]|\p{Cc}/u.test(app)) return app;
  throw new UsageError("USAGE", `${JSON.stringify(app.slice(0, 80))} can't be the name of an app`, {
    hint: "use letters, digits, dashes and dots, and no dot at the start",
  });
}
