import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

import { describe, expect, it } from "vitest";

import { Secret } from "../../../src/secret/secret.ts";
import { mayAsk, parseChallenge, type Challenge } from "../../../src/session/auth/challenge.ts";
import { isLoopback } from "../../../src/session/auth/http.ts";
import { authService, type Credentials } from "../../../src/session/auth/service.ts";
import { readFields, writeFields } from "../../../src/session/protobuf.ts";
import { leaksIn } from "../../support/canary.ts";
import { listen } from "../../support/server.ts";
import { call, type GrpcReply } from "./grpc-client.ts";
import { served } from "./served.ts";

const PASSWORD = "canary pass+word/&=ü%";
/** Nothing listens there. */
const NOBODY = "127.0.0.1:1";

type Handle = (request: IncomingMessage, response: ServerResponse, host: string) => void;

/** A registry with a token service, or whatever `handle` makes of it. */
async function registry(handle: Handle): Promise<string> {
  let host = "";
  const server = createServer((request, response) => handle(request, response, host));
  host = `127.0.0.1:${(await listen(server)).port}`;
  return host;
}

function challenged(response: ServerResponse, challenge: string): void {
  response.writeHead(401, { "WWW-Authenticate": challenge }).end();
}

/** The service, over logins by host; every Secret that it was given. */
function service(logins: Readonly<Record<string, Partial<Credentials>>>): {
  readonly ask: (method: string, fields: Parameters<typeof writeFields>[0]) => Promise<GrpcReply>;
  readonly asked: string[];
  readonly given: Secret[];
} {
  const asked: string[] = [];
  const given: Secret[] = [];
  const credentials = async (host: string): Promise<Credentials | null> => {
    asked.push(host);
    const login = logins[host];
    if (login === undefined) return null;
    const secret = Secret.take("password", Buffer.from(PASSWORD));
    given.push(secret);
    return { username: "bot", secret, ...login };
  };
  const client = served(authService({ credentials }));
  const ask = async (
    method: string,
    fields: Parameters<typeof writeFields>[0],
  ): Promise<GrpcReply> =>
    call(client, `/moby.filesync.v1.Auth/${method}`, { body: writeFields(fields) });
  return { ask, asked, given };
}

function textsOf({ body }: GrpcReply): string[] {
  return [...readFields(body)].map(({ value }) => String(value));
}

/** A FetchTokenRequest. */
function wanting(
  host: string,
  realm: string,
  ...scopes: string[]
): Parameters<typeof writeFields>[0] {
  return [
    [1, "client"],
    [2, host],
    [3, realm],
    [4, "the service"],
    ...scopes.map((scope): [number, string] => [5, scope]),
  ];
}

describe("Credentials", () => {
  it("DO5: gives the login where nothing else will do", async () => {
    const basic = await registry((_request, response) => challenged(response, 'Basic realm="x"'));
    const { ask, given } = service({ [basic]: {}, [NOBODY]: {} });
    expect(textsOf(await ask("Credentials", [[1, basic]]))).toEqual(["bot", PASSWORD]);
    expect(textsOf(await ask("Credentials", [[1, NOBODY]]))).toEqual(["bot", PASSWORD]);
    for (const secret of given) expect(() => secret.use(() => undefined)).toThrow(/wiped/);
  });

  it("gives something else where the registry takes tokens", async () => {
    const host = await registry((_request, response, own) =>
      challenged(response, `Bearer realm="http://${own}/token",service="s"`),
    );
    const { ask, given } = service({ [host]: {} });
    const answers = await Promise.all([0, 1].map(async () => ask("Credentials", [[1, host]])));
    for (const answer of answers) {
      expect(textsOf(answer)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
      expect(leaksIn(answer.body, [PASSWORD])).toEqual([]);
    }
    expect(answers[0]?.body).not.toEqual(answers[1]?.body);
    for (const secret of given) expect(() => secret.use(() => undefined)).toThrow(/wiped/);
  });

  it.each(["registry-1.docker.io", "index.docker.io", "docker.io"])(
    "DO4: knows Docker Hub as %s",
    async (host) => {
      const { ask, asked } = service({});
      await ask("Credentials", [[1, host]]);
      expect(asked).toEqual(["docker.io"]);
    },
  );

  it("an unknown host has no login, and its tokens are the engine's business", async () => {
    const { ask } = service({});
    expect(await ask("Credentials", [[1, "quay.io"]])).toMatchObject({
      status: "0",
      body: Buffer.alloc(0),
    });
    expect((await ask("GetTokenAuthority", [[1, "quay.io"]])).status).toBe("12");
    expect((await ask("VerifyTokenAuthority", [[1, "quay.io"]])).status).toBe("12");
    expect((await ask("FetchToken", wanting("quay.io", "https://quay.io/token"))).status).toBe("5");
  });
});

describe("GetTokenAuthority", () => {
  it("gives another key each time, and none for a registry that can't be reached", async () => {
    const host = await registry((_request, response, own) =>
      challenged(response, `Bearer realm="http://${own}/token"`),
    );
    const { ask, given } = service({ [host]: {}, [NOBODY]: {} });
    const keys = await Promise.all([0, 1].map(async () => ask("GetTokenAuthority", [[1, host]])));
    expect(keys.map(({ body }) => [...readFields(body)][0]?.value)).toEqual([
      expect.objectContaining({ length: 32 }),
      expect.objectContaining({ length: 32 }),
    ]);
    expect(keys[0]?.body).not.toEqual(keys[1]?.body);
    expect((await ask("GetTokenAuthority", [[1, NOBODY]])).status).toBe("12");
    for (const secret of given) expect(() => secret.use(() => undefined)).toThrow(/wiped/);
  });
});

describe("FetchToken", () => {
  /** A registry whose token service answers as told, and what it was sent. */
  async function tokens(
    answer: (request: IncomingMessage) => { readonly status: number; readonly body: string },
  ): Promise<{ readonly host: string; readonly realm: string; readonly sent: string[] }> {
    const sent: string[] = [];
    const host = await registry((request, response, own) => {
      if (request.url === "/v2/")
        return challenged(response, `Bearer realm="http://${own}/token?a=1"`);
      const { status, body } = answer(request);
      void (async () => {
        const { authorization = "" } = request.headers;
        sent.push(`${request.method} ${request.url} ${authorization} ${await text(request)}`);
        response.writeHead(status).end(body);
      })();
      return undefined;
    });
    return { host, realm: `http://${host}/token?a=1`, sent };
  }

  const token = {
    status: 200,
    body: '{"token":"t0k","expires_in":300,"issued_at":"2026-01-02T03:04:05Z"}',
  };

  it("posts a form that reads back as the login", async () => {
    const { host, realm, sent } = await tokens(() => token);
    const { ask, given } = service({ [host]: {} });
    const reply = await ask(
      "FetchToken",
      wanting(host, realm, "repository:a/b:pull", "repository:c:pull"),
    );
    expect([...readFields(reply.body)].map(({ value }) => String(value))).toEqual([
      "t0k",
      "300",
      "1767323045",
    ]);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatch(/^POST \/token\?a=1 {2}/);
    expect(Object.fromEntries(new URLSearchParams(sent[0]?.split(" ").at(-1)))).toEqual({
      grant_type: "password",
      service: "the service",
      client_id: "client",
      scope: "repository:a/b:pull repository:c:pull",
      username: "bot",
      password: PASSWORD,
    });
    for (const secret of given) expect(() => secret.use(() => undefined)).toThrow(/wiped/);
  });

  it.each([401, 404, 405])("asks with Basic where POST is answered with %d", async (status) => {
    const { host, realm, sent } = await tokens(({ method }) =>
      method === "POST" ? { status, body: "" } : { status: 200, body: '{"access_token":"t0k"}' },
    );
    const { ask } = service({ [host]: {} });
    const reply = await ask("FetchToken", wanting(host, realm, "a", "b"));
    expect([...readFields(reply.body)].map(({ value }) => value)).toEqual([
      Buffer.from("t0k"),
      0,
      0,
    ]);
    const pair = Buffer.from(`bot:${PASSWORD}`).toString("base64");
    expect(sent[1]).toBe(`GET /token?a=1&service=the+service&scope=a&scope=b Basic ${pair} `);
  });

  it("an identity token is a refresh token, and has no other way", async () => {
    const { host, realm, sent } = await tokens(() => ({ status: 401, body: "" }));
    const { ask } = service({ [host]: { username: "" } });
    const reply = await ask("FetchToken", wanting(host, realm));
    expect(reply).toMatchObject({
      status: "9",
      message: "the registry refused the login (HTTP 401)",
    });
    expect(sent).toHaveLength(1);
    expect(Object.fromEntries(new URLSearchParams(sent[0]?.split(" ").at(-1)))).toEqual({
      grant_type: "refresh_token",
      service: "the service",
      client_id: "client",
      refresh_token: PASSWORD,
    });
  });

  it("a registry token is given as it is", async () => {
    const { ask } = service({ [NOBODY]: { isRegistryToken: true } });
    const reply = await ask("FetchToken", wanting(NOBODY, `http://${NOBODY}/`));
    expect(textsOf(reply)[0]).toBe(PASSWORD);
  });

  it.each([
    ["no JSON", "{", /sent no token/],
    ["no token", "[]", /sent no token/],
    ["a number", '{"token":7}', /sent no token/],
    ["too much", `"${"x".repeat(1 << 20)}`, /can't be reached/],
  ])("%s as an answer is a status without it", async (_what, body, expected) => {
    const { host, realm } = await tokens(() => ({ status: 200, body }));
    const reply = await service({ [host]: {} }).ask("FetchToken", wanting(host, realm));
    expect([reply.status, reply.body.length]).toEqual(["9", 0]);
    expect(reply.message).toMatch(expected);
  });

  it.each([
    "https://evil.example/token",
    "http://10.0.0.1/token",
    "file:///etc/passwd",
    "nonsense",
  ])("sends no login to %s", async (realm) => {
    const { host, sent } = await tokens(() => token);
    expect((await service({ [host]: {} }).ask("FetchToken", wanting(host, realm))).status).toBe(
      "9",
    );
    expect(sent).toEqual([]);
  });

  it("follows no redirect with a login", async () => {
    const { host, realm, sent } = await tokens(() => ({ status: 302, body: "" }));
    const reply = await service({ [host]: {} }).ask("FetchToken", wanting(host, realm));
    expect(reply.message).toBe("the registry refused the login (HTTP 302)");
    expect(sent).toHaveLength(1);
  });
});

describe("challenges", () => {
  it.each([
    ['Bearer realm="https://a.example/t",service="s"', "bearer", "https://a.example/t"],
    ['bearer service="s", realm="https://a.example/t"', "bearer", "https://a.example/t"],
    ['Basic realm="x", Bearer realm="https://a.example/t"', "bearer", "https://a.example/t"],
    ['Bearer realm="http://127.0.0.1:5000/t"', "bearer", "http://127.0.0.1:5000/t"],
    ['Bearer realm="http://a.example/t"', "unreachable", undefined],
    ['Bearer realm="/token"', "unreachable", undefined],
    ["Bearer", "unreachable", undefined],
    ['Basic realm="Bearer x"', "basic", undefined],
    ["BASIC", "basic", undefined],
    ["Negotiate", "unreachable", undefined],
    ["", "unreachable", undefined],
  ])("%s", (header, scheme, realm) => {
    const found = parseChallenge(header);
    expect(found.scheme).toBe(scheme);
    expect(found.scheme === "bearer" ? found.realm?.href : undefined).toBe(realm);
  });

  it.each([
    ["https://auth.docker.io/token", "registry-1.docker.io", "https://auth.docker.io/other", true],
    ["https://ghcr.io/token", "ghcr.io", null, true],
    ["https://ghcr.io/token", "ghcr.io:443", null, true],
    ["https://ghcr.io:8443/token", "ghcr.io", "https://ghcr.io/token", false],
    ["https://evil.example/token", "ghcr.io", "https://ghcr.io/token", false],
    ["https://ghcr.io.evil.example/token", "ghcr.io", "https://ghcr.io/token", false],
    ["https://ghcr.io@evil.example/token", "ghcr.io", "https://ghcr.io/token", false],
    ["http://ghcr.io/token", "ghcr.io", null, false],
    ["http://localhost:5000/token", "localhost:5000", null, true],
  ])("a login to %s for %s, told %s: %s", (realm, host, told, expected) => {
    const challenge: Challenge = { scheme: "bearer", realm: told === null ? null : new URL(told) };
    expect(mayAsk(new URL(realm), host, challenge)).toBe(expected);
    expect(mayAsk(new URL(realm), host, { scheme: "basic" })).toBe(false);
    expect(mayAsk(new URL(realm), host, { scheme: "unreachable" })).toBe(false);
  });

  it.each([
    ["localhost", true],
    ["localhost:5000", true],
    ["127.0.0.1", true],
    ["127.9.9.9:80", true],
    ["[::1]:5000", true],
    ["127.0.0.1.example", false],
    ["localhost.example:5000", false],
    ["10.0.0.1", false],
    ["", false],
    ["a b", false],
  ])("%s is this machine: %s", (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});
