/** Environment variables, as a parameter: nothing here reads those of the process. */
export type Env = Readonly<Record<string, string | undefined>>;

/** One or more private keys, separated by white space or commas. */
export const KEY_VARIABLE = "SEALMOUNT_KEY";
/** Path of a key file. */
export const KEY_FILE_VARIABLE = "SEALMOUNT_KEY_FILE";

/** Variables that hold or name a private key: no child process and no container gets them. */
export const KEY_VARIABLES: readonly string[] = [KEY_VARIABLE, KEY_FILE_VARIABLE];

/**
 * The environment for a child process: without the key variables, nor any other that begins like
 * them, such as a `SEALMOUNT_KEY_PROD` of someone's own CI.
 */
export function scrubEnvironment(env: Env): Record<string, string> {
  const scrubbed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !isKeyVariable(name)) scrubbed[name] = value;
  }
  return scrubbed;
}

function isKeyVariable(name: string): boolean {
  return name.startsWith(KEY_VARIABLE);
}
