import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { parsePlatform } from "../../../../src/docker/platform.ts";
import { parseReference } from "../../../../src/docker/reference.ts";
import type { RegistryLogin } from "../../../../src/docker/registry-config.ts";
import { Secret } from "../../../../src/secret/secret.ts";
import { verdictOf } from "../../../../src/verify/model.ts";
import type { VerifyReport } from "../../../../src/verify/model.ts";
import { registryImage } from "../../../../src/verify/sources/registry.ts";
import type { RegistryOptions } from "../../../../src/verify/sources/registry.ts";
import { verify } from "../../../../src/verify/verify.ts";
import { listen } from "../../../support/server.ts";
import { digestOf, ociMembers, secretsOf } from "../archives.ts";
import type { ImageOptions } from "../archives.ts";

const CANARY = `registry-${randomBytes(12).toString("hex")}`;
const PASSWORD = `password-${randomBytes(12).toString("hex")}`;
const SECRETS = { KEY: CANARY };
const IMAGE: ImageOptions = {
  form: "gzip",
  layers: [{ a: randomBytes(200_000) }, { "dir/leak": CANARY }],
};

/** True when it has answered. */
type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

interface Registry {
  readonly host: string;
  /** `manifests/…` and `blobs/…` that were asked for, in order. */
  readonly asked: string[];
  /** Digest of what the tag `1` names. */
  readonly root: string;
  blob(url: string): Buffer | undefined;
}

/** A registry with one image, that faults as `before` says: what no real registry does on demand. */
async function registry(image: ImageOptions, before: Answer = () => false): Promise<Registry> {
  const members = await ociMembers(image);
  const { manifests } = JSON.parse(String(members["index.json"])) as {
    manifests: { digest: string }[];
  };
  const root = manifests[0]?.digest ?? "";
  const blob = (url: string): Buffer | undefined =>
    members[`blobs/${url.split("/").at(-1)?.replace(":", "/")}`];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = /^\/v2\/team\/cats\/(.*)$/u.exec(request.url ?? "")?.[1] ?? "";
    asked.push(path);
    if (before(request, response)) return;
    const bytes = blob(path.replace(/^manifests\/1$/u, `manifests/${root}`));
    response.writeHead(bytes === undefined ? 404 : 200);
    response.end(bytes);
  });
  return { host: await hostOf(server), asked, root, blob };
}

async function hostOf(server: Server): Promise<string> {
  return `127.0.0.1:${(await listen(server)).port}`;
}

async function verifyAt(host: string, o: RegistryOptions & { version?: string } = {}) {
  const { version = ":1", ...options } = o;
  const reference = parseReference(`${host}/team/cats${version}`);
  if (reference === null) throw new Error("no reference");
  return verify(registryImage(reference, "cats", options), secretsOf(SECRETS), {
    signal: options.signal,
  }).report();
}

const reasons = (report: VerifyReport): string =>
  report.unseen.map(({ reason }) => reason).join("; ");

/** A store with one login, and every Secret that it gave. */
function logins(o: Partial<RegistryLogin> = {}) {
  const given: Secret[] = [];
  return {
    given,
    credentials: async (): Promise<RegistryLogin> => {
      const secret = Secret.take("login", Buffer.from(PASSWORD));
      given.push(secret);
      return Promise.resolve({ username: "bot", secret, ...o });
    },
  };
}

const isBlob = (request: IncomingMessage): boolean => (request.url ?? "").includes("/blobs/");

describe("an image in a registry", () => {
  it("is searched by digests, each once", async () => {
    const { host, asked, root } = await registry(IMAGE);
    const report = await verifyAt(host);
    expect(report).toMatchObject({
      findings: [{ path: "/dir/leak", layer: { index: 1 } }],
      unseen: [],
    });
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.filter((path) => path.startsWith("manifests/"))).toHaveLength(2);
    expect(await verifyAt(host, { version: `@${root}` })).toEqual(report);
  });

  it("for a platform reads that one alone", async () => {
    const manifest = { digest: `sha256:${"7".repeat(64)}` };
    const elsewhere = [{ ...manifest, platform: { os: "linux", architecture: "s390x" } }];
    const { host, asked } = await registry({ ...IMAGE, elsewhere });
    const platform = parsePlatform("linux/amd64", { os: "linux", arch: "amd64" }) ?? undefined;
    const report = await verifyAt(host, { platform });
    expect(report.absent).toEqual(["linux/s390x (not asked for)"]);
    expect(asked).not.toContain(`manifests/${manifest.digest}`);
    expect((await verifyAt(host)).absent).toEqual(["linux/s390x"]);
  });

  it.each([
    ["404", 404, "IMAGE_MISSING", "the registry has no"],
    ["403", 403, "REGISTRY_LOGIN", "does not give team/cats (HTTP 403)"],
    ["401 without a challenge", 401, "REGISTRY_LOGIN", "does not give team/cats (HTTP 401)"],
    ["418", 418, "REGISTRY_UNREACHABLE", "answers 418"],
  ])("%s has an error of its own", async (_name, status, code, words) => {
    const { host } = await registry(IMAGE, (_request, response) => {
      response.writeHead(status).end("<html>foreign words</html>");
      return true;
    });
    const failing = verifyAt(host);
    await expect(failing).rejects.toMatchObject({ code, exitCode: 6 });
    await expect(failing).rejects.toThrow(words);
    await expect(failing).rejects.not.toThrow("foreign");
  });

  it("nobody there is REGISTRY_UNREACHABLE", async () => {
    await expect(verifyAt("127.0.0.1:1")).rejects.toMatchObject({
      code: "REGISTRY_UNREACHABLE",
      message: "the registry 127.0.0.1:1 can't be reached (ECONNREFUSED)",
    });
  });

  it("a digest is held to what it names, and so are blobs", async () => {
    const { host, root } = await registry(IMAGE, (request, response) => {
      if (isBlob(request)) return false;
      response.end("{}");
      return true;
    });
    await expect(verifyAt(host, { version: `@${root}` })).rejects.toMatchObject({
      code: "IMAGE_UNREADABLE",
    });
    const lying = await registry(IMAGE, (request, response) => {
      if (!isBlob(request)) return false;
      response.end("other bytes");
      return true;
    });
    const report = await verifyAt(lying.host);
    expect(verdictOf(report)).toBe("incomplete");
    expect(reasons(report)).toContain("the bytes don't match the digest");
  });

  it("a manifest of more than 4 MiB is not read to its end", async () => {
    const { host } = await registry(IMAGE, (_request, response) => {
      const send = (): void =>
        void (response.destroyed || response.write(" ".repeat(65_536), send));
      send();
      return true;
    });
    await expect(verifyAt(host)).rejects.toThrow("a manifest of more than 4 MiB");
  });
});

describe("a registry that is busy, slow or breaks off", () => {
  it("429 and 503 are asked again, when the registry says", async () => {
    const seen = new Map<string, number>();
    const { host } = await registry(IMAGE, ({ url = "" }, response) => {
      const times = (seen.get(url) ?? 0) + 1;
      seen.set(url, times);
      if (times > 1) return false;
      response.writeHead(seen.size % 2 === 0 ? 429 : 503, { "Retry-After": "0" }).end();
      return true;
    });
    const report = await verifyAt(host);
    expect(report).toMatchObject({ findings: [{ path: "/dir/leak" }], unseen: [] });
    expect([...seen.values()].every((times) => times === 2)).toBe(true);
  });

  it("is not asked for ever: four times, then each further blob once", async () => {
    const { host, asked } = await registry(IMAGE, (request, response) => {
      if (!isBlob(request)) return false;
      response.writeHead(429, { "Retry-After": new Date().toUTCString() }).end();
      return true;
    });
    const report = await verifyAt(host);
    expect(verdictOf(report)).toBe("incomplete");
    expect(reasons(report)).toContain("answers 429");
    expect(asked.filter((path) => path.startsWith("blobs/"))).toHaveLength(4 + 2);
  });

  it("a rate limit for hours is told at once", async () => {
    const { host, asked } = await registry(IMAGE, (_request, response) => {
      response.writeHead(429, { "Retry-After": "7200" }).end();
      return true;
    });
    await expect(verifyAt(host)).rejects.toThrow("wants to be asked again in 7200 s only");
    expect(asked).toHaveLength(1);
  });

  it.each([
    ["never answers", () => true],
    [
      "never goes on",
      (_request: IncomingMessage, response: ServerResponse) => response.write("{") || true,
    ],
    [
      "goes on a byte at a time",
      (_request: IncomingMessage, response: ServerResponse) => {
        const timer = setInterval(() => response.write(" "), 20);
        response.on("close", () => clearInterval(timer));
        return true;
      },
    ],
  ])("one that %s is given up", async (_name, before) => {
    const { host } = await registry(IMAGE, before);
    const began = performance.now();
    await expect(verifyAt(host, { silenceMs: 200 })).rejects.toMatchObject({
      code: "REGISTRY_UNREACHABLE",
      message: `the registry ${host} does not answer, or too slowly`,
    });
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it("that falls silent in a layer leaves the report incomplete, soon", async () => {
    const { host } = await registry(IMAGE, (request, response) => {
      if (!isBlob(request)) return false;
      response.write("x");
      return true;
    });
    const report = await verifyAt(host, { silenceMs: 200 });
    expect(verdictOf(report)).toBe("incomplete");
    expect(reasons(report)).toContain("does not answer, or too slowly");
  });

  it("a signal ends the waiting", async () => {
    const controller = new AbortController();
    const { host } = await registry(IMAGE, (_request, response) => {
      response.writeHead(503, { "Retry-After": "50" }).end();
      setTimeout(() => controller.abort(), 30);
      return true;
    });
    await expect(verifyAt(host, { signal: controller.signal })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });

  it.each([true, false])("a layer that breaks off goes on (ranges: %s)", async (hasRanges) => {
    const cut = new Set<string>();
    const ranges: string[] = [];
    const made = await registry(IMAGE, (request, response) => {
      const url = String(request.url);
      const bytes = isBlob(request) ? made.blob(url) : undefined;
      if (bytes === undefined || bytes.length < 1000) return false;
      const { range = "bytes=0-" } = request.headers;
      const start = Number(range.slice("bytes=".length, -1));
      if (start > 0) ranges.push(range);
      if (start > 0 && hasRanges) {
        response.writeHead(206, { "Content-Range": `bytes ${start}-${bytes.length - 1}/*` });
        response.end(bytes.subarray(start));
      } else if (cut.has(url)) response.end(bytes);
      else {
        response.writeHead(200, { "Content-Length": bytes.length });
        response.write(bytes.subarray(0, bytes.length >>> 1), () =>
          setTimeout(() => response.destroy(), 50),
        );
      }
      cut.add(url);
      return true;
    });
    const { host } = made;
    const report = await verifyAt(host);
    expect(report).toMatchObject({ findings: [{ path: "/dir/leak" }], unseen: [] });
    expect(cut.size).toBeGreaterThan(0);
    expect(ranges).toHaveLength(cut.size);
  });
});

describe("logins", () => {
  const basic = `Basic ${Buffer.from(`bot:${PASSWORD}`).toString("base64")}`;
  const challenge = (response: ServerResponse, words: string): true => {
    response.writeHead(401, { "WWW-Authenticate": words }).end("{}");
    return true;
  };

  it("Basic is sent after it was asked for, and the Secret is wiped", async () => {
    const { host } = await registry(IMAGE, (request, response) =>
      request.headers.authorization === basic ? false : challenge(response, 'Basic realm="x"'),
    );
    const auth = logins();
    expect((await verifyAt(host, { auth })).unseen).toEqual([]);
    expect(auth.given).toHaveLength(1);
    expect(() => auth.given[0]?.use(() => undefined)).toThrow("was wiped");
    await expect(verifyAt(host)).rejects.toMatchObject({ code: "REGISTRY_LOGIN" });
    const other = logins({ username: "someone" });
    await expect(verifyAt(host, { auth: other })).rejects.toThrow("(HTTP 401)");
  });

  it.each([true, false])(
    "a token is fetched (login: %s), and again when it is over",
    async (has) => {
      let host = "";
      let tokens = 0;
      const scopes = new Set<string>();
      const made = await registry(IMAGE, (request, response) => {
        const url = new URL(request.url ?? "", "http://x");
        if (url.pathname === "/token") {
          const isPost = request.method === "POST";
          if (!isPost) scopes.add(url.searchParams.get("scope") ?? "");
          const isWrong = (request.headers.authorization === basic) !== has;
          if (isPost || isWrong) response.writeHead(isPost ? 405 : 401).end();
          else response.end(JSON.stringify({ token: `t${++tokens}` }));
          return true;
        }
        const isGood = request.headers.authorization === `Bearer t${tokens}` && !isOver(request);
        if (isGood) return false;
        return challenge(response, `Bearer realm="http://${host}/token",service="s",scope="all"`);
      });
      ({ host } = made);
      // the first token is refused for the first blob
      let over = false;
      const isOver = (request: IncomingMessage): boolean => {
        const is = !over && isBlob(request);
        over ||= is;
        return is;
      };
      const report = await verifyAt(host, has ? { auth: logins() } : {});
      expect(report.unseen).toEqual([]);
      expect(tokens).toBe(2);
      expect([...scopes]).toEqual(["repository:team/cats:pull"]);
    },
  );

  it("a redirect to another host gets no login; one without end is told", async () => {
    const authorizations: (string | undefined)[] = [];
    const back: (string | undefined)[] = [];
    const storage = createServer((request, response) => {
      authorizations.push(request.headers.authorization);
      // the first one comes from the registry, and sends it back there
      const isFirst = authorizations.length === 1;
      if (isFirst) response.writeHead(307, { Location: `http://${host}${request.url}` }).end();
      else response.end(made.blob(request.url ?? ""));
    });
    const there = await hostOf(storage);
    const made = await registry(IMAGE, (request, response) => {
      const { authorization } = request.headers;
      if (isBlob(request) && authorizations.length === 1) back.push(authorization);
      if (authorization !== basic) return challenge(response, 'Basic realm="x"');
      if (!isBlob(request)) return false;
      response.writeHead(302, { Location: `http://${there}${request.url}` }).end();
      return true;
    });
    const { host } = made;
    const report = await verifyAt(host, { auth: logins() });
    expect(authorizations.length).toBeGreaterThan(0);
    expect(authorizations.every((one) => one === undefined)).toBe(true);
    expect(back[0]).toBeUndefined();
    expect(report.findings).toHaveLength(1);

    const loop = await registry(IMAGE, (request, response) => {
      response.writeHead(302, { Location: request.url }).end();
      return true;
    });
    await expect(verifyAt(loop.host)).rejects.toThrow("leads to nowhere by redirects");
    const file = await registry(IMAGE, (_request, response) => {
      response.writeHead(302, { Location: "file:///etc/passwd" }).end();
      return true;
    });
    await expect(verifyAt(file.host)).rejects.toThrow("leads to nowhere by redirects");
  });

  it("what a redirect leads to can't ask for the login", async () => {
    const got: string[] = [];
    const thief = createServer((request, response) => {
      const { authorization = "" } = request.headers;
      got.push(`${request.method} ${authorization}`);
      const isToken = request.url === "/token";
      if (isToken) response.end(JSON.stringify({ token: "t" }));
      else challenge(response, `Bearer realm="http://${there}/token",service="s"`);
    });
    const there = await hostOf(thief);
    const { host } = await registry(IMAGE, (request, response) => {
      if (!isBlob(request)) return false;
      response.writeHead(302, { Location: `http://${there}${request.url}` }).end();
      return true;
    });
    const auth = logins();
    const report = await verifyAt(host, { auth });
    expect(auth.given).toEqual([]);
    expect(got.length).toBeGreaterThan(0);
    expect(got.every((one) => one === "GET ")).toBe(true);
    expect(verdictOf(report)).toBe("incomplete");
    expect(reasons(report)).toContain("(HTTP 401)");
  });

  it("over plain http no login is sent", async () => {
    const sent: (string | undefined)[] = [];
    const { host } = await registry(IMAGE, (request, response) => {
      sent.push(request.headers.authorization);
      return challenge(response, 'Basic realm="x"');
    });
    const auth = logins();
    await expect(verifyAt(host, { auth, plainHttp: true })).rejects.toThrow("over plain http");
    expect(auth.given).toEqual([]);
    expect(sent).toEqual([undefined]);
  });

  it("a token service that anybody could listen to gets no login", async () => {
    const { host } = await registry(IMAGE, (_request, response) =>
      challenge(response, 'Bearer realm="http://192.0.2.1/token",service="x"'),
    );
    const auth = logins();
    await expect(verifyAt(host, { auth })).rejects.toMatchObject({ code: "REGISTRY_LOGIN" });
    expect(auth.given).toEqual([]);
  });
});

it("digests of manifests are those of their bytes", () => {
  expect(digestOf(Buffer.from("{}"))).toMatch(/^sha256:44136fa3/u);
});
