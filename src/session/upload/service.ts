/**
 * `moby.upload.v1.Upload`: sends a stream of bytes, such as a tar from stdin, under a URL that only
 * this session can answer. The engine unpacks it as the build context.
 */
import { once } from "node:events";
import type { ServerHttp2Stream } from "node:http2";

import { frameOf, GRPC_STATUS, GrpcError, type GrpcCall, type GrpcService } from "../grpc.ts";
import { writeFields } from "../protobuf.ts";

/** Host of the URLs that the engine resolves through the session (buildkit, source/http). */
const HOST = "http://buildkit-session";
/** Bytes a message: well below the 4 MiB that old engines take. */
const CHUNK_BYTES = 256 * 1024;

/** Where to get the bytes of one upload; called at most once. */
export interface Upload {
  /** Path of the URL: letters and digits that nobody can guess. */
  readonly id: string;
  open(): AsyncIterable<Buffer>;
  /** Told why the bytes could not be read; the engine only hears that they could not. */
  onFailure(error: Error): void;
}

/** The URL under which the engine fetches an upload. */
export function uploadUrl(id: string): string {
  return `${HOST}/${id}`;
}

/** Serves one upload, once. */
export function uploadService(upload: Upload): GrpcService {
  let isTaken = false;
  const pull = async (call: GrpcCall): Promise<void> => {
    if (isTaken || pathOf(call) !== `/${upload.id}`) {
      throw new GrpcError(GRPC_STATUS.notFound, "this session has no such upload");
    }
    isTaken = true;
    await send(call.stream, upload);
  };
  return new Map([["/moby.upload.v1.Upload/Pull", pull]]);
}

function pathOf({ rawHeaders }: GrpcCall): string {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name === "urlpath");
  return at < 0 ? "" : (rawHeaders[at + 1] ?? "");
}

async function send(stream: ServerHttp2Stream, upload: Upload): Promise<void> {
  stream.resume();
  const gone = once(stream, "close").catch(() => undefined);
  let status = "0";
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  try {
    for await (const bytes of upload.open()) {
      if (stream.destroyed) return;
      await sendBytes(stream, bytes, gone);
    }
  } catch (error) {
    status = String(GRPC_STATUS.internal);
    upload.onFailure(error instanceof Error ? error : new Error("the upload could not be read"));
  }
  stream.end();
  await gone;
}

async function sendBytes(
  stream: ServerHttp2Stream,
  bytes: Buffer,
  gone: Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const message = writeFields([[1, bytes.subarray(at, at + CHUNK_BYTES)]]);
    if (!stream.write(frameOf(message))) await Promise.race([once(stream, "drain"), gone]);
  }
}
