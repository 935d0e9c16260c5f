import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { parsePublicKey } from "../../src/crypto/keypair.ts";
import { seal } from "../../src/crypto/seal.ts";
import { registryLogin } from "../../src/docker/registry-config.ts";
import { Secret } from "../../src/secret/secret.ts";
import type { AuthStore } from "../../src/session/auth/service.ts";
import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import type { World } from "../support/temp.ts";
import { attempt, built, dockerfile, worldWithImage } from "./build-harness.ts";
import { pushRegistry, type PushRegistry } from "./push-registry.ts";

const password = canary("push").replaceAll(/[^\w-]/g, "");

let registry: PushRegistry;
beforeAll(async () => {
  registry = await pushRegistry(password);
});
afterAll(async () => registry[Symbol.asyncDispose]());

let world: World;
let count = 0;
let name: string;
let tag: string;
beforeEach(async () => {
  name = `smtest/push${(count += 1)}`;
  tag = `${registry.host}/${name}:1`;
  world = await worldWithImage(tag);
  await dockerfile(world, `RUN echo ${name} > /made`);
});

const login = (value: string): AuthStore => ({
  credentials: async (host) =>
    host === registry.host
      ? { username: registry.username, secret: Secret.take("password", Buffer.from(value)) }
      : null,
});

const isContainerd = (): boolean => testEngine().variant.endsWith("containerd");

/** `docker run` of what the registry has, by the manifest's digest: it is whole. */
async function ran(digest: string | null): Promise<string> {
  const reference = `${registry.host}/${name}@${digest}`;
  const config = await world.write("../config/config.json", dockerConfig(password));
  const env = { DOCKER_CONFIG: dirname(config) };
  await dockerOut(["pull", "-q", reference], { env });
  try {
    return await dockerOut(["run", "--rm", "--network=none", reference, "cat", "/made"]);
  } finally {
    await dockerCli(["rmi", "-f", reference]);
  }
}

function dockerConfig(value: string): string {
  const auth = Buffer.from(`${registry.username}:${value}`).toString("base64");
  return JSON.stringify({ auths: { [registry.host]: { auth } } });
}

describe("--push to a registry", () => {
  it("has the image there, under its tag and by its digest", async () => {
    const { result } = await built(world, { tags: [tag], push: true, auth: login(password) });
    const digest = await registry.digest(name, "1");
    if (isContainerd()) expect(digest).toBe(result.imageId);
    expect(result.metadata.get("containerimage.digest")).toBe(digest);
    // by which the engine knows it
    expect(await dockerOut(["image", "inspect", "-f", "{{.Id}}", tag])).toBe(result.imageId);
    await dockerCli(["rmi", "-f", tag]);
    expect(await ran(digest)).toBe(name);
  });

  it.each([
    [
      "type=image,push=true",
      (image: string) => ({ outputs: [`type=image,name=${image},push=true`] }),
    ],
    ["type=registry", (image: string) => ({ outputs: ["type=registry"], tags: [image] })],
  ])("--output %s", async (_name, flags) => {
    const auth = login(password);
    const { error } = await attempt(world, { ...flags(tag), auth });
    expect(error).toBeNull();
    expect(await registry.digest(name, "1")).toMatch(/^sha256:/);
  });

  it("takes docker's own login", async () => {
    const file = await world.write("../config/config.json", dockerConfig(password));
    const env = { DOCKER_CONFIG: dirname(file) };
    const auth: AuthStore = {
      credentials: async (host) => registryLogin(host, { env, home: world.home }),
    };
    expect((await attempt(world, { tags: [tag], push: true, auth })).error).toBeNull();
    expect(await registry.digest(name, "1")).toMatch(/^sha256:/);
  });

  it.each<[string, (() => AuthStore) | undefined]>([
    ["wrong password", () => login("wrong")],
    ["login", undefined],
  ])("says that the registry refused, without the right %s", async (_what, auth) => {
    const { error } = await attempt(world, { tags: [tag], push: true, auth: auth?.() });
    expect(error).toMatchObject({
      code: "REGISTRY_LOGIN",
      exitCode: 6,
      message: expect.stringMatching(/^the image is built, but not pushed: .*(?:auth|401)/i),
      hint: expect.stringContaining(registry.host),
    });
    expect(leaksIn(JSON.stringify([error, String(error)]), [password])).toEqual([]);
    expect(await registry.digest(name, "1")).toBeNull();
  });

  it("a registry that is not there is no matter of logins", async () => {
    const gone = "127.0.0.1:1/smtest/push:1";
    onTestFinished(async () => void (await dockerCli(["rmi", "-f", gone])));
    const { error } = await attempt(world, { tags: [gone], push: true });
    expect(error).toMatchObject({ message: expect.stringMatching(/not pushed|refused/) });
    expect(error).not.toMatchObject({ code: "REGISTRY_LOGIN" });
  });
});

it("the command line takes the login of [registries], before docker's", async () => {
  const at = { cwd: world.cwd, env: { ...world.env, DOCKER_HOST: testEngine().host } };
  await sealmountOut(["init", "--app", "cats"], at);
  const manifest = join(world.cwd, "iterapp.toml");
  const text = await readFile(manifest, "utf8");
  const key = parsePublicKey(/smp1_[\w-]+/.exec(text)?.[0] ?? "");
  if (key === null) throw new Error("the new manifest has no key");
  const slot = `registries."${registry.host}"`;
  const place = { app: "cats", scope: "common", name: `${slot}.password` };
  const box = await seal(key, place, Secret.take("password", Buffer.from(password)));
  const lines = ["", `[${slot}]`, 'username = "bot"', `password = { encrypted = "${box}" }`, ""];
  await writeFile(manifest, `${text}${lines.join("\n")}`);
  await world.write("../home/.docker/config.json", dockerConfig("wrong"));
  const pushed = await sealmount(["build", "--push", "--network=none", "-t", tag, "."], at);
  expect(pushed).toMatchObject({ code: 0 });
  expect(leaksIn(pushed.bytes, [password])).toEqual([]);
  expect(await registry.digest(name, "1")).toMatch(/^sha256:/);

  await writeFile(manifest, text);
  const refused = await sealmount(["build", "--push", "--network=none", "-t", tag, "."], at);
  expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining("[REGISTRY_LOGIN]") });
  expect(refused.stderr).toContain(`docker login ${registry.host}`);
});
