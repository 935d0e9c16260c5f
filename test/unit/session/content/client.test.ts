import { createServer, type ServerHttp2Stream } from "node:http2";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";

import { ContentClient } from "../../../../src/session/content/client.ts";
import { decodeRead, encodeInfos, encodeRead } from "../../../../src/session/content/messages.ts";
import { Channel } from "../../../../src/session/control/channel.ts";
import { buildRecords } from "../../../../src/session/control/history.ts";
import { FrameReader } from "../../../../src/session/frames.ts";
import { frameOf } from "../../../../src/session/grpc.ts";
import { readFields, writeFields } from "../../../../src/session/protobuf.ts";
import { listen } from "../../../support/server.ts";

interface Answer {
  readonly messages?: readonly Buffer[];
  readonly status?: number;
}

/** A client of a real HTTP/2 server in this process. */
async function clientOf(
  answer: (method: string, request: Buffer) => Answer,
): Promise<ContentClient> {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    stream.once("data", (bytes: Buffer) => {
      const [request = Buffer.alloc(0)] = new FrameReader(1e6).push(bytes);
      reply(stream, answer(headers[":path"]?.split("/").at(-1) ?? "", request));
    });
  });
  const { port } = await listen(server);
  const client = new ContentClient(new Channel(connect(port, "127.0.0.1"), { isBulk: true }));
  onTestFinished(() => client.close());
  return client;
}

function reply(stream: ServerHttp2Stream, { messages = [], status = 0 }: Answer): void {
  stream.respond({ ":status": 200 }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(status) }));
  for (const message of messages) stream.write(frameOf(message));
  stream.end();
}

const changed = new Date(0);

describe("the engine's content", () => {
  it("tells a blob's size, and null for one that is not there", async () => {
    const client = await clientOf((method, request) => {
      expect(method).toBe("Info");
      const { digest } = decodeRead(request);
      if (digest !== "sha256:a") return { status: 5 };
      return { messages: [encodeInfos([{ digest, size: 5_000_000_000, changed }])] };
    });
    expect(await client.info("sha256:a")).toEqual({ digest: "sha256:a", size: 5_000_000_000 });
    expect(await client.info("sha256:b")).toBeNull();
  });

  it("other refusals are errors", async () => {
    const client = await clientOf(() => ({ status: 12 }));
    await expect(client.info("sha256:a")).rejects.toMatchObject({ status: 12 });
    await expect(client.read("sha256:a").next()).rejects.toMatchObject({ status: 12 });
    await expect(client.list().next()).rejects.toMatchObject({ status: 12 });
  });

  it("reads a blob in pieces, as they come", async () => {
    const pieces = [Buffer.alloc(1_000_000, "a"), Buffer.alloc(1_000_000, "b"), Buffer.from("c")];
    const client = await clientOf((_method, request) => {
      expect(decodeRead(request)).toEqual({ digest: "sha256:a", offset: 0, size: 0 });
      return { messages: pieces.map((data, i) => encodeRead(i * 1_000_000, data)) };
    });
    const read: Buffer[] = [];
    for await (const piece of client.read("sha256:a")) read.push(piece);
    expect(Buffer.concat(read).equals(Buffer.concat(pieces))).toBe(true);
  });

  it("stops reading when the signal fires", async () => {
    const client = await clientOf(() => ({
      messages: Array.from({ length: 50 }, () => encodeRead(0, Buffer.alloc(1_000_000))),
    }));
    const controller = new AbortController();
    const reading = client.read("sha256:a", controller.signal);
    await reading.next();
    controller.abort(new Error("stop"));
    const rest = async (): Promise<void> => {
      while ((await reading.next()).done !== true);
    };
    await expect(rest()).rejects.toThrow("stop");
  });

  it("lists what is there, over several answers", async () => {
    const blob = (digest: string) => ({ digest, size: 1, changed });
    const client = await clientOf(() => ({
      messages: [
        encodeInfos([blob("sha256:a"), blob("sha256:b")]),
        encodeInfos([blob("sha256:c")]),
      ],
    }));
    const found: string[] = [];
    for await (const { digest } of client.list()) found.push(digest);
    expect(found).toEqual(["sha256:a", "sha256:b", "sha256:c"]);
  });

  it("the records of builds come with the blobs that they name, and end", async () => {
    const digest = `sha256:${"ab".repeat(32)}`;
    const log = writeFields([
      [1, "application/vnd.buildkit.status.v0"],
      [2, digest],
    ]);
    const record = writeFields([
      [1, "build-1"],
      [8, log],
      [77, log],
    ]);
    const client = await clientOf((method, request) => {
      expect(method).toBe("ListenBuildHistory");
      expect([...readFields(request)]).toEqual([{ number: 3, value: 1 }]);
      return {
        messages: [
          writeFields([
            [1, 1],
            [2, record],
          ]),
          writeFields([[1, 2]]),
        ],
      };
    });
    const found: object[] = [];
    for await (const one of buildRecords(client.channel)) found.push(one);
    expect(found).toEqual([{ ref: "build-1", bytes: record, digests: [digest] }]);
  });
});
