import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";

import { pack as newPack } from "tar-stream";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { engineHost, engineVersion } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import type { World } from "../support/temp.ts";
import { attempt, BASE, built, secretsOf, worldWithImage } from "./build-harness.ts";
import { git, gitServer } from "./git-server.ts";

const TAG = `smtest-remote-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

/**
 * A bare repository `repo.git` with a branch; `master` is what 20.10 takes for the default one.
 *
 * @returns the folder to serve
 */
async function repository(): Promise<string> {
  const work = join(world.root, "checkout");
  const served = join(world.root, "served");
  await mkdir(join(work, "sub"), { recursive: true });
  await mkdir(served);
  await git(work, "init", "-q", "-b", "master");
  await writeFile(join(work, "Dockerfile"), `FROM ${BASE}\nCOPY file /top\n`);
  await writeFile(join(work, "file"), "top");
  await writeFile(join(work, "sub/Dockerfile"), `FROM ${BASE}\nCOPY file /below\n`);
  await writeFile(join(work, "sub/file"), "below");
  await git(work, "add", "-A");
  await git(work, "commit", "-q", "-m", "one");
  await git(work, "checkout", "-q", "-b", "branch");
  await writeFile(join(work, "sub/file"), "below on the branch");
  await git(work, "commit", "-q", "-am", "two");
  await git(work, "checkout", "-q", "master");
  await git(served, "clone", "-q", "--bare", work, "repo.git");
  return served;
}

/** A file of the image, by a second stage that tests it: nothing else tells so much at once. */
async function holds(context: string, check: string, more: object = {}): Promise<unknown> {
  const { result } = await built(world, { context, tags: [TAG], ...more });
  expect(result.tags).toEqual([TAG]);
  await world.write("look/Dockerfile", `FROM ${TAG}\nRUN ${check}\n`);
  return (await attempt(world, { context: "look" })).error;
}

/** BuildKit of 20.10 reads the whole repository or nothing. */
async function knowsFolders(): Promise<boolean> {
  return (await engineVersion()).atLeast(23, 0);
}

describe("a git context", () => {
  it("by branch and folder, by branch, and by itself", async () => {
    await using server = await gitServer(await repository());
    const url = `${server.url}/repo.git`;
    // -f is a path in it
    expect(await holds(`${url}#branch`, "test -e /top", { dockerfile: "Dockerfile" })).toBeNull();
    expect(await holds(url, 'test "$(cat /top)" = top')).toBeNull();
    if (!(await knowsFolders())) {
      const { error } = await attempt(world, { context: `${url}#branch:sub` });
      expect(error).toMatchObject({ message: expect.stringContaining("subdir not supported") });
      return;
    }
    const branch = 'test "$(cat /below)" = "below on the branch"';
    expect(await holds(`${url}#branch:sub`, branch)).toBeNull();
    expect(await holds(`${url}#:sub`, 'test "$(cat /below)" = below')).toBeNull();
  });

  it("a branch or repository that is not there is a failed build", async () => {
    await using server = await gitServer(await repository());
    for (const context of [`${server.url}/repo.git#nope`, `${server.url}/nope.git`]) {
      const { error } = await attempt(world, { context });
      expect(error).toMatchObject({ exitCode: 7 });
    }
  });

  it("on the command line", async () => {
    await using server = await gitServer(await repository());
    const env = { ...world.env, DOCKER_HOST: engineHost() };
    const context = `${server.url}/repo.git#branch`;
    await sealmountOut(["init", "--app", "cats"], { cwd: world.cwd, env });
    const ran = await sealmount(["build", "-q", "-t", TAG, context], { cwd: world.cwd, env });
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sha256:/) });
  });

  it("DO6: of a private repository, with a token that is a build secret", async () => {
    const token = canary("git").replaceAll(/[^\w-]/g, "");
    await using server = await gitServer(await repository(), `x-access-token:${token}`);
    const context = `${server.url}/repo.git#branch`;
    expect((await attempt(world, { context })).error).toMatchObject({ exitCode: 7 });
    const secrets = secretsOf({ GIT_AUTH_TOKEN: token });
    const { error, events, result } = await attempt(world, { context, secrets });
    expect(error).toBeNull();
    expect(result?.opened.get("GIT_AUTH_TOKEN")).toBeGreaterThan(0);
    expect(server.logins).toContain(`x-access-token:${token}`);
    expect(leaksIn(JSON.stringify(events), [token])).toEqual([]);
  });
});

describe("an http context", () => {
  async function served(files: Readonly<Record<string, Buffer | string>>): Promise<string> {
    const server = createServer((request, response) => {
      const body = files[(request.url ?? "").slice(1)];
      response.writeHead(body === undefined ? 404 : 200).end(body ?? "");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it("a tarball, compressed, with -f inside of it", async () => {
    const pack = newPack();
    pack.entry({ name: "deep/D" }, `FROM ${BASE}\nCOPY file /got\n`);
    pack.entry({ name: "file" }, TAG);
    pack.finalize();
    const url = await served({ "context.tar.gz": gzipSync(await buffer(pack)) });
    const o = { dockerfile: "deep/D" };
    expect(await holds(`${url}/context.tar.gz`, `test "$(cat /got)" = ${TAG}`, o)).toBeNull();
  });

  it("a Dockerfile, which is all that there is", async () => {
    const url = await served({ "some.txt": `FROM ${BASE}\nRUN echo ${TAG} > /got\n` });
    expect(await holds(`${url}/some.txt`, `test "$(cat /got)" = ${TAG}`)).toBeNull();
    expect((await attempt(world, { context: `${url}/nope` })).error).toMatchObject({ exitCode: 7 });
  });
});
