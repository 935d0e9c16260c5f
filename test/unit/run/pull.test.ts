import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { Engine } from "../../../src/docker/engine.ts";
import { parseReference } from "../../../src/docker/reference.ts";
import { pullFailure } from "../../../src/run/pull-failure.ts";
import { pullImage, type PullEvent } from "../../../src/run/pull.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { canary, leaksIn } from "../../support/canary.ts";
import { failureOf } from "../../support/failure.ts";
import { fakeEngine } from "../session/fake-engine.ts";

const password = canary("pull");
const IMAGE = "ghcr.io/cats/api:1";

function referenceOf(image: string): NonNullable<ReturnType<typeof parseReference>> {
  const reference = parseReference(image);
  if (reference === null) throw new Error("no reference");
  return reference;
}

interface Pulled {
  readonly events: readonly PullEvent[];
  readonly seen: readonly string[];
  readonly headers: readonly string[];
  readonly secret: Secret;
}

/** Pulls from an engine that answers so. */
async function pull(
  answer: (response: ServerResponse) => void,
  o: { readonly image?: string; readonly platform?: string; readonly signal?: AbortSignal } = {},
): Promise<Pulled> {
  const headers: string[] = [];
  const fake = await fakeEngine({
    handle: (request, response) => {
      headers.push(String(request.headers["x-registry-auth"]));
      answer(response);
    },
  });
  onTestFinished(async () => fake[Symbol.asyncDispose]());
  const { image = IMAGE } = o;
  const events: PullEvent[] = [];
  const secret = Secret.take("password", Buffer.from(password));
  try {
    await pullImage({
      engine: await Engine.connect(fake.endpoint),
      image,
      reference: referenceOf(image),
      auth: { credentials: async () => ({ username: "bot", secret }) },
      onPull: (event) => events.push(event),
      ...o,
    });
  } finally {
    // whatever happened: the end is told, the login is gone, no event holds it
    expect(events.at(-1)).toEqual({ kind: "end" });
    expect(() => secret.use(() => undefined)).toThrow(/wiped/);
    expect(leaksIn(JSON.stringify(events), [password])).toEqual([]);
  }
  return { events, secret, headers, seen: fake.seen.slice(2) };
}

const lines =
  (...all: object[]) =>
  (response: ServerResponse): void =>
    void response.end(all.map((line) => `${JSON.stringify(line)}\r\n`).join(""));

describe("pullImage", () => {
  it("asks for host, path, tag and platform, with the login in one header", async () => {
    const { seen, headers } = await pull(lines(), { platform: "linux/arm64" });
    expect(seen).toEqual([
      "POST /v1.45/images/create?fromImage=ghcr.io%2Fcats%2Fapi&tag=1&platform=linux%2Farm64",
    ]);
    expect(JSON.parse(Buffer.from(headers[0] ?? "", "base64url").toString())).toEqual({
      username: "bot",
      password,
      serveraddress: "ghcr.io",
    });
  });

  it("a digest goes before a tag", async () => {
    const digest = `sha256:${"0".repeat(64)}`;
    const { seen } = await pull(lines(), { image: `cats:1@${digest}` });
    expect(seen[0]).toContain(
      `fromImage=docker.io%2Flibrary%2Fcats&tag=${encodeURIComponent(digest)}`,
    );
  });

  it("tells layers and lines, harmless", async () => {
    const { events } = await pull(
      lines(
        { status: "Pulling from cats/api", id: "1" },
        { status: "Downloading", progressDetail: { current: 1, total: 4 }, id: "abc" },
        { status: "evil \u001b[2J\u202e", progressDetail: {} },
        { aux: 7 },
      ),
    );
    expect(events).toEqual([
      { kind: "begin", image: IMAGE },
      { kind: "status", id: "1", text: "Pulling from cats/api" },
      { kind: "status", id: "abc", text: "Downloading", current: 1, total: 4 },
      { kind: "status", id: undefined, text: "evil \\u001b[2J\\u202e" },
      { kind: "end" },
    ]);
  });

  it("reads lines across chunks", async () => {
    const { events } = await pull((response) => {
      const bytes = Buffer.from(`{"status":"a ü"}\n\n{"status":"b"}`);
      void (async () => {
        for (const byte of bytes) {
          response.write(Buffer.of(byte));
          await sleep(1);
        }
        response.end();
      })();
    });
    expect(events.flatMap((event) => (event.kind === "status" ? event.text : []))).toEqual([
      "a ü",
      "b",
    ]);
  });

  it("a failure stands in the stream, after a 200 and not last", async () => {
    const failure = await failureOf(
      pull(lines({ error: "manifest unknown", errorDetail: {} }, { status: "bye" })),
    );
    expect(failure).toMatchObject({
      code: "IMAGE_MISSING",
      message: `image ${IMAGE} is not pulled: manifest unknown`,
    });
  });

  it.each([
    ["in the stream", (text: string) => lines({ error: text })],
    [
      "as a status",
      (text: string) => (response: ServerResponse) =>
        void response.writeHead(500).end(JSON.stringify({ message: text })),
    ],
  ])("a registry that echoes the login is masked (%s)", async (_where, answer) => {
    const basic = Buffer.from(`bot:${password}`).toString("base64");
    const json = JSON.stringify({ username: "bot", password, serveraddress: "ghcr.io" });
    const header = Buffer.from(json).toString("base64url");
    const echoed = `unauthorized: ${password} ${basic} ${header} ${encodeURIComponent(password)}\u0007`;
    const failure = await failureOf(pull(answer(echoed)), password, header);
    expect(failure.code).toBe("REGISTRY_LOGIN");
    expect(leaksIn(`${failure.message}${failure.hint}`, [password])).toEqual([]);
    expect(failure.message).toContain("\\u0007");
  });

  it("a lost connection is told with the image's name", async () => {
    const failure = await failureOf(
      pull((response) => {
        response.write('{"status":"Pulling from cats/api"}\n');
        setTimeout(() => response.destroy(), 20);
      }),
    );
    expect(failure.code).toBe("DOCKER_UNREACHABLE");
    expect(failure.message).toMatch(/^image ghcr\.io\/cats\/api:1 is not pulled: the connection/);
  });

  it("a line without an end is refused", async () => {
    const failure = await failureOf(
      pull((response) => void response.end("x".repeat(2 * 1024 * 1024))),
    );
    expect(failure.code).toBe("DOCKER_REFUSED");
  });

  it("an abort ends it, and the engine is told by the end of the connection", async () => {
    const stop = new AbortController();
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const failure = await failureOf(
      pull(
        (response) => {
          response.write('{"status":"Pulling from cats/api"}\n');
          response.on("close", close);
          setTimeout(() => stop.abort(), 20);
        },
        { signal: stop.signal },
      ),
    );
    await closed;
    expect(failure.code).toBe("INTERRUPTED");
  });
});

describe("what a refusal means", () => {
  // words of engines 20.10, 26.1, 28.5 and 28.5 with containerd's store, and of registries
  it.each<[string, string, RegExp]>([
    [
      'Head "https://ghcr.io/v2/cats/api/manifests/1": no basic auth credentials',
      "REGISTRY_LOGIN",
      /docker login ghcr\.io/,
    ],
    ["unauthorized: authentication required", "REGISTRY_LOGIN", /./],
    [
      'failed to resolve reference "ghcr.io/cats/api:1": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials',
      "REGISTRY_LOGIN",
      /./,
    ],
    [
      "unknown: failed to resolve reference: unexpected status from HEAD request to https://ghcr.io/v2/x: 401 Unauthorized",
      "REGISTRY_LOGIN",
      /./,
    ],
    ["error parsing HTTP 403 response body: denied", "REGISTRY_LOGIN", /./],
    [
      "pull access denied for cats/api, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
      "IMAGE_MISSING",
      /check the name; if the image is private/,
    ],
    [
      "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
      "IMAGE_MISSING",
      /./,
    ],
    [
      "manifest for ghcr.io/cats/api:1 not found: manifest unknown: manifest unknown",
      "IMAGE_MISSING",
      /tag/,
    ],
    [
      'failed to resolve reference "ghcr.io/cats/api:1": ghcr.io/cats/api:1: not found',
      "IMAGE_MISSING",
      /tag/,
    ],
    [
      "no matching manifest for linux/s390x in the manifest list entries",
      "IMAGE_MISSING",
      /platform/,
    ],
    [
      "image with reference ghcr.io/cats/api:1 was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64",
      "IMAGE_MISSING",
      /platform/,
    ],
    [
      "toomanyrequests: You have reached your unauthenticated pull rate limit",
      "DOCKER_REFUSED",
      /wait/,
    ],
    ["unexpected status: 429 Too Many Requests", "DOCKER_REFUSED", /wait/],
    ["dial tcp 127.0.0.1:443: connect: connection refused", "DOCKER_REFUSED", /reaches ghcr\.io/],
    ["x509: certificate signed by unknown authority", "DOCKER_REFUSED", /./],
    ["no space left on device", "DOCKER_REFUSED", /./],
  ])("%s", (words, code, hint) => {
    const failure = pullFailure({
      image: IMAGE,
      reference: referenceOf(IMAGE),
      platform: undefined,
      words,
      hasLogin: false,
    });
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(IMAGE);
    expect(failure.hint).toMatch(hint);
  });

  it("a name that sounds like a refusal is none", () => {
    const image = "localhost:401/denied/unauthorized:429";
    const words = `Get "http://localhost:401/v2/denied/unauthorized/manifests/429": EOF (${image})`;
    const reference = referenceOf(image);
    const o = { image, reference, platform: undefined, words, hasLogin: false };
    expect(pullFailure(o).code).toBe("DOCKER_REFUSED");
  });

  it.each([
    [true, "ghcr.io did not take the login"],
    [false, "no login for ghcr.io was found"],
  ])("says whether a login was sent: %s", (hasLogin, hint) => {
    const o = { image: IMAGE, reference: referenceOf(IMAGE), platform: undefined };
    expect(pullFailure({ ...o, words: "401 Unauthorized", hasLogin }).hint).toContain(hint);
  });
});
