import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A server of a test. */
export interface Listening {
  readonly port: number;
  /** Its connections, the oldest first. */
  readonly sockets: readonly Socket[];
  /** Breaks all of them off. */
  readonly cut: () => void;
}

/** Has a server listen on the loopback until the test ends. */
export async function listen(server: Server): Promise<Listening> {
  const sockets: Socket[] = [];
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  server.on("connection", (socket: Socket) => sockets.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    cut();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, sockets, cut };
}
