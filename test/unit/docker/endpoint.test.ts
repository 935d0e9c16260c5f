import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { resolveEndpoint } from "../../../src/docker/endpoint.ts";
import { makeWorld, type World } from "../../support/temp.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  const made = world;
  onTestFinished(async () => made[Symbol.asyncDispose]());
});

/** A docker context store as the docker CLI writes it, in a folder of its own. */
async function context(name: string, docker: object, tls = false): Promise<string> {
  const id = createHash("sha256").update(name).digest("hex");
  const meta = JSON.stringify({ Name: name, Endpoints: { docker } });
  const path = await world.write(`cfg/contexts/meta/${id}/meta.json`, meta);
  for (const file of tls ? ["ca.pem", "cert.pem", "key.pem"] : []) {
    await world.write(`cfg/contexts/tls/${id}/docker/${file}`, `${file} of ${name}`);
  }
  return join(dirname(path), "../../..");
}

describe("hosts", () => {
  it.each([
    ["unix:///run/x.sock", true, { socketPath: "/run/x.sock" }],
    ["npipe:////./pipe/docker_engine", true, { socketPath: "//./pipe/docker_engine" }],
    ["tcp://10.0.0.2", false, { protocol: "http", host: "10.0.0.2", port: 2375 }],
    ["tcp://10.0.0.2:99", false, { protocol: "http", host: "10.0.0.2", port: 99 }],
    ["10.0.0.2:99", false, { protocol: "http", host: "10.0.0.2", port: 99 }],
    ["tcp://[::1]:99", false, { protocol: "http", host: "::1", port: 99 }],
    ["https://e.example", false, { protocol: "https", host: "e.example", port: 2376 }],
    ["ssh://me@box:2222", false, { protocol: "ssh", host: "box", port: 2222, username: "me" }],
  ])("%s", async (host, local, options) => {
    const given = { SSH_AUTH_SOCK: "/agent" };
    for (const env of [given, { ...given, DOCKER_HOST: host }]) {
      const by = env === given ? { host } : {};
      // the ssh program gets the environment
      const wanted = host.startsWith("ssh:") ? { ...options, env } : options;
      const expected = { host, local, options: wanted };
      expect(await resolveEndpoint({ ...by, env, home: world.home })).toEqual(expected);
    }
  });

  it.each(["ftp://x", "unix://", "tcp://", "::"])("refuses %j", async (host) => {
    await expect(resolveEndpoint({ host, env: {}, home: world.home })).rejects.toMatchObject({
      code: "USAGE",
    });
  });

  it("shows control characters of a bad host as text", async () => {
    const bad = resolveEndpoint({ host: "ftp://\u001b[31m", env: {}, home: world.home });
    await expect(bad).rejects.toThrow(String.raw`\u001b`);
  });
});

describe("order", () => {
  it("a host beats DOCKER_HOST, which beats DOCKER_CONTEXT and the current context", async () => {
    const cfg = await context("far", { Host: "tcp://far:1" });
    await world.write("cfg/config.json", JSON.stringify({ currentContext: "far" }));
    const env = { DOCKER_CONFIG: cfg, DOCKER_HOST: "tcp://variable:1", DOCKER_CONTEXT: "far" };
    const { home } = world;
    expect((await resolveEndpoint({ host: "tcp://flag:1", env, home })).host).toBe("tcp://flag:1");
    expect((await resolveEndpoint({ env, home })).host).toBe("tcp://variable:1");
    expect((await resolveEndpoint({ context: "far", env, home })).host).toBe("tcp://far:1");
    expect((await resolveEndpoint({ env: { ...env, DOCKER_HOST: "" }, home })).host).toBe(
      "tcp://far:1",
    );
    const onlyCurrent = { DOCKER_CONFIG: cfg };
    expect((await resolveEndpoint({ env: onlyCurrent, home })).host).toBe("tcp://far:1");
  });

  it("a host and a context together are refused", async () => {
    const both = resolveEndpoint({ host: "tcp://a", context: "b", env: {}, home: world.home });
    await expect(both).rejects.toMatchObject({ code: "USAGE_CONFLICT" });
  });

  it("the context default means the default socket", async () => {
    const endpoint = await resolveEndpoint({ context: "default", env: {}, home: world.home });
    expect(endpoint.local).toBe(true);
  });

  it("without anything it is a socket of this machine", async () => {
    await mkdir(join(world.home, ".docker/run"), { recursive: true });
    const { host, local } = await resolveEndpoint({ env: {}, home: world.home });
    expect(local).toBe(true);
    expect(host).toMatch(/^unix:\/\/.*docker\.sock$/);
  });
});

describe("contexts and TLS", () => {
  it("an unknown context is an error with a hint", async () => {
    const unknown = resolveEndpoint({ context: "nope", env: {}, home: world.home });
    await expect(unknown).rejects.toMatchObject({ code: "DOCKER_UNREACHABLE" });
  });

  it("takes TLS files and SkipTLSVerify from the context", async () => {
    const cfg = await context("tls", { Host: "tcp://h:2376", SkipTLSVerify: true }, true);
    const endpoint = await resolveEndpoint({
      context: "tls",
      env: { DOCKER_CONFIG: cfg },
      home: world.home,
    });
    expect(endpoint.options).toMatchObject({ protocol: "https", rejectUnauthorized: false });
    expect(String(endpoint.options.ca)).toBe("ca.pem of tls");
  });

  it("takes DOCKER_TLS_VERIFY and DOCKER_CERT_PATH as docker does", async () => {
    await world.write("certs/ca.pem", "the ca");
    const env = {
      DOCKER_HOST: "tcp://h",
      DOCKER_TLS_VERIFY: "1",
      DOCKER_CERT_PATH: join(world.cwd, "certs"),
    };
    const { options } = await resolveEndpoint({ env, home: world.home });
    expect(options).toMatchObject({ protocol: "https", port: 2376, rejectUnauthorized: true });
    expect(String(options.ca)).toBe("the ca");
  });
});
