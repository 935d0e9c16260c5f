import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:http2";
import { duplexPair } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { Engine } from "../../../src/docker/engine.ts";
import { BuildError } from "../../../src/errors.ts";
import { encodeMessage } from "../../../src/session/grpc.ts";
import { readFields, writeFields } from "../../../src/session/protobuf.ts";
import { serveGrpc } from "../../../src/session/server.ts";
import { openSession, type Session, type SessionServices } from "../../../src/session/session.ts";
import { fakeEngine, type EngineSide, type FakeEngine } from "./fake-engine.ts";
import { call } from "./grpc-client.ts";

const HEALTH = "/grpc.health.v1.Health/Check";
const GET_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret";

const none: SessionServices = { secrets: { get: async () => null } };

async function open(
  services: SessionServices,
): Promise<{ session: Session; side: EngineSide; fake: FakeEngine }> {
  const fake = await fakeEngine();
  onTestFinished(async () => fake[Symbol.asyncDispose]());
  const next = fake.nextSession();
  const session = await openSession(await Engine.connect(fake.endpoint), services);
  onTestFinished(async () => session.close());
  return { session, side: await next, fake };
}

function secretsOf(values: Readonly<Record<string, Buffer>>): SessionServices {
  return { secrets: { get: async (id) => values[id] ?? null } };
}

async function getSecret(side: EngineSide, id: string): ReturnType<typeof call> {
  return call(side.client, GET_SECRET, { body: writeFields([[1, id]]) });
}

describe("opening", () => {
  it("announces its methods one header each, a random id and a shared key", async () => {
    const { session, side } = await open({ ...none, auth: { credentials: async () => null } });
    const methods = side.rawHeaders.filter(
      (_text, index) =>
        side.rawHeaders[index - 1]?.toLowerCase() === "x-docker-expose-session-grpc-method",
    );
    const auth = ["Credentials", "GetTokenAuthority", "FetchToken", "VerifyTokenAuthority"];
    const paths = auth.map((name) => `/moby.filesync.v1.Auth/${name}`);
    expect(methods).toEqual([HEALTH, GET_SECRET, ...paths]);
    expect(session.id).toMatch(/^[0-9a-f]{32}$/);
    expect(side.headers["x-docker-expose-session-uuid"]).toBe(session.id);
    expect(side.headers["x-docker-expose-session-sharedkey"]).not.toBe("");
    expect(side.headers["upgrade"]).toBe("h2c");
  });

  it("sends no body with the request: the engine would take it for HTTP/2", async () => {
    const { side } = await open(none);
    expect(side.headers["transfer-encoding"]).toBeUndefined();
    expect(side.headers["content-length"]).toBe("0");
  });

  it("uses the version that was negotiated", async () => {
    const { fake } = await open(none);
    expect(fake.seen).toContain("POST /v1.45/session");
  });

  it("uses another id every time", async () => {
    const ids = await Promise.all([open(none), open(none)]);
    expect(ids[0].session.id).not.toBe(ids[1].session.id);
  });

  it.each([404, 405, 501])(
    "says that there is no BuildKit when /session answers %d",
    async (status) => {
      await using fake = await fakeEngine({ refuseSession: status });
      const opening = openSession(await Engine.connect(fake.endpoint), none);
      await expect(opening).rejects.toMatchObject({ code: "DOCKER_NO_BUILDKIT" });
    },
  );

  it("passes on another refusal as it is", async () => {
    await using fake = await fakeEngine({ refuseSession: 400 });
    const opening = openSession(await Engine.connect(fake.endpoint), none);
    await expect(opening).rejects.toMatchObject({ code: "DOCKER_REFUSED", status: 400 });
  });
});

describe("health", () => {
  it("answers SERVING while a secret is being opened for ever", async () => {
    const { side } = await open({ secrets: { get: async () => new Promise(() => undefined) } });
    void getSecret(side, "slow").catch(() => undefined);
    const reply = await call(side.client, HEALTH);
    expect(reply).toMatchObject({ status: "0", body: Buffer.from([0x08, 0x01]) });
  });

  it("answers after a call that failed, and after a method that is not there", async () => {
    const { side } = await open({ secrets: { get: async () => Promise.reject(new Error("no")) } });
    expect((await getSecret(side, "x")).status).toBe("9");
    expect((await call(side.client, "/moby.filesync.v1.FileSync/DiffCopy")).status).toBe("12");
    expect((await call(side.client, HEALTH)).status).toBe("0");
  });
});

describe("secrets", () => {
  it("serves a value byte for byte", async () => {
    const value = randomBytes(1000);
    const { side } = await open(secretsOf({ "npm-token": Buffer.from(value) }));
    const reply = await getSecret(side, "npm-token");
    expect(reply.status).toBe("0");
    expect([...readFields(reply.body)]).toEqual([{ number: 1, value }]);
  });

  it("serves an empty value as an empty value", async () => {
    const { side } = await open(secretsOf({ empty: Buffer.alloc(0) }));
    const reply = await getSecret(side, "empty");
    expect([...readFields(reply.body)]).toEqual([{ number: 1, value: Buffer.alloc(0) }]);
  });

  it("answers NotFound for an id it does not serve", async () => {
    const { side } = await open(secretsOf({}));
    expect(await getSecret(side, "HTTP_AUTH_TOKEN_example.org")).toMatchObject({
      status: "5",
      message: "secret HTTP_AUTH_TOKEN_example.org: not found",
    });
  });

  it("RI37: takes 500 KiB and refuses one byte more, without the value in the message", async () => {
    const largest = Buffer.alloc(512_000, "k");
    const larger = Buffer.alloc(512_001, "k");
    const { side } = await open(secretsOf({ largest, larger }));
    const reply = await getSecret(side, "largest");
    expect(reply.status).toBe("0");
    expect(reply.body.subarray(4).equals(Buffer.alloc(512_000, "k"))).toBe(true);
    const refused = await getSecret(side, "larger");
    expect(refused.status).toBe("8");
    expect(refused.message).toContain("BUILD_SECRET_SIZE");
    expect(refused.message).not.toContain("kkk");
    expect(larger.every((byte) => byte === 0)).toBe(true);
  });

  it("wipes the store's buffer once it is framed", async () => {
    const value = Buffer.from("canary-8c1f");
    const { side } = await open(secretsOf({ a: value }));
    await getSecret(side, "a");
    expect(value.every((byte) => byte === 0)).toBe(true);
  });

  it("arrives whole when the engine reads slowly: the frame is not wiped before it is sent", async () => {
    const value = randomBytes(512_000);
    const { side } = await open({ secrets: { get: async () => Buffer.from(value) } });
    side.socket.pause();
    const replies = Promise.all(
      Array.from({ length: 8 }, async (_none, at) => getSecret(side, `s${at}`)),
    );
    await sleep(100);
    side.socket.resume();
    for (const reply of await replies) expect(reply.body.subarray(4).equals(value)).toBe(true);
  });

  it("tells the engine our code and never another error's text", async () => {
    const services = (error: Error): SessionServices => ({
      secrets: { get: async () => Promise.reject(error) },
    });
    const foreign = await open(services(new Error("canary-77aa in a foreign error")));
    expect((await getSecret(foreign.side, "a")).message).toBe(
      "secret a can't be served (internal error)",
    );
    const own = await open(services(new BuildError("UNSEAL_WRONG_KEY", "canary-77ab")));
    expect((await getSecret(own.side, "a")).message).toBe(
      "secret a can't be served (UNSEAL_WRONG_KEY)",
    );
  });

  it("serves an id with any characters, and percent-encodes them in a status", async () => {
    const id = "a/ö 100%\n";
    const { side } = await open(secretsOf({ [id]: Buffer.from("v") }));
    expect((await getSecret(side, id)).status).toBe("0");
    expect((await getSecret(side, `${id}x`)).message).toBe(`secret ${id}x: not found`);
  });

  it.each([
    ["no message", Buffer.alloc(0), "3"],
    ["a cut-off message", Buffer.from([0, 0, 0, 0, 9, 1]), "3"],
    ["two messages", Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "3"],
    ["a compressed message", Buffer.from([1, 0, 0, 0, 0]), "12"],
    ["a broken message", Buffer.from([0, 0, 0, 0, 1, 0x0b]), "3"],
    ["ten thousand messages", Buffer.alloc(50_000), "3"],
    ["an endless message", Buffer.from([0, 0, 1, 0, 1]), "8"],
  ])("answers %s with a status and lives on", async (_name, frame, status) => {
    const { side } = await open(none);
    expect((await call(side.client, GET_SECRET, { frame })).status).toBe(status);
    expect((await call(side.client, HEALTH)).status).toBe("0");
  });
});

describe("the end", () => {
  it("close ends the connection and settles lost with null, also with calls open", async () => {
    const { session, side } = await open({
      secrets: { get: async () => new Promise(() => undefined) },
    });
    const stuck = getSecret(side, "slow").catch(() => "ended");
    const closed = new Promise((resolve) => side.socket.once("close", resolve));
    side.socket.on("error", () => undefined);
    await session.close();
    await session.close();
    expect(await session.lost).toBeNull();
    await closed;
    await stuck;
  });

  it("a value that is opened after the end is wiped", async () => {
    const value = Buffer.from("canary-91bd");
    let give: (value: Buffer) => void = () => undefined;
    const late = new Promise<Buffer>((resolve) => (give = resolve));
    const { session, side } = await open({ secrets: { get: async () => late } });
    void getSecret(side, "late").catch(() => undefined);
    await sleep(20);
    await session.close();
    give(value);
    await sleep(20);
    expect(value.every((byte) => byte === 0)).toBe(true);
  });

  it("tells when the engine goes away", async () => {
    const { session, side } = await open(none);
    side.socket.destroy();
    expect(await session.lost).toBeInstanceOf(Error);
  });

  it("tells when the engine ends the session politely", async () => {
    const { session, side } = await open(none);
    side.client.close();
    expect(await session.lost).toBeInstanceOf(Error);
  });
});

describe("the server", () => {
  it("takes 3,000 repeated headers and hands them over unjoined", async () => {
    const [ours, theirs] = duplexPair();
    let raw: readonly string[] = [];
    const method = async (o: { readonly rawHeaders: readonly string[] }): Promise<void> => {
      raw = o.rawHeaders;
      return Promise.reject(new Error("seen"));
    };
    const server = serveGrpc(ours, [new Map([["/a/B", method]])]);
    const client = connect("http://memory", {
      createConnection: () => theirs,
      maxSendHeaderBlockLength: 1 << 24,
    });
    // until then the client holds itself to the default limits
    await once(client, "remoteSettings");
    const patterns = Array.from({ length: 3_000 }, (_none, index) => `a, ${index}`);
    const stream = client.request({
      ":method": "POST",
      ":path": "/a/B",
      "exclude-patterns": patterns,
    });
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(headers["grpc-status"]).toBe("13");
    expect(headers["grpc-message"]).toBe("the call failed");
    const got = raw.filter((_text, index) => raw[index - 1] === "exclude-patterns");
    expect(got).toEqual(patterns);
    client.destroy();
    await server.close();
  });
});

describe("grpc-message", () => {
  it.each([
    ["plain text, even ~", "plain text, even ~"],
    ["100%", "100%25"],
    ["a\nb", "a%0Ab"],
    ["ö", "%C3%B6"],
  ])("%j is %s", (text, encoded) => {
    expect(encodeMessage(text)).toBe(encoded);
    expect(decodeURIComponent(encoded)).toBe(text);
  });
});
