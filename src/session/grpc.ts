/**
 * gRPC over one HTTP/2 stream, server side: length-prefixed messages, status in the trailers.
 * Written by hand: grpc-js costs twice the CPU and cannot take long header lists.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import type { ServerHttp2Stream } from "node:http2";

import { FrameReader, PREFIX_BYTES } from "./frames.ts";
import { GRPC_STATUS, GrpcError } from "./grpc-status.ts";

export { GRPC_STATUS, GrpcError } from "./grpc-status.ts";

/** One call: the stream, and its headers in wire order (name, value, name, value …). */
export interface GrpcCall {
  readonly stream: ServerHttp2Stream;
  readonly rawHeaders: readonly string[];
}

/** Answers a call; what it throws becomes the call's status. */
export type GrpcMethod = (call: GrpcCall) => Promise<void>;

/** Methods of one service by their full path, such as `/grpc.health.v1.Health/Check`. */
export type GrpcService = ReadonlyMap<string, GrpcMethod>;

/** Requests carry an id or a host name; more than this is not for us. */
const MAX_REQUEST_BYTES = 64 * 1024;

/**
 * A method with one request and one answer.
 *
 * @param handle - gets the request, returns a frame made by {@link newFrame}. The frame is
 *   overwritten with zeros once the stream has closed, however the call ended.
 */
export function unary(handle: (request: Buffer) => Promise<Buffer> | Buffer): GrpcMethod {
  return async ({ stream }) => sendFrame(stream, await handle(await readMessage(stream)));
}

/**
 * An empty frame for a message of a known size, with its prefix written. It has memory of its own,
 * never Node's shared pool, so that wiping it wipes all there is.
 *
 * @returns the frame, and the part of it that the message goes into
 */
export function newFrame(messageBytes: number): { readonly frame: Buffer; readonly body: Buffer } {
  const frame = Buffer.allocUnsafeSlow(PREFIX_BYTES + messageBytes);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(messageBytes, 1);
  return { frame, body: frame.subarray(PREFIX_BYTES) };
}

/** A frame around a finished message. */
export function frameOf(message: Buffer): Buffer {
  const { frame, body } = newFrame(message.length);
  message.copy(body);
  return frame;
}

/** Ends a call with a status other than OK, if it can still be answered. */
export function sendStatus(stream: ServerHttp2Stream, error: GrpcError): void {
  if (stream.destroyed || stream.headersSent) {
    stream.close();
    return;
  }
  stream.respond(
    {
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": String(error.status),
      "grpc-message": encodeMessage(error.message),
    },
    { endStream: true },
  );
  // whatever is left of the request would keep the stream, and with it the connection's window
  stream.resume();
}

/** Percent-encodes what a header can't carry: everything but printable ASCII, and `%` itself. */
export function encodeMessage(message: string): string {
  let text = "";
  for (const byte of Buffer.from(message, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    const hex = byte.toString(16).toUpperCase().padStart(2, "0");
    text += plain ? String.fromCharCode(byte) : `%${hex}`;
  }
  return text;
}

async function sendFrame(stream: ServerHttp2Stream, frame: Buffer): Promise<void> {
  try {
    if (stream.destroyed) return;
    const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
    stream.end(frame);
    await closed;
  } finally {
    frame.fill(0);
  }
}

/**
 * Reads the one message of a unary request.
 *
 * @throws {@link GrpcError} for a cut-off, compressed or over-long message
 */
async function readMessage(stream: ServerHttp2Stream): Promise<Buffer> {
  const frames = new FrameReader(MAX_REQUEST_BYTES);
  const messages: Buffer[] = [];
  // a request that is refused half-way must still be answered
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    messages.push(...frames.push(chunk));
    if (messages.length > 1) break;
  }
  const [message] = messages;
  if (message !== undefined && messages.length === 1 && !frames.isHalfway) return message;
  throw new GrpcError(GRPC_STATUS.invalidArgument, "the request is not one whole message");
}
