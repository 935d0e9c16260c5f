/**
 * An engine of a few lines on a real Unix socket: enough for `Engine.connect`, and it upgrades
 * `/session` and speaks HTTP/2 to us on it, as a real one does.
 */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { connect, type ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Endpoint } from "../../../src/docker/endpoint.ts";

/** What a test wants of the engine. */
export interface FakeOptions {
  readonly version?: object;
  readonly ping?: Readonly<Record<string, string>>;
  /** Answers what is neither `/_ping` nor `/version`. */
  readonly handle?: (request: IncomingMessage, response: ServerResponse) => void;
  /** Status with which `/session` is refused. */
  readonly refuseSession?: number;
}

/** The engine's side of a session. */
export interface EngineSide {
  readonly client: ClientHttp2Session;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: Socket;
}

/** A running fake. */
export interface FakeEngine extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** Every request line so far, such as `GET /v1.45/info`. */
  readonly seen: readonly string[];
  /** The next session that somebody opens. */
  nextSession(): Promise<EngineSide>;
}

export async function fakeEngine(o: FakeOptions = {}): Promise<FakeEngine> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-engine-"));
  const socketPath = join(folder, "engine.sock");
  const seen: string[] = [];
  const waiting: ((side: EngineSide) => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    answer(o, request, response);
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    seen.push(`${request.method} ${request.url}`);
    if (o.refuseSession !== undefined) {
      socket.end(
        `HTTP/1.1 ${o.refuseSession} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      );
      return;
    }
    socket.write("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    const client = connect("http://session", { createConnection: () => socket });
    client.on("error", () => undefined);
    const { headers, rawHeaders } = request;
    waiting.shift()?.({ client, headers, rawHeaders, socket });
  });
  server.listen(socketPath);
  await once(server, "listening");
  return {
    endpoint: { host: `unix://${socketPath}`, local: true, options: { socketPath } },
    seen,
    nextSession: async () => new Promise((resolve) => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function answer(o: FakeOptions, request: IncomingMessage, response: ServerResponse): void {
  if (request.url === "/_ping") {
    response.writeHead(200, o.ping ?? { "Api-Version": "1.45", "Builder-Version": "2" }).end("OK");
  } else if (request.url === "/version") {
    const version = { Version: "26.1.5", ApiVersion: "1.45", Os: "linux", Arch: "amd64" };
    response.end(JSON.stringify({ ...version, ...o.version }));
  } else if (o.handle === undefined) {
    response.writeHead(404).end('{"message":"page not found"}');
  } else {
    o.handle(request, response);
  }
}
