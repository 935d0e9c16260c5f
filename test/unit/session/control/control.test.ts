import { createServer, type ServerHttp2Stream } from "node:http2";
import { connect } from "node:net";

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import { Channel } from "../../../../src/session/control/channel.ts";
import {
  decodeSolveResponse,
  decodeWorkers,
  encodeSolveRequest,
  encodeStatusRequest,
  mapFields,
  mapOf,
} from "../../../../src/session/control/messages.ts";
import { errorOfTrailers, RpcError } from "../../../../src/session/control/rpc-error.ts";
import { encodeMessage, frameOf } from "../../../../src/session/grpc.ts";
import { readFields, writeFields } from "../../../../src/session/protobuf.ts";
import { listen } from "../../../support/server.ts";

type Answer = (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => void;

/** A channel to a real HTTP/2 server in this process, over a real socket. */
async function channelTo(answer: Answer): Promise<{ channel: Channel; cut: () => void }> {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  server.on("sessionError", () => undefined);
  const { port, cut } = await listen(server);
  const channel = new Channel(connect(port, "127.0.0.1"));
  onTestFinished(() => channel.close());
  return { channel, cut };
}

/** Answers with these bytes, cut at these places, and then with trailers. */
function reply(
  stream: ServerHttp2Stream,
  pieces: readonly Buffer[],
  trailers: Readonly<Record<string, string>> = { "grpc-status": "0" },
): void {
  stream.respond({ ":status": 200 }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  for (const piece of pieces) stream.write(piece);
  stream.end();
}

async function collect(messages: AsyncIterable<Buffer>): Promise<string[]> {
  const found: string[] = [];
  for await (const message of messages) found.push(message.toString());
  return found;
}

describe("calls", () => {
  it("send one framed request, with the headers of gRPC", async () => {
    const seen: unknown[] = [];
    const { channel } = await channelTo((stream, headers) => {
      stream.on("data", (chunk: Buffer) => seen.push(chunk.toString("hex")));
      stream.on("end", () => {
        seen.push(headers[":path"], headers["content-type"], headers["te"], headers["x"]);
        reply(stream, [frameOf(Buffer.from("yes"))]);
      });
    });
    const answer = await channel.unary("/a/B", Buffer.from("ask"), { headers: { x: "1" } });
    expect(String(answer)).toBe("yes");
    expect(seen).toEqual(["000000000361736b", "/a/B", "application/grpc", "trailers", "1"]);
  });

  it("read messages cut anywhere, also many in one piece", async () => {
    const bytes = Buffer.concat(
      ["a", "", "b".repeat(70_000), "c"].map((t) => frameOf(Buffer.from(t))),
    );
    for (const size of [1_000, 7, 100_000]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      const { channel } = await channelTo((stream) => reply(stream, pieces));
      const found = await collect(channel.messages("/s", Buffer.alloc(0)));
      expect(found.map((text) => text.length)).toEqual([1, 0, 70_000, 1]);
    }
  });

  it.each([
    ["cut off", [Buffer.from([0, 0, 0, 0, 9, 1])], /cut off/],
    ["compressed", [Buffer.from([1, 0, 0, 0, 0])], /compressed/],
    ["endless", [Buffer.from([0, 255, 255, 255, 255])], /too long/],
    ["missing", [], /no answer/],
  ])("refuse an answer that is %s", async (_name, pieces, message) => {
    const { channel } = await channelTo((stream) => reply(stream, pieces));
    await expect(channel.unary("/s", Buffer.alloc(0))).rejects.toThrow(message);
  });

  it("give the engine's status, in trailers or in place of an answer", async () => {
    const trailers = { "grpc-status": "5", "grpc-message": encodeMessage("größe 100%\n") };
    for (const inFront of [true, false]) {
      const { channel } = await channelTo((stream) => {
        if (inFront) stream.respond({ ":status": 200, ...trailers }, { endStream: true });
        else reply(stream, [], trailers);
      });
      const error: unknown = await channel.unary("/s", Buffer.alloc(0)).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(RpcError);
      expect(error).toMatchObject({ status: 5, message: "größe 100%\n", details: [] });
    }
  });

  it("know a call that is broken off from a connection that is lost", async () => {
    const broken = await channelTo((stream) => stream.close(2));
    const cut: unknown = await broken.channel.unary("/s", Buffer.alloc(0)).catch((e: unknown) => e);
    expect(cut).toMatchObject({ status: 13, isCut: true });
    const lost = await channelTo(() => lost.cut());
    await expect(lost.channel.unary("/s", Buffer.alloc(0))).rejects.toMatchObject({
      code: "DOCKER_SESSION_LOST",
    });
    await expect(lost.channel.unary("/s", Buffer.alloc(0))).rejects.toMatchObject({
      code: "DOCKER_SESSION_LOST",
    });
  });

  it("an abort resets the call and gives its own reason; others go on", async () => {
    const closed = Promise.withResolvers<number>();
    const { channel } = await channelTo((stream, headers) => {
      if (headers[":path"] === "/slow") stream.on("close", () => closed.resolve(stream.rstCode));
      else reply(stream, [frameOf(Buffer.from("fine"))]);
    });
    const stop = new AbortController();
    const slow = channel.unary("/slow", Buffer.alloc(0), { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await expect(slow).rejects.toThrow("enough");
    expect(await closed.promise).toBe(8);
    expect(String(await channel.unary("/s", Buffer.alloc(0)))).toBe("fine");
    await expect(
      channel.unary("/s", Buffer.alloc(0), { signal: AbortSignal.abort(new Error("before")) }),
    ).rejects.toThrow("before");
  });

  it("leaving the loop cancels the call", async () => {
    const closed = Promise.withResolvers<number>();
    const { channel } = await channelTo((stream) => {
      stream.on("close", () => closed.resolve(stream.rstCode));
      stream.respond({ ":status": 200 });
      stream.write(frameOf(Buffer.from("one")));
    });
    for await (const message of channel.messages("/s", Buffer.alloc(0))) {
      expect(String(message)).toBe("one");
      break;
    }
    expect(await closed.promise).toBe(8);
  });

  it("closing ends the connection and its calls, twice too", async () => {
    const { channel } = await channelTo(() => undefined);
    const waiting = channel.unary("/s", Buffer.alloc(0)).catch((e: unknown) => e);
    await channel.close();
    await channel.close();
    expect(await waiting).toMatchObject({ code: "DOCKER_SESSION_LOST" });
  });
});

describe("errors", () => {
  it("carry typed details", () => {
    const any = writeFields([
      [1, "github.com/moby/buildkit/errdefs.Source+json"],
      [2, '{"a":1}'],
    ]);
    const status = writeFields([
      [1, 2],
      [2, "words"],
      [3, any],
      [3, any],
    ]);
    const error = errorOfTrailers({
      "grpc-status": "2",
      "grpc-message": "words",
      // grpc-go leaves out the padding
      "grpc-status-details-bin": status.toString("base64").replace(/=+$/, ""),
    });
    expect(error?.details).toEqual([
      { typeUrl: "github.com/moby/buildkit/errdefs.Source+json", value: Buffer.from('{"a":1}') },
      { typeUrl: "github.com/moby/buildkit/errdefs.Source+json", value: Buffer.from('{"a":1}') },
    ]);
  });

  it.each([
    [{ "grpc-status": "0" }, null],
    [{}, 2],
    [{ "grpc-status": "x" }, 2],
    [{ "grpc-status": "7", "grpc-status-details-bin": "////" }, 7],
  ])("of %j", (trailers, status) => {
    expect(errorOfTrailers(trailers)?.status ?? null).toBe(status);
  });

  it("property: any message comes back from its percent-encoding", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const trailers = { "grpc-status": "1", "grpc-message": encodeMessage(text) };
        expect(errorOfTrailers(trailers)?.message).toBe(text);
      }),
    );
  });
});

describe("messages", () => {
  const request = {
    ref: "r",
    session: "s",
    frontend: "dockerfile.v0",
    frontendAttributes: { target: "t", "build-arg:A": "" },
    exporters: [
      { type: "moby", attributes: { name: "a,b" } },
      { type: "tar", attributes: {} },
    ],
    cacheExports: [{ type: "inline", attributes: {} }],
    cacheImports: [{ type: "registry", attributes: { ref: "x" } }],
    entitlements: ["network.host"],
    internal: true,
  };

  it("SolveRequest has each field under its number, the first exporter twice", () => {
    const fields = [...readFields(encodeSolveRequest(request))].map(({ number, value }) =>
      typeof value === "number" ? [number, value] : [number, value.toString("latin1")],
    );
    expect(fields).toEqual([
      [1, "r"],
      [3, "moby"],
      [4, "\n\u0004name\u0012\u0003a,b"],
      [5, "s"],
      [6, "dockerfile.v0"],
      [7, "\n\u0006target\u0012\u0001t"],
      [7, "\n\u000bbuild-arg:A\u0012\u0000"],
      [8, '"\b\n\u0006inline*\u0014\n\bregistry\u0012\b\n\u0003ref\u0012\u0001x'],
      [9, "network.host"],
      [11, 1],
      [13, "\n\u0004moby\u0012\u000b\n\u0004name\u0012\u0003a,b"],
      [13, "\n\u0003tar"],
    ]);
  });

  it("a recorded build without outputs has neither field", () => {
    const bytes = encodeSolveRequest({ ...request, exporters: [], internal: false });
    const numbers = [...readFields(bytes)].map(({ number }) => number);
    expect(numbers).not.toContain(3);
    expect(numbers).not.toContain(11);
    expect(numbers).not.toContain(13);
  });

  it("SolveResponse and StatusRequest", () => {
    const bytes = writeFields(mapFields(1, { "containerimage.digest": "sha256:1", empty: "" }));
    expect(decodeSolveResponse(bytes)).toEqual(
      new Map([
        ["containerimage.digest", "sha256:1"],
        ["empty", ""],
      ]),
    );
    expect([...readFields(encodeStatusRequest("ref"))]).toEqual([
      { number: 1, value: Buffer.from("ref") },
    ]);
  });

  it("workers, with what a newer engine adds", () => {
    const platform = writeFields([
      [1, "arm"],
      [2, "linux"],
      [3, "v7"],
      [9, "new"],
    ]);
    const record = writeFields([
      [1, "id"],
      ...mapFields(2, { label: "value" }),
      [3, platform],
      [5, writeFields([[2, "v0.25.2"]])],
      [99, 1],
    ]);
    expect(decodeWorkers(writeFields([[1, record]]))).toEqual([
      {
        id: "id",
        labels: new Map([["label", "value"]]),
        platforms: ["linux/arm/v7"],
        buildkit: "v0.25.2",
      },
    ]);
  });

  it("property: a map comes back", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (entries) => {
        const bytes = writeFields(mapFields(7, entries));
        expect(mapOf(bytes, 7)).toEqual(new Map(Object.entries(entries)));
      }),
    );
  });
});
