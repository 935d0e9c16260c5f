/** An authorization proxy in front of the engine: passes everything on, but answers `/grpc` itself. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RefusingProxy extends AsyncDisposable {
  readonly host: string;
  /** Paths of what was asked. */
  readonly seen: readonly string[];
}

/** @param o.status - with which `/grpc` is refused */
export async function refusingProxy(o: {
  readonly engine: string;
  readonly status: number;
}): Promise<RefusingProxy> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-proxy-"));
  const path = join(folder, "proxy.sock");
  const socketPath = o.engine.replace(/^unix:\/\//, "");
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, outgoing) => {
    seen.push(incoming.url ?? "");
    const { method, url, headers } = incoming;
    const passed = request({ socketPath, method, path: url, headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.on("upgrade", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    seen.push(incoming.url ?? "");
    if (incoming.url?.endsWith("/grpc") === true) {
      const body = '{"message":"not allowed here"}';
      socket.end(
        `HTTP/1.1 ${o.status} No\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
      return;
    }
    const engine = connect(socketPath);
    sockets.add(engine);
    engine.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.on("error", () => engine.destroy()).on("close", () => engine.destroy());
    engine.write(headOf(incoming));
    engine.write(head);
    engine.pipe(socket);
    socket.pipe(engine);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    host: `unix://${path}`,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function headOf({ method, url, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let at = 0; at < rawHeaders.length; at += 2)
    lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
