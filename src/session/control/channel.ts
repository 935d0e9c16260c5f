/** gRPC client on one raw connection: calls with one request, and one answer or many. */
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import process from "node:process";
import type { Duplex } from "node:stream";

import { DockerError } from "../../errors.ts";
import { FrameReader } from "../frames.ts";
import { frameOf, GrpcError } from "../grpc.ts";
import { cutOff, errorOfTrailers, RpcError } from "./rpc-error.ts";

/** Error code by which a client gives up a stream (RFC 9113, section 7). */
const CANCEL = 0x8;

/** Largest answer that is taken: progress messages have some kilobytes. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** Of one header list. A single header is limited by nghttp2: see {@link LONGEST_HEADER}. */
const MAX_HEADER_BYTES = 16 * 1024 * 1024;
/** Bytes that the engine may send before we have read them, where {@link ChannelOptions.isBulk}. */
const BULK_WINDOW = 8 * 1024 * 1024;
/** Largest frame of such a channel: what the engine sends is cut into these. */
const BULK_FRAME = 1024 * 1024;

/**
 * Bytes of the longest header that can be read. nghttp2 gives up on the whole connection over a longer
 * one (NGHTTP2_HD_MAX_NV), and the engine does not ask (measured on 20.10, 26.1 and 28.5): the report of
 * a failed build is a header that holds the Dockerfile in base64, and in JSON that in base64 again.
 */
export const LONGEST_HEADER = 65_536;

/** What a call may have beside its request. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** An answer lasts until the next one is asked for: see {@link FrameReader}. */
  readonly isLent?: boolean;
}

/** How a connection is used. */
export interface ChannelOptions {
  /**
   * For hundreds of megabytes: HTTP/2's own window is 64 KiB for each round trip, which is slow over a
   * network; on this machine larger ones save a fifth of the CPU (measured).
   */
  readonly isBulk?: boolean;
}

/** One connection to a gRPC server, which may answer many calls at a time. */
export class Channel {
  readonly #session: ClientHttp2Session;
  readonly #connection: Duplex;
  /** True when nghttp2 gave up on what the engine sent, and not the engine on us. */
  #isUnreadable = false;

  /** @param connection - upgraded to `h2c`; owned by the channel from now on */
  constructor(connection: Duplex, { isBulk = false }: ChannelOptions = {}) {
    this.#connection = connection;
    const bulk = isBulk ? { initialWindowSize: BULK_WINDOW, maxFrameSize: BULK_FRAME } : {};
    // only here: it costs 5 ms to load, and most commands that load this file make no call
    const { connect } = process.getBuiltinModule("node:http2");
    this.#session = connect("http://engine", {
      createConnection: () => connection,
      settings: { maxHeaderListSize: MAX_HEADER_BYTES, enablePush: false, ...bulk },
      maxSessionMemory: 64,
    });
    if (isBulk) this.#session.once("connect", () => this.#session.setLocalWindowSize(BULK_WINDOW));
    // a lost connection is told by the calls that it ends
    this.#session.on("error", this.#note);
    connection.on("error", () => undefined);
  }

  /**
   * A call with one answer.
   *
   * @throws {@link RpcError} for any status but OK
   * @throws {@link DockerError} DOCKER_SESSION_LOST when the connection ends first
   * @throws the signal's reason when it fired; the engine then cancels what the call began
   */
  async unary(path: string, request: Buffer, o: CallOptions = {}): Promise<Buffer> {
    let answer: Buffer | undefined;
    for await (const message of this.messages(path, request, o)) answer = message;
    if (answer === undefined) throw new RpcError(2, "the call had no answer");
    return answer;
  }

  /** A call with any number of answers; ending the loop early cancels it. Throws as {@link unary}. */
  async *messages(path: string, request: Buffer, o: CallOptions = {}): AsyncGenerator<Buffer> {
    o.signal?.throwIfAborted();
    if (!this.#isOpen) throw connectionLost();
    const stream = this.#open(path, o.headers ?? {});
    const ended = this.#endOf(stream);
    const cancel = (): void => stream.close(CANCEL);
    o.signal?.addEventListener("abort", cancel, { once: true });
    try {
      stream.end(frameOf(request));
      yield* split(stream, o.isLent);
      await throwIfFailed(ended);
    } catch (error) {
      o.signal?.throwIfAborted();
      throw await reasonOf(error, ended);
    } finally {
      o.signal?.removeEventListener("abort", cancel);
      if (!stream.closed) cancel();
    }
  }

  /** Ends all calls and the connection. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#session.destroyed) return;
    const closed = new Promise<void>((resolve) => this.#session.once("close", () => resolve()));
    // as in server.ts: Node 24 may still hand over early bytes, and throws when the session is gone
    await new Promise((resolve) => setImmediate(resolve));
    this.#session.destroy();
    await closed;
    this.#connection.destroy();
  }

  get #isOpen(): boolean {
    return !this.#session.destroyed && !this.#session.closed;
  }

  /** Settles when the stream is closed: null for OK, else what ended it. Never rejects. */
  async #endOf(stream: ClientHttp2Stream): Promise<RpcError | DockerError | null> {
    let told: RpcError | null | undefined;
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      if (headers["grpc-status"] !== undefined) told = errorOfTrailers(headers);
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("error", this.#note);
    await new Promise<void>((resolve) => stream.once("close", () => resolve()));
    if (told !== undefined) return told;
    return this.#isOpen || this.#isUnreadable ? cutOff() : connectionLost();
  }

  readonly #note = (error: Error): void => {
    this.#isUnreadable ||= "code" in error && error.code === "ERR_HTTP2_ERROR";
  };

  #open(path: string, headers: Readonly<Record<string, string>>): ClientHttp2Stream {
    return this.#session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "sealmount",
      ...headers,
    });
  }
}

async function throwIfFailed(ended: Promise<RpcError | DockerError | null>): Promise<void> {
  const error = await ended;
  if (error !== null) throw error;
}

async function reasonOf(
  error: unknown,
  ended: Promise<RpcError | DockerError | null>,
): Promise<unknown> {
  if (error instanceof DockerError || error instanceof RpcError) return error;
  // a fault of the stream itself: what the engine said of the call explains it better
  return (await ended) ?? error;
}

function connectionLost(): DockerError {
  return new DockerError("DOCKER_SESSION_LOST", "the engine closed the build's connection", {
    hint: "look at the engine's log, then build again",
  });
}

/** Cuts a byte stream into its messages. */
async function* split(stream: AsyncIterable<Buffer>, isLending = false): AsyncGenerator<Buffer> {
  const frames = new FrameReader(MAX_MESSAGE_BYTES, { isLending });
  for await (const piece of stream) yield* framesOf(frames, piece);
  if (frames.isHalfway) throw new RpcError(13, "the engine's answer is cut off");
}

function framesOf(frames: FrameReader, piece: Buffer): readonly Buffer[] {
  try {
    return frames.push(piece);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    throw new RpcError(error.status, `the engine's answer can't be read: ${error.message}`);
  }
}
