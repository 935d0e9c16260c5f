/** Reads the answer of `POST /build`: JSON lines with progress, the image's id, or an error. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

import { escapeControl } from "../docker/errors.ts";
import { DockerError } from "../errors.ts";
import { WireError } from "../session/protobuf.ts";

/** What one build answered. The texts are the engine's own: neither masked nor harmless yet. */
export interface BuildAnswer {
  readonly imageId: string | null;
  readonly error: string | null;
}

/**
 * Reads until the engine has ended the stream. HTTP status is 200 even for a failed build, so the
 * error stands in the last line.
 *
 * @param onTrace - gets each StatusResponse, encoded
 * @throws {@link DockerError} DOCKER_REFUSED when a line can't be read
 */
export async function readAnswer(
  response: Readable,
  onTrace: (bytes: Buffer) => Promise<void>,
): Promise<BuildAnswer> {
  let imageId: string | null = null;
  let error: string | null = null;
  // readline passes on no error of its input: without this a lost connection would look like an end
  const lost = new Promise<never>((_resolve, reject) => response.once("error", reject));
  lost.catch(() => undefined);
  const lines = createInterface({ input: response, crlfDelay: Infinity });
  // since Node 24 it repeats such an error, also after the loop has been left
  lines.on("error", () => undefined);
  for await (const line of lines) {
    const message = parseLine(line);
    if (message["id"] === "moby.buildkit.trace") await trace(message["aux"], onTrace);
    if (message["id"] === "moby.image.id") imageId = textField(message["aux"], "ID");
    error = textField(message, "error") ?? error;
  }
  if (!response.readableEnded || response.errored !== null) await lost;
  return { imageId, error };
}

async function trace(aux: unknown, onTrace: (bytes: Buffer) => Promise<void>): Promise<void> {
  if (typeof aux !== "string") return;
  try {
    await onTrace(Buffer.from(aux, "base64"));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw unreadable(`progress message: ${error.message}`);
  }
}

function parseLine(line: string): Readonly<Record<string, unknown>> {
  if (line.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(line);
    if (isRecord(parsed)) return parsed;
  } catch {
    // falls through: the line itself is foreign text, so it is not quoted
  }
  throw unreadable(`line of ${line.length} characters`);
}

function unreadable(what: string): DockerError {
  return new DockerError("DOCKER_REFUSED", `the engine sent an unreadable ${escapeControl(what)}`);
}

function textField(value: unknown, name: string): string | null {
  if (!isRecord(value)) return null;
  const found = value[name];
  return typeof found === "string" ? found : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
