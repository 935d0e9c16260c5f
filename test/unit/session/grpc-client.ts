/** A gRPC call as the engine makes it, on node:http2. */
import type { ClientHttp2Session } from "node:http2";

/** What came back. */
export interface GrpcReply {
  readonly status: string | undefined;
  /** Undone from its percent encoding. */
  readonly message: string;
  readonly body: Buffer;
}

/** One unary call. @param frame - the request with its five bytes in front; made from `body` if absent */
export async function call(
  client: ClientHttp2Session,
  path: string,
  o: { readonly body?: Buffer; readonly frame?: Buffer } = {},
): Promise<GrpcReply> {
  const stream = client.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const body = o.body ?? Buffer.alloc(0);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  stream.end(o.frame ?? Buffer.concat([prefix, body]));
  const chunks: Buffer[] = [];
  let status: string | undefined;
  let message = "";
  const note = (headers: Readonly<Record<string, unknown>>): void => {
    const given = headers["grpc-status"];
    if (typeof given === "string") status = given;
    const text = headers["grpc-message"];
    if (typeof text === "string") message = decodeURIComponent(text);
  };
  stream.on("response", note);
  stream.on("trailers", note);
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status, message, body: Buffer.concat(chunks).subarray(5) };
}
