import { duplexPair } from "node:stream";

import { expect, it, onTestFinished } from "vitest";

import type { GrpcService } from "../../../src/session/grpc.ts";
import { serveGrpc } from "../../../src/session/server.ts";

const SETTINGS = 4;
const HEADERS = 1;
const END_STREAM_AND_HEADERS = 5;

/** An HTTP/2 frame; by hand, because node's client trims what it sends. */
function frame(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(type === SETTINGS ? 0 : 1, 5);
  return Buffer.concat([head, body]);
}

/** HPACK, literals without indexing. */
function block(headers: readonly (readonly [string, string])[]): Buffer {
  const text = (one: string): Buffer => Buffer.from([one.length, ...Buffer.from(one, "latin1")]);
  return Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  );
}

it("takes headers that begin or end with a blank, as Go's client sends patterns", async () => {
  const [ours, theirs] = duplexPair();
  const called = Promise.withResolvers<readonly string[]>();
  const service: GrpcService = new Map([
    [
      "/s",
      async ({ stream, rawHeaders }) => {
        called.resolve(rawHeaders);
        stream.close();
      },
    ],
  ]);
  const server = serveGrpc(ours, [service]);
  onTestFinished(async () => server.close());
  theirs.resume();
  theirs.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  theirs.write(frame(SETTINGS, 0, Buffer.alloc(0)));
  const headers = block([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/s"],
    [":authority", "x"],
    ["followpaths", "odd "],
    ["followpaths", " odd"],
  ]);
  theirs.write(frame(HEADERS, END_STREAM_AND_HEADERS, headers));
  const raw = await called.promise;
  expect(raw.filter((_value, at) => raw[at - 1] === "followpaths")).toEqual(["odd ", " odd"]);
}, 5_000);
