/** gRPC calls with many messages, server side: reading them one by one, and answering as they come. */
import { once } from "node:events";
import type { ServerHttp2Stream } from "node:http2";

import { FrameReader } from "./frames.ts";
import { encodeMessage, frameOf, GRPC_STATUS, GrpcError, type GrpcCall } from "./grpc.ts";

/**
 * The messages of a call, until the engine has no more to send.
 *
 * @param maxBytes - of one message; what is longer ends the call before memory is taken for it
 * @throws {@link GrpcError} for a cut-off, compressed or over-long message
 */
export async function* readMessages(
  stream: ServerHttp2Stream,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  const frames = new FrameReader(maxBytes);
  for await (const chunk of chunksOf(stream)) yield* frames.push(chunk);
  if (frames.isHalfway || stream.aborted) throw cutOff();
}

async function* chunksOf(stream: ServerHttp2Stream): AsyncGenerator<Buffer> {
  try {
    // a call that is refused half-way must still be answered
    yield* stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } catch {
    throw cutOff();
  }
}

function cutOff(): GrpcError {
  return new GrpcError(GRPC_STATUS.invalidArgument, "the call was cut off");
}

/** The answering side of a call. */
export class Reply {
  readonly #stream: ServerHttp2Stream;
  readonly #closed: Promise<unknown>;
  #outcome: GrpcError | null = null;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
    this.#closed = once(stream, "close").catch(() => undefined);
    stream.once("wantTrailers", () => stream.sendTrailers(trailersOf(this.#outcome)));
    if (stream.destroyed) return;
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
  }

  /** Sends a message; resolves when there is room for the next one. */
  async send(message: Buffer): Promise<void> {
    if (this.post(message)) return;
    await Promise.race([once(this.#stream, "drain").catch(() => undefined), this.#closed]);
  }

  /** Sends a message without waiting for room. @returns false when there is none left */
  post(message: Buffer): boolean {
    return this.#stream.destroyed || this.#stream.write(frameOf(message));
  }

  /** Ends the call: OK, or with an error. Resolves when it is over on both sides. */
  async end(outcome: GrpcError | null = null): Promise<void> {
    this.#outcome = outcome;
    if (this.#stream.destroyed) return;
    this.#stream.end();
    // whatever is left of the request would keep the stream, and with it the connection's window
    this.#stream.resume();
    await this.#closed;
  }
}

/**
 * Runs a call of many messages to its end.
 *
 * @param work - what it throws becomes the call's status: a {@link GrpcError} as it is, anything else
 *   without its text, which the engine would keep in its build log
 */
export async function converse(
  { stream }: GrpcCall,
  work: (reply: Reply) => Promise<void>,
): Promise<void> {
  const reply = new Reply(stream);
  try {
    await work(reply);
  } catch (error) {
    const known = error instanceof GrpcError;
    await reply.end(known ? error : new GrpcError(GRPC_STATUS.internal, "the call failed"));
    return;
  }
  await reply.end();
}

/** The value of a request header; undefined when it is not there. */
export function headerOf({ rawHeaders }: GrpcCall, name: string): string | undefined {
  const at = rawHeaders.findIndex(
    (text, index) => index % 2 === 0 && text.toLowerCase() === name.toLowerCase(),
  );
  return at < 0 ? undefined : rawHeaders[at + 1];
}

function trailersOf(outcome: GrpcError | null): Record<string, string> {
  if (outcome === null) return { "grpc-status": "0" };
  return {
    "grpc-status": String(outcome.status),
    "grpc-message": encodeMessage(outcome.message),
  };
}
