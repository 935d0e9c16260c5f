import { randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";

import type { Endpoint } from "../../../src/docker/endpoint.ts";
import type { Engine } from "../../../src/docker/engine.ts";
import { downloadImage } from "../../../src/docker/image-download.ts";
import { listen } from "../../support/server.ts";

/** All that is asked of an engine here. */
const engineAt = (endpoint: Endpoint): Engine =>
  ({ endpoint, version: { api: "1.45" } }) as unknown as Engine;

/** A server that answers each connection by hand. */
async function serve(
  answer: (socket: Socket, request: string) => void | Promise<void>,
): Promise<{ engine: Engine; sockets: readonly Socket[] }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes) => void answer(socket, bytes.toString()));
  });
  const { port, sockets } = await listen(server);
  const options = { protocol: "http", host: "127.0.0.1", port } as const;
  return { engine: engineAt({ host: "tcp://test", local: false, options }), sockets };
}

const HEAD = "HTTP/1.0 200 OK\r\nContent-Type: application/x-tar\r\n\r\n";

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

describe("an image over a bare socket", () => {
  it("is asked for in HTTP/1.0, by its escaped name", async () => {
    const requests: string[] = [];
    const { engine } = await serve((socket, request) => {
      requests.push(request);
      socket.end(HEAD);
    });
    const download = await downloadImage(engine, "a/b c:1\r\nX: y");
    expect((await collect(download?.pieces ?? fail())).length).toBe(0);
    expect(requests[0]?.split("\r\n")).toEqual([
      "GET /v1.45/images/a/b%20c%3A1%0D%0AX%3A%20y/get HTTP/1.0",
      "Host: engine",
      "",
      "",
    ]);
  });

  it("comes as it is, however it is cut", async () => {
    const body = randomBytes(3_000_000);
    const { engine } = await serve(async (socket) => {
      for (const byte of HEAD) {
        socket.write(byte);
        await setTimeout(0);
      }
      for (let at = 0; at < body.length; at += 700_001)
        socket.write(body.subarray(at, at + 700_001));
      socket.end();
    });
    const download = await downloadImage(engine, "cats");
    expect((await collect(download?.pieces ?? fail())).equals(body)).toBe(true);
  });

  it("makes the engine wait for a slow reader", async () => {
    const { engine, sockets } = await serve((socket) => {
      socket.write(HEAD);
      socket.end(Buffer.alloc(64_000_000));
    });
    const download = await downloadImage(engine, "cats");
    const pieces = (download?.pieces ?? fail())[Symbol.asyncIterator]();
    const first = await pieces.next();
    let size = first.done === true ? 0 : first.value.length;
    await setTimeout(200);
    expect(sockets[0]?.writableLength).toBeGreaterThan(30_000_000);
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      size += next.value.length;
    }
    expect(size).toBe(64_000_000);
  });

  it.each([
    ["404", "HTTP/1.0 404 Not Found\r\n\r\n{}"],
    ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["no HTTP", "\0\0\0\0"],
    ["a head without an end", `HTTP/1.0 200 OK\r\n${"X: y\r\n".repeat(20_000)}`],
    ["nothing", ""],
  ])("is left to the usual way when %s comes", async (_name, text) => {
    const { engine } = await serve((socket) => void socket.end(text));
    expect(await downloadImage(engine, "cats")).toBeNull();
  });

  it.each<[string, Endpoint]>([
    ["TLS", { host: "tcp://a", local: false, options: { protocol: "https", host: "a", port: 1 } }],
    ["ssh", { host: "ssh://a", local: false, options: { protocol: "ssh", host: "a" } }],
    ["a pipe", { host: "npipe:////./pipe/x", local: true, options: { socketPath: "//./pipe/x" } }],
    ["a socket that is gone", { host: "unix:///n", local: true, options: { socketPath: "/n/o" } }],
  ])("is left to the usual way over %s", async (_name, endpoint) => {
    expect(await downloadImage(engineAt(endpoint), "cats")).toBeNull();
  });

  it("that breaks off throws", async () => {
    const { engine } = await serve((socket) => {
      socket.write(HEAD + "x".repeat(1000));
      void setTimeout(50).then(() => socket.resetAndDestroy());
    });
    const download = await downloadImage(engine, "cats");
    await expect(collect(download?.pieces ?? fail())).rejects.toThrow(/./u);
  });

  it("ends when the signal fires, before the first byte and in the middle", async () => {
    const early = AbortSignal.abort();
    const { engine } = await serve((socket) => void socket.write(`${HEAD}x`));
    expect(await downloadImage(engine, "cats", early)).toBeNull();
    const controller = new AbortController();
    const download = await downloadImage(engine, "cats", controller.signal);
    void setTimeout(20).then(() => controller.abort());
    expect(String(await collect(download?.pieces ?? fail()))).toBe("x");
  });
});

function fail(): never {
  throw new Error("no download");
}
