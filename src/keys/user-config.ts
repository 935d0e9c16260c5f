import { readFile } from "node:fs/promises";
import { KeyStoreError } from "../errors.ts";
import { configFile, type Home } from "./places.ts";
import { codeOf } from "./read-key-file.ts";

/** The user's own settings, `$XDG_CONFIG_HOME/sealmount/config.toml`. */
export interface UserConfig {
  /**
   * Prints private keys: a line for `sh -c`, or a program and its arguments.
   *
   * @example key_command = "pass show sealmount/$SEALMOUNT_APP"
   */
  readonly keyCommand?: string | readonly string[];
}

/**
 * Reads the user's settings; a missing file is an empty one.
 *
 * @throws {@link KeyStoreError} KEY_COMMAND when the file can't be read or is not valid, with its
 * line and column, never its text
 */
export async function readUserConfig(where: Home): Promise<UserConfig> {
  const file = configFile(where);
  const text = await readText(file);
  if (text === null) return {};
  const keyCommand = (await parseToml(text, file))["key_command"];
  if (keyCommand === undefined) return {};
  if (typeof keyCommand === "string" && keyCommand.trim() !== "") return { keyCommand };
  if (isWords(keyCommand)) return { keyCommand };
  throw new KeyStoreError("KEY_COMMAND", "key_command is neither text nor a list of words", {
    place: { file, key: "key_command" },
    hint: 'key_command = "pass show sealmount/$SEALMOUNT_APP"',
  });
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new KeyStoreError("KEY_COMMAND", `${file} can't be read (${code})`, {
      hint: "mend the file or remove it",
    });
  }
}

async function parseToml(text: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  const { parse } = await import("@decimalturn/toml-patch");
  try {
    const table: unknown = parse(text);
    return { ...(typeof table === "object" ? table : {}) };
  } catch (error) {
    // its message quotes the file: only the position is taken
    const at = Object.entries(error ?? {}).filter((pair): pair is [string, number] => {
      return ["line", "column"].includes(pair[0]) && typeof pair[1] === "number";
    });
    throw new KeyStoreError("KEY_COMMAND", "the user's settings are not valid TOML", {
      place: { file, ...Object.fromEntries(at) },
      hint: "mend that line",
    });
  }
}

function isWords(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string")
  );
}
