/** The engine of this run's variant once more, as if on another machine: mounts of its own, over TCP. */
import { once } from "node:events";
import { createConnection, createServer, type AddressInfo } from "node:net";

import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { testEngine } from "../engine/current.ts";
import { makeBaseImages, startEngine, type TestEngine } from "../engine/engine.ts";

/** An engine with two ways to it. */
export interface ApartEngine extends AsyncDisposable {
  /** By `tcp://`, as a user would reach it. */
  readonly engine: Engine;
  /** By its socket: a socket of this machine, whose engine does not see this machine's memory. */
  readonly bySocket: Engine;
  /** For the docker client, over TCP. */
  readonly test: TestEngine;
}

/** Starts it (once for all runs); disposing ends the connection only. */
export async function apartEngine(): Promise<ApartEngine> {
  const test = await startEngine(`${testEngine().variant}-apart`);
  await makeBaseImages(test, "busybox");
  const path = test.host.replace("unix://", "");
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = createConnection({ path, allowHalfOpen: true });
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      socket.on("error", () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connect = async (to: string): Promise<Engine> =>
    Engine.connect(await resolveEndpoint({ host: to, env: {}, home: "/" }));
  return {
    engine: await connect(host),
    bySocket: await connect(test.host),
    test: { ...test, host },
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
