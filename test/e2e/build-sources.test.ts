import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { Secret } from "../../src/secret/secret.ts";
import type { AuthStore, Credentials } from "../../src/session/auth/service.ts";
import { needsEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import type { World } from "../support/temp.ts";
import { attempt, BASE, secretsOf, worldWithImage } from "./build-harness.ts";
import { makeRepository, type SourceServer, sourceServer } from "./source-server.ts";

const TAG = `smtest-sources-${process.pid}`;

let world: World;
let token: string;
beforeEach(async () => {
  world = await worldWithImage(TAG);
  token = canary("token").replaceAll(/[^\w-]/g, "x");
});

/** A server with the repository `r.git`; its port is part of the host's name. */
async function server(accept: string): Promise<SourceServer> {
  const root = join(world.root, "git");
  await world.write("../source/Dockerfile", `FROM ${BASE}\nCOPY fetched /\n`);
  await world.write("../source/fetched", "fetched");
  await mkdir(root);
  await makeRepository({ root, name: "r", folder: join(world.root, "source") });
  const started = await sourceServer({ accept, file: "fetched", repositories: root });
  onTestFinished(async () => started[Symbol.asyncDispose]());
  return started;
}

interface Store extends AuthStore {
  readonly asked: string[];
}

function store(logins: Readonly<Record<string, string>>, username = ""): Store {
  const asked: string[] = [];
  return {
    asked,
    async credentials(host): Promise<Credentials | null> {
      asked.push(host);
      const value = logins[host];
      if (value === undefined) return null;
      return { username, secret: Secret.take(`git."${host}".token`, Buffer.from(value)) };
    },
  };
}

function basic(username: string): string {
  return `basic ${Buffer.from(`${username}:${token}`).toString("base64")}`;
}

describe('[git."HOST"]', () => {
  it.for([
    ["a token alone", "", "x-access-token"],
    ["a user name and a token", "bot", "bot"],
  ] as const)("%s opens a git context of that host", async ([, username, sent]) => {
    const git = await server(basic(sent));
    const host = `127.0.0.1:${git.port}`;
    const sourceAuth = store({ [host]: token }, username);
    const made = await attempt(world, {
      context: `http://${host}/r.git#main`,
      tags: [TAG],
      sourceAuth,
    });
    expect(made.error).toBeNull();
    expect(git.logins).toContain(basic(sent));
    expect(new Set(sourceAuth.asked)).toEqual(new Set([host]));
    const warnings = made.result?.warnings.filter((text) => text.includes("argument of git"));
    expect(warnings).toHaveLength(1);
    expect(made.events.filter(({ kind }) => kind === "opened").length).toBeGreaterThan(0);
    expect(leaksIn(JSON.stringify([...made.events, made.result]), [token])).toEqual([]);
  });

  it("another host, or the same on another port, never gets the token", async () => {
    const git = await server("nobody");
    const others = { "127.0.0.1": token, "127.0.0.1:1": token, [`127.0.0.1:${git.port}0`]: token };
    const sourceAuth = store(others);
    const context = `http://127.0.0.1:${git.port}/r.git#main`;
    const made = await attempt(world, { context, tags: [TAG], sourceAuth });
    expect(made.error).toMatchObject({ code: "BUILD_FAILED" });
    expect(git.logins.filter((login) => login !== "")).toEqual([]);
    expect(made.events.filter(({ kind }) => kind === "opened")).toEqual([]);
  });

  it("a token of the plain id is for any host, and served by name only", async () => {
    const git = await server(basic("x-access-token"));
    const context = `http://127.0.0.1:${git.port}/r.git#main`;
    const secrets = secretsOf({ GIT_AUTH_TOKEN: token });
    const made = await attempt(world, { context, tags: [TAG], secrets });
    expect(made.error).toBeNull();
    expect(made.result?.opened.get("GIT_AUTH_TOKEN")).toBeGreaterThan(0);
    expect(made.result?.warnings.join()).toContain("GIT_AUTH_TOKEN becomes an argument of git");
  });

  it.for([
    ["a token alone", "", "Bearer"],
    ["a user name and a token", "bot", "basic"],
  ] as const)("%s opens ADD of a file of that host, no other", async ([, username, scheme], on) => {
    await needsEngine(on, [28, 0], "logins for ADD https://");
    const accept = scheme === "Bearer" ? `Bearer ${token}` : basic("bot");
    const web = await server(accept);
    const build = async (host: string): ReturnType<typeof attempt> => {
      await world.write(
        "Dockerfile",
        `FROM ${BASE}\nADD http://${host}:${web.port}/file-${host} /file\n`,
      );
      const sourceAuth = store({ "127.0.0.1": token }, username);
      return attempt(world, { tags: [TAG], sourceAuth });
    };
    const made = await build("127.0.0.1");
    expect(made.error).toBeNull();
    expect(made.result?.warnings).toEqual([]);
    const before = web.logins.length;
    expect(web.logins).toContain(accept);
    expect((await build("localhost")).error).toMatchObject({ code: "BUILD_FAILED" });
    expect(web.logins.slice(before).filter((login) => login !== "")).toEqual([]);
  });

  it("nothing that is said of a refused login holds it", async (on) => {
    await needsEngine(on, [23, 0], "ADD of a repository");
    const git = await server("nobody");
    const host = `127.0.0.1:${git.port}`;
    await world.write("Dockerfile", `FROM ${BASE}\nADD http://${host}/r.git /r\n`);
    const made = await attempt(world, { tags: [TAG], sourceAuth: store({ [host]: token }) });
    expect(made.error).not.toBeNull();
    expect(git.logins).toContain(basic("x-access-token"));
    expect(leaksIn(JSON.stringify(made.events) + String(made.error), [token])).toEqual([]);
  });
});
