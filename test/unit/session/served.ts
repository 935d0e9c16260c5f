/** Services on an HTTP/2 connection in memory, and the engine's side of it. */
import { once } from "node:events";
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { duplexPair } from "node:stream";

import { onTestFinished } from "vitest";

import { ByteQueue } from "../../../src/session/byte-queue.ts";
import type { GrpcService } from "../../../src/session/grpc.ts";
import { serveGrpc } from "../../../src/session/server.ts";

export function served(...services: readonly GrpcService[]): ClientHttp2Session {
  const [ours, theirs] = duplexPair();
  const server = serveGrpc(ours, services);
  const client = connect("http://memory", { createConnection: () => theirs });
  client.on("error", () => undefined);
  onTestFinished(async () => {
    client.destroy();
    await server.close();
  });
  return client;
}

/** A call of many messages, as the engine makes it. */
export class Conversation {
  readonly stream: ClientHttp2Stream;
  readonly #queue = new ByteQueue();
  readonly #messages: Buffer[] = [];
  readonly #status: Promise<{ readonly status: string; readonly message: string }>;

  constructor(client: ClientHttp2Session, path: string, headers: Record<string, string> = {}) {
    this.stream = client.request({ ":method": "POST", ":path": path, te: "trailers", ...headers });
    this.stream.on("error", () => undefined);
    this.stream.on("data", (chunk: Buffer) => {
      this.#queue.push(chunk);
      for (;;) {
        const length = this.#queue.peek(5)?.readUInt32BE(1);
        if (length === undefined || this.#queue.length < 5 + length) break;
        this.#queue.take(5);
        this.#messages.push(this.#queue.take(length));
        this.stream.emit("message");
      }
    });
    this.#status = new Promise((resolve) => {
      const note = (found: Readonly<Record<string, unknown>>): void => {
        const status = found["grpc-status"];
        const message = found["grpc-message"];
        const text = typeof message === "string" ? decodeURIComponent(message) : "";
        if (typeof status === "string") resolve({ status, message: text });
      };
      this.stream.on("response", note).on("trailers", note);
      this.stream.on("close", () => resolve({ status: "none", message: "" }));
    });
  }

  send(message: Buffer): void {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    this.stream.write(Buffer.concat([prefix, message]));
  }

  /** The next message of the other side. */
  async next(): Promise<Buffer> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      await once(this.stream, "message", { signal: AbortSignal.timeout(5_000) });
    }
  }

  /** How the call ended. */
  async status(): Promise<{ readonly status: string; readonly message: string }> {
    return this.#status;
  }
}
