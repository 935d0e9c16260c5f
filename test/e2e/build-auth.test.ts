import { createHash } from "node:crypto";

import { expect, it } from "vitest";

import { UnsealError } from "../../src/errors.ts";
import { Secret } from "../../src/secret/secret.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { attempt, BASE, theEngine, type Attempt } from "./build-harness.ts";
import { imageRegistry } from "./image-registry.ts";

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
