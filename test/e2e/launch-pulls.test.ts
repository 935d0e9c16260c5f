import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { deliver } from "../../src/run/launcher/deliver.ts";
import { launch } from "../../src/run/launcher/launch.ts";
import { Secret } from "../../src/secret/secret.ts";
import { dockerCli } from "../engine/current.ts";
import { canary } from "../support/canary.ts";
import { dockerConfig, isThere, publish, pullApp, type PullApp } from "./pull-harness.ts";
import { pushRegistry, type PushRegistry } from "./push-registry.ts";
import { ENV, secret, sweep, theEngine } from "./run-harness.ts";

/** The launchers' pulls: with logins from the places where the command line finds them. */

const password = canary("pull");

let registry: PushRegistry;
let image: string;
beforeAll(async () => {
  registry = await pushRegistry(password);
  image = `${registry.host}/smtest/launch-pulls:1`;
  await publish(image, dockerConfig(registry.host, registry.username, password), "one");
});
afterAll(async () => registry[Symbol.asyncDispose]());

let app: PullApp;
beforeEach(async () => {
  app = await pullApp();
  onTestFinished(async () => {
    await sweep();
    await dockerCli(["rmi", "-f", image]);
    await app[Symbol.asyncDispose]();
  });
});

/** Logins from one of the places; the other one has a wrong login, or none. */
const PLACES: Readonly<Record<string, () => Promise<object>>> = {
  async "[registries]"() {
    await app.addSlot(registry.host, registry.username, password);
    await app.docker(dockerConfig(registry.host, registry.username, "wrong"));
    return {};
  },
  async "docker's own"() {
    await app.docker(dockerConfig(registry.host, registry.username, password));
    return {};
  },
  async "the caller's"() {
    await app.addSlot(registry.host, registry.username, "wrong");
    const login = { username: registry.username };
    const credentials = async (): Promise<object> => ({
      ...login,
      secret: Secret.take("password", Buffer.from(password)),
    });
    return { auth: { credentials } };
  },
};

async function surroundings(): Promise<Parameters<typeof launch>[0]> {
  const { cwd, env, home } = app.world;
  return { image, cwd, env: { ...env, ...ENV }, home, engine: await theEngine() };
}

describe.each(Object.keys(PLACES))("a login of %s", (place) => {
  it("lets launch pull", async () => {
    const own = await PLACES[place]?.();
    const { containerId } = await launch({ ...(await surroundings()), ...own });
    await dockerCli(["rm", "-f", containerId]);
    expect(await isThere(image)).toBe(true);
  });

  it("lets deliver pull", async () => {
    const own = await PLACES[place]?.();
    const { image: Image, ...places } = await surroundings();
    await using delivery = await deliver({ ...places, ...own, options: { Image } });
    expect(delivery.variables).toEqual([]);
    expect(await isThere(image)).toBe(true);
  });
});

describe("deliver with values of the caller's", () => {
  it("knows no slot of a manifest, but docker's own logins", async () => {
    await app.addSlot(registry.host, registry.username, password);
    const { image: Image, ...places } = await surroundings();
    const wanted = { ...places, options: { Image }, secrets: [secret("A", canary())] };
    await expect(deliver(wanted)).rejects.toMatchObject({ code: "REGISTRY_LOGIN" });
    expect(await isThere(image)).toBe(false);
    await app.docker(dockerConfig(registry.host, registry.username, password));
    await using delivery = await deliver({ ...wanted, variables: "plain" });
    expect(delivery.variables).toEqual(["A"]);
    expect(await isThere(image)).toBe(true);
  });

  it("pulls nothing with `pull: never`", async () => {
    await app.docker(dockerConfig(registry.host, registry.username, password));
    const { image: Image, ...places } = await surroundings();
    const wanted = { ...places, pull: "never", options: { Image }, secrets: [] } as const;
    await expect(deliver(wanted)).rejects.toMatchObject({ code: "IMAGE_MISSING" });
  });
});
