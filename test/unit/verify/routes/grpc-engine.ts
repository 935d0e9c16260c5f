import { createServer, type ServerHttp2Stream } from "node:http2";
import { connect } from "node:net";
import type { Engine } from "../../../../src/docker/engine.ts";
import { FrameReader } from "../../../../src/session/frames.ts";
import { frameOf } from "../../../../src/session/grpc.ts";
import { listen } from "../../../support/server.ts";

/** One call that an engine got. */
export interface GrpcCall {
  /** Name of the method alone: `Read`. */
  readonly method: string;
  readonly request: Buffer;
  readonly stream: ServerHttp2Stream;
  /** Loses every connection. */
  readonly cut: () => void;
}

export interface GrpcEngineOptions {
  /** What `GET /info` calls the image store; without, that of the engine itself. */
  readonly driver?: string;
  /** Of the engine: null for one that knows the image no more. */
  readonly image?: object | null;
  readonly refuses?: boolean;
  /** Never answers `POST /grpc`. */
  readonly hangs?: boolean;
}

/** An engine whose `POST /grpc` is answered by a test, over a real socket. */
export async function grpcEngine(
  answer: (call: GrpcCall) => void,
  {
    driver = "overlay2",
    image = { Id: "" },
    refuses = false,
    hangs = false,
  }: GrpcEngineOptions = {},
): Promise<Engine> {
  const server = createServer();
  const { port, cut } = await listen(server);
  server.on("sessionError", () => undefined);
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    stream.once("data", (bytes: Buffer) => {
      const [request = Buffer.alloc(0)] = new FrameReader(1e6).push(bytes);
      const method = headers[":path"]?.split("/").at(-1) ?? "";
      answer({ method, request, stream, cut });
    });
  });
  return {
    version: { engine: "28", api: "1.48" },
    info: async () => Promise.resolve({ DriverStatus: [["driver-type", driver]] }),
    inspectImage: async () => Promise.resolve(image),
    hijack: async () => {
      if (refuses) throw new Error("403");
      if (hangs) return new Promise(() => undefined);
      return Promise.resolve(connect(port, "127.0.0.1"));
    },
  } as unknown as Engine;
}

/** Sends messages and the status of the call. */
export function reply(stream: ServerHttp2Stream, messages: readonly Buffer[], status = 0): void {
  stream.respond({ ":status": 200 }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(status) }));
  for (const message of messages) stream.write(frameOf(message));
  stream.end();
}
