/** Forms of docker's flags that not every engine has: shown where they are, refused where not. */
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { beforeEach, expect, it } from "vitest";

import { engineVersion } from "../engine/current.ts";
import type { World } from "../support/temp.ts";
import { attempt, BASE, built, dockerfile, worldWithImage } from "./build-harness.ts";
import { git, gitServer } from "./git-server.ts";

const TAG = `smtest-forms-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

it("-f https://…: the Dockerfile comes from there, the files from here", async () => {
  await world.write("file", "here");
  const server = createServer((_request, response) => {
    response.end(`FROM ${BASE}\nCOPY file /file\nRUN echo "found $(cat /file)"\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const { log } = await built(world, { dockerfile: `http://127.0.0.1:${port}/any/name` });
    expect(log).toContain("found here");
  } finally {
    server.close();
  }
});

it("a git address with a query", async () => {
  const work = join(world.root, "work-tree");
  const served = join(world.root, "served");
  await mkdir(join(work, "sub"), { recursive: true });
  await mkdir(served);
  await world.write("../work-tree/sub/Dockerfile", `FROM ${BASE}\nRUN echo from-the-query\n`);
  await git(work, "init", "-q", "-b", "master");
  await git(work, "checkout", "-q", "-b", "other");
  await git(work, "add", "-A");
  await git(work, "commit", "-q", "-m", "one");
  await git(served, "clone", "-q", "--bare", work, "repo.git");
  await using server = await gitServer(served);
  const context = `${server.url}/repo.git?branch=other&subdir=sub`;
  const { error, log } = await attempt(world, { context });
  if ((await engineVersion()).atLeast(28, 5)) {
    expect([error, log]).toEqual([null, expect.stringContaining("from-the-query")]);
  } else {
    expect(error).toMatchObject({
      code: "DOCKER_TOO_OLD",
      message: expect.stringMatching(/^engine \d\S+ is too old for a git address with a query$/),
    });
  }
});

it("--cgroup-parent", async () => {
  await dockerfile(world, "RUN cat /proc/self/cgroup");
  const { error, log } = await attempt(world, { cgroupParent: "smtestgroup" });
  if ((await engineVersion()).atLeast(23, 0)) {
    expect([error, log]).toEqual([null, expect.stringContaining("/smtestgroup/")]);
  } else {
    expect(error).toMatchObject({
      code: "DOCKER_TOO_OLD",
      message: expect.stringMatching(/^engine \d\S+ is too old for --cgroup-parent$/),
    });
  }
});

it("BUILDX_NO_DEFAULT_LOAD: no image unless one is asked for", async () => {
  await dockerfile(world, "RUN echo ran");
  const env = { BUILDX_NO_DEFAULT_LOAD: "1" };
  const without = await built(world, { env });
  expect([without.result.imageId, without.log]).toEqual(["", "ran"]);
  const loaded = await built(world, { env, load: true, tags: [TAG] });
  expect(loaded.result.imageId).toMatch(/^sha256:/);
});

it("a cache that no engine has is refused with its name", async () => {
  await dockerfile(world, "RUN true");
  const { error, events } = await attempt(world, { cacheFrom: ["type=s3,bucket=x,region=y"] });
  expect(error).toMatchObject({
    code: "DOCKER_TOO_OLD",
    message: expect.stringMatching(/^engine \d\S+ can't do --cache-from type=s3$/),
  });
  expect(events.filter(({ kind }) => kind === "step")).toEqual([]);
});
