import { PassThrough } from "node:stream";

import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { Engine } from "../../../src/docker/engine.ts";
import { compareApi } from "../../../src/docker/version.ts";
import { fakeEngine, type FakeEngine, type FakeOptions } from "../session/fake-engine.ts";

afterEach(() => vi.unstubAllEnvs());

async function connect(o: FakeOptions = {}): Promise<{ engine: Engine; fake: FakeEngine }> {
  const fake = await fakeEngine(o);
  onTestFinished(async () => fake[Symbol.asyncDispose]());
  return { engine: await Engine.connect(fake.endpoint), fake };
}

/** A fake that answers every call with what it got. */
const echo: FakeOptions = {
  handle(request, response) {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, type: headers["content-type"] ?? null, body }));
    });
  },
};

describe("connect", () => {
  it("reads version, platform and BuildKit flag", async () => {
    const { engine } = await connect({
      ping: { "Builder-Version": "1", "Docker-Experimental": "true" },
    });
    expect(engine.version).toMatchObject({
      engine: "26.1.5",
      api: "1.45",
      os: "linux",
      arch: "amd64",
      rootless: false,
      experimental: true,
      builder: "1",
    });
  });

  it.each([
    ["1.41", "1.41"],
    ["1.51", "1.51"],
    ["1.52", "1.51"],
    ["2.0", "1.51"],
  ])("an engine with API %s is spoken to in %s", async (theirs, used) => {
    const { engine, fake } = await connect({ ...echo, version: { ApiVersion: theirs } });
    await engine.info();
    expect(fake.seen).toContain(`GET /v${used}/info`);
  });

  it.each(["1.40", "1.9", "", "x"])("an engine with API %j is too old", async (theirs) => {
    await expect(connect({ version: { ApiVersion: theirs } })).rejects.toMatchObject({
      code: "DOCKER_TOO_OLD",
    });
  });

  it.each([
    ["/nonexistent/docker.sock", /there is no socket at unix:/],
    ["/proc/version", /./],
  ])("an engine at %s is unreachable", async (socketPath, message) => {
    const endpoint = { host: `unix://${socketPath}`, local: true, options: { socketPath } };
    const error: unknown = await Engine.connect(endpoint).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "DOCKER_UNREACHABLE",
      message: expect.stringMatching(message),
    });
    expect(error).not.toHaveProperty("cause");
  });

  it("an answer that is no engine's is refused without quoting it", async () => {
    const fake = await fakeEngine();
    onTestFinished(async () => fake[Symbol.asyncDispose]());
    const { endpoint } = fake;
    const other = await fakeEngine({ version: { ApiVersion: undefined }, ping: {} });
    onTestFinished(async () => other[Symbol.asyncDispose]());
    await expect(Engine.connect(other.endpoint)).rejects.toMatchObject({ code: "DOCKER_TOO_OLD" });
    expect((await Engine.connect(endpoint)).endpoint).toBe(endpoint);
  });

  it("DOCKER_HOST of the environment never redirects an explicit endpoint", async () => {
    vi.stubEnv("DOCKER_HOST", "tcp://192.0.2.1:1");
    const { engine } = await connect();
    expect(engine.version.api).toBe("1.45");
  });

  it("an aborted signal is an interrupt", async () => {
    const fake = await fakeEngine();
    onTestFinished(async () => fake[Symbol.asyncDispose]());
    const connecting = Engine.connect(fake.endpoint, { signal: AbortSignal.abort() });
    await expect(connecting).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

describe("requests", () => {
  it("a body is never in the URL", async () => {
    const { engine } = await connect(echo);
    const body = { Image: "x", Env: ["TOKEN=canary-1c9f"] };
    const seen = await engine.request<Record<string, string>>("POST", "/containers/create", {
      query: { name: "n" },
      body,
    });
    expect(seen["url"]).toBe("/v1.45/containers/create?name=n");
    expect(seen["type"]).toBe("application/json");
    expect(JSON.parse(seen["body"] ?? "")).toEqual(body);
  });

  it("a query without a body sends no body", async () => {
    const { engine } = await connect(echo);
    const query = { t: ["a:1", "b&c"], all: true, gone: undefined, n: 0 };
    const seen = await engine.request<Record<string, string>>("POST", "/build", { query });
    expect(seen["url"]).toBe("/v1.45/build?t=a%3A1&t=b%26c&all=true&n=0");
    expect(seen["body"]).toBe("");
  });

  it("names cannot leave their place in the path", async () => {
    const { engine, fake } = await connect(echo);
    await engine.inspectContainer("a/../../images");
    await engine.inspectImage("host:5000/a b/c:tag@x?y");
    expect(fake.seen.slice(2)).toEqual([
      "GET /v1.45/containers/a%2F..%2F..%2Fimages/json",
      "GET /v1.45/images/host%3A5000/a%20b/c%3Atag%40x%3Fy/json",
    ]);
  });

  it("a stream goes as it is", async () => {
    const { engine } = await connect(echo);
    const body = new PassThrough();
    body.end("tar bytes");
    const headers = { "Content-Type": "application/x-tar" };
    const seen = await engine.request<Record<string, string>>("PUT", "/x", { body, headers });
    expect(seen).toMatchObject({ method: "PUT", type: "application/x-tar", body: "tar bytes" });
  });

  it("a stream that fails gives its own error, not one about the connection", async () => {
    const { engine } = await connect(echo);
    const body = new PassThrough();
    const own = new (await import("../../../src/errors.ts")).BuildError("BUILD_CONTEXT", "mine");
    setTimeout(() => body.destroy(own), 10);
    await expect(engine.request("POST", "/build", { body })).rejects.toBe(own);
  });

  it("an empty answer is null", async () => {
    const { engine } = await connect({
      handle: (_request, response) => response.writeHead(204).end(),
    });
    expect(await engine.request("POST", "/x")).toBeNull();
  });

  it("an answer that is no JSON is an error that does not quote it", async () => {
    const { engine } = await connect({
      handle: (_request, response) => response.end("canary-20dd"),
    });
    const error: unknown = await engine.info().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "DOCKER_REFUSED" });
    expect(String(error)).not.toContain("canary-20dd");
  });
});

describe("refusals", () => {
  async function refusedWith(status: number, text: string): Promise<unknown> {
    const { engine } = await connect({
      handle: (_request, response) => response.writeHead(status).end(text),
    });
    return engine.request("GET", "/x").catch((thrown: unknown) => thrown);
  }

  it("carries the status and the engine's words", async () => {
    expect(await refusedWith(409, '{"message":"name in use"}')).toMatchObject({
      code: "DOCKER_REFUSED",
      status: 409,
      message: "the engine refused GET /x (HTTP 409): name in use",
    });
  });

  it("shows a proxy's page as harmless text", async () => {
    const error = await refusedWith(502, "<html>\u001b[2J");
    expect(error).toMatchObject({ message: expect.stringContaining(String.raw`\u001b[2J`) });
  });

  it("knows a missing image", async () => {
    const error = await refusedWith(404, '{"message":"No such image: x"}');
    expect(error).toMatchObject({ code: "IMAGE_MISSING", status: 404 });
  });

  it("removing what is gone is fine; asking for it is null", async () => {
    const { engine } = await connect();
    await engine.removeContainer("gone");
    await engine.removeVolume("gone");
    await engine.removeImage("gone");
    expect(await engine.inspectImage("gone")).toBeNull();
    expect(await engine.headArchive("gone", "/x")).toBeNull();
  });

  it("a container that the engine is removing already is waited for", async () => {
    let refusals = 2;
    const { engine, fake } = await connect({
      handle(_request, response) {
        const status = refusals > 0 ? 409 : 404;
        refusals -= 1;
        response.writeHead(status).end('{"message":"already in progress"}');
      },
    });
    await engine.removeContainer("busy");
    expect(fake.seen.filter((line) => line.startsWith("DELETE"))).toHaveLength(3);
  });

  it("a connection that breaks in the answer is unreachable, an abort there an interrupt", async () => {
    const half: FakeOptions = {
      handle(request, response) {
        response.writeHead(200, { "Content-Length": "100" }).write("{");
        if (request.url?.endsWith("/break") === true) setTimeout(() => response.destroy(), 10);
      },
    };
    const { engine } = await connect(half);
    await expect(engine.request("GET", "/break")).rejects.toMatchObject({
      code: "DOCKER_UNREACHABLE",
    });
    const aborted = engine.request("GET", "/hang", { signal: AbortSignal.timeout(20) });
    await expect(aborted).rejects.toMatchObject({ code: "INTERRUPTED" });
  });

  it("a call that should upgrade and does not is refused", async () => {
    const { engine } = await connect({ refuseSession: 403 });
    await expect(engine.hijack("/session", { upgrade: "h2c" })).rejects.toMatchObject({
      status: 403,
    });
  });
});

describe("compareApi", () => {
  it.each([
    ["1.9", "1.41", -1],
    ["1.41", "1.41", 0],
    ["1.100", "1.51", 1],
    ["2.0", "1.51", 1],
    ["", "1.41", -1],
  ])("%s and %s", (a, b, sign) => {
    expect(Math.sign(compareApi(a, b))).toBe(sign);
  });
});
