import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { registryLogin } from "../../src/docker/registry-config.ts";
import { UnsealError } from "../../src/errors.ts";
import { Secret } from "../../src/secret/secret.ts";
import { authService } from "../../src/session/auth/service.ts";
import type { GrpcMethod, GrpcService } from "../../src/session/grpc.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { attempt, BASE, theEngine, type Attempt } from "./build-harness.ts";
import { imageRegistry } from "./image-registry.ts";
import { sessionBuild } from "./session-build.ts";
import { tokenRegistry } from "./token-registry.ts";

const password = canary("registry");

async function pull(
  world: World,
  host: string,
  auth?: Parameters<typeof attempt>[1],
): Promise<Attempt> {
  const base = `${host}/private/base:1`;
  await world.write(
    "Dockerfile",
    `FROM ${base} AS private\nFROM ${BASE}\nCOPY --from=private / /x\n`,
  );
  return attempt(world, { pull: true, target: "private", ...auth });
}

it("DO5: a private base image is pulled with the login of its host, given once asked", async () => {
  const { os, arch } = (await theEngine()).version;
  await using registry = await imageRegistry({ username: "bot", password, os, arch });
  await using world = await makeWorld();

  const anonymous = await pull(world, registry.host);
  expect(anonymous.error).toMatchObject({ code: "BUILD_FAILED" });
  expect(registry.logins).toEqual([]);

  const asked: string[] = [];
  const given: Secret[] = [];
  const credentials = async (
    host: string,
  ): Promise<{ username: string; secret: Secret } | null> => {
    asked.push(host);
    if (host !== registry.host) return null;
    const secret = Secret.take("password", Buffer.from(password));
    given.push(secret);
    return { username: "bot", secret };
  };
  const { error, events } = await pull(world, registry.host, { auth: { credentials } });
  expect(error).toBeNull();
  expect(asked).toContain(registry.host);
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  expect([...new Set(registry.logins.map(hash))]).toEqual([hash(`bot:${password}`)]);
  expect(leaksIn(JSON.stringify(events), [password])).toEqual([]);
  // the service wiped every copy that it got
  for (const secret of given) expect(() => secret.use(() => undefined)).toThrow(/wiped/);
});

it("a login that does not open is the build's error", async () => {
  const { os, arch } = (await theEngine()).version;
  await using registry = await imageRegistry({ username: "bot", password, os, arch });
  await using world = await makeWorld();
  const wrongKey = new UnsealError("UNSEAL_WRONG_KEY", "sealed for another key");
  const auth = { credentials: async () => Promise.reject(wrongKey) };
  expect((await pull(world, registry.host, { auth })).error).toBe(wrongKey);
});

describe("a registry that takes tokens", () => {
  interface Asked {
    readonly method: string;
    readonly answer: Buffer;
  }

  /** The service under test, with a note of what left this process. */
  function watched(service: GrpcService): {
    readonly service: GrpcService;
    readonly left: Asked[];
  } {
    const left: Asked[] = [];
    const wrapped = [...service].map(([path, method]): [string, GrpcMethod] => [
      path,
      async (call) => {
        const { stream } = call;
        const end = stream.end.bind(stream);
        stream.end = ((chunk?: unknown) => {
          const answer = Buffer.isBuffer(chunk) ? Buffer.from(chunk) : Buffer.alloc(0);
          left.push({ method: path.split("/").at(-1) ?? "", answer });
          return Buffer.isBuffer(chunk) ? end(chunk) : end();
        }) as typeof stream.end;
        return method(call);
      },
    ]);
    return { service: new Map(wrapped), left };
  }

  const login = async (): Promise<{ username: string; secret: Secret }> => ({
    username: "bot",
    secret: Secret.take("password", Buffer.from(password)),
  });

  async function pulled(
    host: string,
    service: GrpcService,
  ): Promise<Awaited<ReturnType<typeof sessionBuild>>> {
    const dockerfile = `FROM ${host}/private/base:1\n`;
    const built = await sessionBuild({ dockerfile, services: [service], pull: true });
    if (built.imageId !== null)
      await (await theEngine()).removeImage(built.imageId, { force: true });
    return built;
  }

  it.each([{ getOnly: false }, { getOnly: true }])(
    "the token is fetched here and the password never leaves (%o)",
    async (o) => {
      const { os, arch } = (await theEngine()).version;
      await using registry = await tokenRegistry({ username: "bot", password, os, arch, ...o });
      // an earlier build without a login leaves its anonymous handler in the engine
      const anonymous = await pulled(registry.host, authService({ credentials: async () => null }));
      expect(anonymous.error).not.toBeNull();
      expect([registry.logins.length, registry.anonymous > 0]).toEqual([0, true]);

      const { service, left } = watched(authService({ credentials: login }));
      expect((await pulled(registry.host, service)).error).toBeNull();
      expect(left.map(({ method }) => method)).toContain("FetchToken");
      expect(leaksIn(Buffer.concat(left.map(({ answer }) => answer)), [password])).toEqual([]);
      expect(leaksIn(JSON.stringify(registry.seen), [password])).toEqual([]);
      // whoever logged in was this process: the engine names itself
      expect(new Set(registry.logins)).toEqual(
        new Set([`${o.getOnly ? "GET" : "POST"} sealmount`]),
      );
    },
  );

  it("a login is not sent to a token service that only the engine was told of", async () => {
    const { os, arch } = (await theEngine()).version;
    let thief = 0;
    const elsewhere = createServer((_request, response) => {
      thief += 1;
      response.end("{}");
    });
    elsewhere.listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    onTestFinished(() => void elsewhere.close());
    const { port } = elsewhere.address() as AddressInfo;
    await using registry = await tokenRegistry({
      username: "bot",
      password,
      os,
      arch,
      // the engine names itself, this process does not
      realm: (host, client) =>
        client === "" ? `http://${host}/token` : `http://127.0.0.1:${port}/`,
    });
    const { error } = await pulled(registry.host, authService({ credentials: login }));
    expect(error).toMatch(/names another token service/);
    expect([thief, registry.logins.length]).toEqual([0, 0]);
  });

  it("a wrong password is the registry's refusal", async () => {
    const { os, arch } = (await theEngine()).version;
    await using registry = await tokenRegistry({ username: "bot", password: "other", os, arch });
    const { error } = await pulled(registry.host, authService({ credentials: login }));
    expect(error).toMatch(/refused the login \(HTTP 401\)/);
    expect(leaksIn(error ?? "", [password])).toEqual([]);
  });

  it("docker's own login is used, from its config and from a credential helper", async () => {
    const { os, arch } = (await theEngine()).version;
    await using registry = await tokenRegistry({ username: "bot", password, os, arch });
    await using world = await makeWorld();
    const auth = Buffer.from(`bot:${password}`).toString("base64");
    const folder = join(world.home, ".docker");
    await mkdir(folder);
    const config = join(folder, "config.json");
    await writeFile(config, JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const ofDocker = authService({
      credentials: async (host) => registryLogin(host, { env: world.env, home: world.home }),
    });
    expect((await pulled(registry.host, ofDocker)).error).toBeNull();

    const answer = JSON.stringify({ Username: "bot", Secret: password });
    const helper = `#!/bin/sh\nread server || true\nprintf '%s' '${answer}'\n`;
    await world.write("bin/docker-credential-smtest", helper, 0o755);
    await writeFile(config, JSON.stringify({ credsStore: "smtest" }));
    const env = { ...world.env, PATH: `${join(world.cwd, "bin")}:${world.env["PATH"]}` };
    const ofHelper = authService({
      credentials: async (host) => registryLogin(host, { env, home: world.home }),
    });
    expect((await pulled(registry.host, ofHelper)).error).toBeNull();
    expect(await readFile(config, "utf8")).toBe(JSON.stringify({ credsStore: "smtest" }));
  });
});
