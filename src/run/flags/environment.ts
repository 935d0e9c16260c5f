/** `-e` and `--env-file`, as docker reads them. Errors name the variable or the line number only. */
import { isUtf8 } from "node:buffer";

import { UsageError } from "../../errors.ts";
import type { Env } from "../options.ts";

/** A variable as asked for; `value` null means: take the variable out that the image sets. */
export interface Variable {
  readonly name: string;
  readonly value: string | null;
}

/**
 * Reads `-e NAME=VALUE`, or `-e NAME`, which takes the client's value. A name that the client does
 * not have removes the image's own variable, as docker does.
 *
 * @throws {@link UsageError} USAGE for an empty name; the text is never quoted
 */
export function parseEnv(text: string, env: Env): Variable {
  const at = text.indexOf("=");
  const name = at < 0 ? text : text.slice(0, at);
  if (name === "") throw new UsageError("USAGE", "--env has no name in front of the equals sign");
  return { name, value: at < 0 ? (env[name] ?? null) : text.slice(at + 1) };
}

/**
 * Reads an env file: one `NAME=VALUE` or `NAME` per line, `#` comments, no quotes, no expansion. A
 * bare name that the client does not have is left out.
 *
 * @throws {@link UsageError} USAGE with file and line number
 */
export function parseEnvFile(file: string, bytes: Uint8Array, env: Env): Variable[] {
  if (!isUtf8(bytes)) throw new UsageError("USAGE", `${file} is not UTF-8`, { place: { file } });
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("utf8")
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/);
  return lines.flatMap((line, index) => {
    const text = line.trimStart();
    if (text === "" || text.startsWith("#")) return [];
    const variable = parseLine(text, env);
    if (variable === "invalid") {
      throw new UsageError("USAGE", "the line has no usable variable name", {
        place: { file, line: index + 1 },
        hint: "write NAME=VALUE, with no spaces in the name",
      });
    }
    return variable.value === null ? [] : [variable];
  });
}

function parseLine(text: string, env: Env): Variable | "invalid" {
  const at = text.indexOf("=");
  const name = at < 0 ? text : text.slice(0, at);
  if (name === "" || /\s/.test(name)) return "invalid";
  return { name, value: at < 0 ? (env[name] ?? null) : text.slice(at + 1) };
}
