/** Answers that go on while the engine works: one JSON object a line, errors among them. */
import type { IncomingMessage } from "node:http";

import { DockerError } from "../errors.ts";
import { fromRequest } from "./errors.ts";

/** A line of progress has a few hundred bytes. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Reads the lines to the end of the answer; what is no object is passed over.
 *
 * @param o.host - of the engine, for errors
 * @throws {@link DockerError} DOCKER_UNREACHABLE when the connection is lost, DOCKER_REFUSED for a line
 *   without an end
 * @throws InterruptedError when the signal fired
 */
export async function* jsonLines<T extends object>(
  answer: IncomingMessage,
  o: { readonly host: string; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Partial<T>> {
  try {
    for await (const line of lines(answer)) {
      const object = objectIn<T>(line);
      if (object !== null) yield object;
    }
  } catch (error) {
    throw fromRequest(error, o.host, o.signal);
  }
}

async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      yield rest.toString("utf8", 0, end);
      rest = rest.subarray(end + 1);
    }
    if (rest.length > MAX_LINE_BYTES) {
      throw new DockerError("DOCKER_REFUSED", "a line of the engine's answer has no end");
    }
  }
  yield rest.toString("utf8");
}

/** The type is the caller's claim, as for `parseJson`. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it is the claim
function objectIn<T extends object>(line: string): Partial<T> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}
