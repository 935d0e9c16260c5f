/** RI20: a login that only a credential helper has, sealed once and used where there is none. */
import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";

import { dockerCli, engineHost } from "../engine/current.ts";
import { type ArgvWatch, watchArguments } from "../support/argv-watch.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount } from "../support/cli.ts";
import { findOnDisk } from "../support/disk.ts";
import type { Ran } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { dockerConfig, isThere, publish, pullApp, type PullApp } from "./pull-harness.ts";
import { pushRegistry, type PushRegistry } from "./push-registry.ts";
import { theEngine } from "./run-harness.ts";
import { tokenRegistry } from "./token-registry.ts";

const password = canary("helper");

let registry: PushRegistry;
let watch: ArgvWatch;
let image: string;
let older: World;
let since: string;
beforeAll(async () => {
  older = await makeWorld();
  since = await older.write("since", "");
  registry = await pushRegistry(password);
  image = `${registry.host}/smtest/import:1`;
  await publish(image, dockerConfig(registry.host, registry.username, password), "imported");
  watch = await watchArguments([password]);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await older[Symbol.asyncDispose]();
});

/** A machine whose docker has nothing but `credsStore`; the helper knows one login. */
async function machineWithHelper(host: string, username: string): Promise<PullApp> {
  const app = await pullApp();
  onTestFinished(async () => app[Symbol.asyncDispose]());
  await app.docker({ credsStore: "smtest" });
  const answer = JSON.stringify({ ServerURL: host, Username: username, Secret: password });
  const helper = [
    "#!/bin/sh",
    '[ "$1" = get ] && read -r server',
    `[ "$server" = '${host}' ] || { echo credentials not found in native keychain; exit 1; }`,
    `cat <<'END'\n${answer}\nEND`,
  ];
  await chmod(await app.world.write("bin/docker-credential-smtest", helper.join("\n")), 0o755);
  return app;
}

/** `sealmount import ARGS…` on that machine. */
async function importLogin(app: PullApp, ...args: string[]): Promise<Ran> {
  const { cwd, env } = app.world;
  const PATH = `${join(cwd, "bin")}:${env["PATH"]}`;
  const ran = await sealmount(["import", ...args], { cwd, env: { ...env, PATH } });
  expect(leaksIn(ran.bytes, [password])).toEqual([]);
  return ran;
}

/** From now on there is neither docker's config nor the helper, as on another machine. */
async function moveAway(app: PullApp): Promise<void> {
  await rm(join(app.world.home, ".docker"), { recursive: true });
  await rm(join(app.world.cwd, "bin"), { recursive: true });
}

it("RI20: import --docker-auth asks the helper, and a machine without docker's login pulls", async () => {
  const app = await machineWithHelper(registry.host, registry.username);
  onTestFinished(async () => void (await dockerCli(["rmi", "-f", image])));
  const before = await app.dockerFolder();
  const args = ["--docker-auth", registry.host];
  expect(await importLogin(app, ...args)).toMatchObject({ code: 0, stdout: "" });
  expect(await app.dockerFolder()).toEqual(before);
  expect(await importLogin(app, ...args)).toMatchObject({ code: 9 });
  expect(await importLogin(app, "--docker-auth", "other.example")).toMatchObject({ code: 6 });
  // the search finds it where it is, and not any more afterwards
  expect(await findOnDisk(app.world.root, [password], since)).toHaveLength(1);
  await moveAway(app);
  expect(await findOnDisk(app.world.root, [password], since)).toEqual([]);
  const ran = await app.run(["--pull", "always", image, "cat", "/label"]);
  expect(leaksIn(ran.bytes, [password])).toEqual([]);
  expect(ran).toMatchObject({ code: 0, stdout: "imported\n" });
  expect(await app.dockerFolder()).toEqual([]);
});

it("RI20: an identity token of the helper pulls by a slot without a user name", async () => {
  const { os, arch } = (await theEngine()).version;
  const o = { username: "bot", password: "unused", identity: password, os, arch };
  await using tokens = await tokenRegistry(o);
  const private1 = `${tokens.host}/private/base:1`;
  onTestFinished(async () => void (await dockerCli(["rmi", "-f", private1])));
  const app = await machineWithHelper(tokens.host, "<token>");
  expect(await importLogin(app, "--docker-auth", tokens.host)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("sealed the identity token"),
  });
  await moveAway(app);
  // it is a scratch image, so the pull is all that works
  const ran = await app.run(["--pull", "always", private1, "true"], {
    env: { ...app.world.env, DOCKER_HOST: engineHost() },
  });
  expect(leaksIn(ran.bytes, [password])).toEqual([]);
  expect(ran).toMatchObject({ code: 127, stderr: expect.stringContaining("PROGRAM_NOT_FOUND") });
  expect(await isThere(private1)).toBe(true);
});

it("RI20: no process had the password among its arguments", async () => {
  expect(await watch.stop()).toEqual([]);
});
