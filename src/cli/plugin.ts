import type { Env } from "./host.ts";

/**
 * The docker CLI plugin side. docker runs `docker-sealmount docker-cli-plugin-metadata` to list
 * us, and `docker-sealmount [GLOBAL FLAGS] sealmount WORDS…` to run us (seen with docker 20.10,
 * 26.1 and 28.5).
 */

/** The word by which docker asks a plugin who it is. */
export const METADATA_WORD = "docker-cli-plugin-metadata";

const NAME = "sealmount";

/** docker's global flags that take a value, and the variable that means the same, if any. */
const WITH_VALUE: Readonly<Record<string, string | null>> = {
  "-H": "DOCKER_HOST",
  "--host": "DOCKER_HOST",
  "-c": "DOCKER_CONTEXT",
  "--context": "DOCKER_CONTEXT",
  "--config": "DOCKER_CONFIG",
  "-l": null,
  "--log-level": null,
  "--tlscacert": null,
  "--tlscert": null,
  "--tlskey": null,
};

/** docker's global switches, likewise. */
const SWITCHES: Readonly<Record<string, string | null>> = {
  "-D": "SEALMOUNT_DEBUG",
  "--debug": "SEALMOUNT_DEBUG",
  "--tls": "DOCKER_TLS",
  "--tlsverify": "DOCKER_TLS_VERIFY",
};

/** What a plugin answers to {@link METADATA_WORD}. */
export function pluginMetadata(version: string): string {
  return `${JSON.stringify({
    SchemaVersion: "0.1.0",
    Vendor: "sealmount",
    Version: version,
    ShortDescription: "Secrets for builds and containers, sealed in git",
  })}\n`;
}

/**
 * Whether docker called us as a plugin: by the file's name, or by the variable it sets, when the
 * plugin folder holds a link of another name.
 */
export function isPluginCall(program: string, env: Env, argv: readonly string[]): boolean {
  return (
    program.replace(/\.exe$/, "") === `docker-${NAME}` ||
    (env["DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND"] !== undefined && argv.includes(NAME))
  );
}

/** A plugin call as a call of ours, and the settings that docker's own flags bring along. */
export interface PluginCall {
  readonly argv: readonly string[];
  readonly env: Env;
}

/**
 * Takes docker's global flags and the plugin's name off the front. The flags become docker's own
 * variables, as only some commands of ours have options for them. Anything unexpected in front of
 * the name leaves the call as it is.
 */
export function stripPluginWords(argv: readonly string[], env: Env): PluginCall {
  const settings: Record<string, string | undefined> = {};
  let at = 0;
  for (; argv[at] !== NAME; at++) {
    const [flag = "", ...rest] = (argv[at] ?? "").split("=");
    if (flag in SWITCHES) note(settings, SWITCHES[flag], "1");
    else if (!(flag in WITH_VALUE)) return { argv, env };
    else note(settings, WITH_VALUE[flag], rest.length > 0 ? rest.join("=") : argv[++at]);
  }
  return { argv: argv.slice(at + 1), env: { ...env, ...settings } };
}

function note(
  settings: Record<string, string | undefined>,
  variable: string | null | undefined,
  value: string | undefined,
): void {
  if (variable === null || variable === undefined) return;
  settings[variable] = value;
  // as with docker itself, a context that was typed wins over a host from the environment
  if (variable === "DOCKER_CONTEXT") settings["DOCKER_HOST"] = undefined;
}
