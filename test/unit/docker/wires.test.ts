import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Duplex, PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";

import Docker from "dockerode";
import { beforeAll, describe, expect, it } from "vitest";

import { HttpWire } from "../../../src/docker/http-wire.ts";
import { ModemWire } from "../../../src/docker/modem-wire.ts";
import type { Wire, WireRequest } from "../../../src/docker/wire.ts";
import { parseJson } from "../../support/json.ts";

/** What a server saw of a request. */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const server = createServer((request, response) => {
  const { method, url, headers } = request;
  void buffer(request).then((body) =>
    response.end(JSON.stringify({ method, url, headers, body: body.toString() })),
  );
});
server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
  const { method, url, headers } = request;
  // early bytes, in one piece with the answer
  const early = JSON.stringify({ method, url, headers, body: "" });
  socket.end(`HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n${early}`);
});
server.unref();

let own: Wire;
let dockerode: Wire;
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  own = new HttpWire({ host: "127.0.0.1", port });
  const { modem } = new Docker({ protocol: "http", host: "127.0.0.1", port });
  dockerode = new ModemWire(modem);
});

async function seenOf(wire: Wire, call: WireRequest): Promise<Seen> {
  const answer = await wire.exchange(call);
  expect(answer instanceof Duplex).toBe(call.upgrade);
  return parseJson<Seen>((await buffer(answer)).toString());
}

function streamOf(text: string): PassThrough {
  const stream = new PassThrough();
  stream.end(text);
  return stream;
}

describe("what reaches an engine is the same as through dockerode", () => {
  const query = { t: ["a:1", "b&c d"], all: true, gone: undefined, n: 0, s: "ä/=" };
  it.each<[string, () => Partial<WireRequest>]>([
    ["a question", () => ({})],
    ["with a query", () => ({ query })],
    ["with an empty query", () => ({ query: { gone: undefined } })],
    ["a POST of nothing", () => ({ method: "POST" })],
    ["a POST of nothing, with a query", () => ({ method: "POST", query })],
    ["a POST of bytes", () => ({ method: "POST", body: Buffer.from("bytes") })],
    [
      "a POST of typed bytes",
      () => ({
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: Buffer.from("{}"),
      }),
    ],
    ["a POST of a stream", () => ({ method: "POST", query, body: streamOf("tar") })],
    ["a PUT of a stream", () => ({ method: "PUT", body: streamOf("tar") })],
    ["a DELETE", () => ({ method: "DELETE", query })],
    ["a header of many values", () => ({ headers: { "X-Many": ["a", "b"] } })],
    [
      "an upgrade",
      () => ({
        method: "POST",
        query,
        headers: { "Content-Type": "text/plain", Connection: "Upgrade", Upgrade: "h2c" },
        body: Buffer.alloc(0),
        upgrade: true,
      }),
    ],
  ])("%s", async (_name, call) => {
    const base = { method: "GET", path: "/v1.45/a%2Fb", headers: {}, upgrade: false };
    const seen = await seenOf(own, { ...base, ...call() });
    expect(seen).toEqual(await seenOf(dockerode, { ...base, ...call() }));
    if (call().upgrade === true) expect(seen.headers["content-length"]).toBe("0");
  });
});

it("a connection is used again, and keeps no process alive", async () => {
  const call = { method: "GET", path: "/", headers: {}, upgrade: false };
  const ports = new Set<number | undefined>();
  const note = ({ socket }: IncomingMessage): void => void ports.add(socket.remotePort);
  server.on("request", note);
  const { port } = server.address() as AddressInfo;
  const wire = new HttpWire({ host: "127.0.0.1", port });
  for (let at = 0; at < 3; at += 1) await seenOf(wire, call);
  server.off("request", note);
  expect(ports.size).toBe(1);
});
