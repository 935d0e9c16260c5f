import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { InterruptedError, Secret, UsageError } from "../index.ts";
import { promptHidden } from "./prompt.ts";
import type { Context } from "./spec.ts";

/** The three safe ways by which a value comes in: hidden prompt, stdin, file. Always as bytes. */

/** Largest value in bytes: what the biggest use, a file in a container, takes. */
export const MAX_VALUE_BYTES = 1024 * 1024;

const FLAGS = "--stdin, --value-file PATH";
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Reads the value that `--stdin` or `--value-file` names, else asks for it. Bytes are kept as they
 * are; `--trim` drops one final newline.
 *
 * @param name - label of the Secret, and the name in the question
 * @param form - a `key` has no use for a final newline: it goes without `--trim` and a warning
 * @throws UsageError USAGE_CONFLICT, USAGE_NO_TERMINAL, USAGE; InterruptedError
 */
export async function readValue(
  context: Context,
  name: string,
  form: "value" | "key" = "value",
): Promise<Secret> {
  const { values, host, out } = context;
  const path = values.get("value-file");
  if (values.flag("stdin") && path !== undefined)
    throw new UsageError("USAGE_CONFLICT", "--stdin and --value-file exclude each other", {
      hint: "give one of them",
    });
  if (path === undefined && !values.flag("stdin"))
    return Secret.take(name, await promptHidden(host, `value of ${name}`, FLAGS));
  const bytes = path === undefined ? await readStdin(context) : await readPath(context, path);
  const trim = form === "key" || values.flag("trim");
  if (!trim && bytes.at(-1) === LINE_FEED)
    out.warn(`${name} ends with a newline, which is kept`, "add --trim to drop it");
  return takeValue(name, bytes, trim);
}

async function readStdin({ host }: Context): Promise<Buffer> {
  if (host.stdin.isTTY === true)
    throw new UsageError("USAGE", "--stdin on a terminal would show the value while it is typed", {
      hint: "leave --stdin away for the hidden prompt",
    });
  return collect(host.stdin, host.signal, "standard input");
}

async function readPath({ host, cwd }: Context, path: string): Promise<Buffer> {
  return collect(createReadStream(resolve(cwd, path)), host.signal, "the file of --value-file");
}

/** Reads a stream to its end. The path is not named in errors: it may be a value, mistyped. */
async function collect(
  stream: NodeJS.ReadableStream,
  signal: AbortSignal,
  what: string,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (signal.aborted) throw new InterruptedError();
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_VALUE_BYTES) throw tooLong(what);
    }
    const all = Buffer.alloc(length);
    let offset = 0;
    for (const chunk of chunks) offset += chunk.copy(all, offset);
    return all;
  } catch (error) {
    if (error instanceof UsageError || error instanceof InterruptedError) throw error;
    throw new UsageError("USAGE", `${what} can't be read (${errnoOf(error)})`, {
      hint: "check the path and its permissions",
    });
  } finally {
    for (const chunk of chunks) chunk.fill(0);
  }
}

function takeValue(name: string, bytes: Buffer, trim: boolean): Secret {
  const end = trim ? trimmedLength(bytes) : bytes.length;
  if (end === 0) {
    bytes.fill(0);
    throw new UsageError("USAGE", `the value of ${name} is empty`, {
      hint: "check the command or file that it comes from",
    });
  }
  const secret = Secret.take(name, bytes.subarray(0, end));
  bytes.fill(0);
  return secret;
}

/** Length without one final newline, `\n` or `\r\n`. */
function trimmedLength(bytes: Buffer): number {
  if (bytes.at(-1) !== LINE_FEED) return bytes.length;
  return bytes.length - (bytes.at(-2) === CARRIAGE_RETURN ? 2 : 1);
}

function tooLong(what: string): UsageError {
  return new UsageError("USAGE", `${what} holds more than ${MAX_VALUE_BYTES} bytes`, {
    hint: "seal a key instead, and keep large data elsewhere",
  });
}

function errnoOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "unreadable";
}
