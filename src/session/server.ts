/** HTTP/2 server on one raw connection: finds the method of each call and reports the end. */
import { performServerHandshake, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";

import { GRPC_STATUS, GrpcError, sendStatus, type GrpcService } from "./grpc.ts";
import { WireError } from "./protobuf.ts";

/** A running server. */
export interface GrpcServer {
  /** Settles when the connection is gone: with an error, or null after {@link close}. */
  readonly ended: Promise<Error | null>;
  /** Ends all calls and the connection. Safe to repeat. */
  close(): Promise<void>;
}

/**
 * Node's default of 128 header pairs breaks builds whose ignore file has 120 patterns or more; each
 * pattern is a header (measured up to 3,000).
 */
const MAX_HEADER_PAIRS = 1_000_000;
const MAX_HEADER_BYTES = 16 * 1024 * 1024;

/**
 * Speaks first as server on a connection whose other side, the engine, is the HTTP/2 client.
 *
 * @param services - one or more services; a method that two of them have goes to the later one
 */
export function serveGrpc(connection: Duplex, services: readonly GrpcService[]): GrpcServer {
  const methods: GrpcService = new Map(services.flatMap((service) => [...service]));
  const session = performServerHandshake(connection, {
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    // a pattern may begin or end with a blank: `COPY ["odd ", "/"]`
    strictFieldWhitespaceValidation: false,
    settings: { maxHeaderListSize: MAX_HEADER_BYTES },
  });
  let closing = false;
  let fault: Error | undefined;
  const remember = (error: Error): void => {
    fault ??= error;
  };
  session.on("error", remember);
  connection.on("error", remember);
  session.on("stream", (stream, _headers, _flags, rawHeaders: string[]) => {
    void answer(methods, stream, rawHeaders);
  });
  const ended = new Promise<Error | null>((resolve) => {
    session.once("close", () => {
      connection.destroy();
      resolve(closing ? null : (fault ?? new Error("the engine closed the session")));
    });
  });
  return {
    ended,
    async close() {
      closing = true;
      // Node 24 hands the connection's early bytes over in the next tick, and throws there, out of
      // anybody's reach, when the session is gone by then
      await new Promise((resolve) => setImmediate(resolve));
      session.destroy();
      await ended;
    },
  };
}

/** Never rejects: a call that fails in an unforeseen way must not end the session. */
async function answer(
  methods: GrpcService,
  stream: ServerHttp2Stream,
  rawHeaders: readonly string[],
): Promise<void> {
  // the engine resets a call when its build is cancelled
  stream.on("error", () => undefined);
  try {
    const method = methods.get(pathOf(rawHeaders));
    if (method === undefined) {
      throw new GrpcError(GRPC_STATUS.unimplemented, "this session has no such method");
    }
    await method({ stream, rawHeaders });
  } catch (error) {
    sendStatus(stream, statusOf(error));
  }
}

function pathOf(rawHeaders: readonly string[]): string {
  const at = rawHeaders.indexOf(":path");
  return at < 0 ? "" : (rawHeaders[at + 1] ?? "");
}

/** The text of a foreign error stays here: it would be kept in the engine's build log. */
function statusOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  if (error instanceof WireError) {
    return new GrpcError(GRPC_STATUS.invalidArgument, "the request can't be read");
  }
  return new GrpcError(GRPC_STATUS.internal, "the call failed");
}
