import { chmod, mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "vitest";

import { dockerCli, dockerOut } from "../engine/current.ts";
import type { World } from "../support/temp.ts";
import { attempt, BASE, built, dockerfile, theEngine, worldWithImage } from "./build-harness.ts";

const TAG = `smtest-context-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

describe("the context", () => {
  it("arrives with modes, links, long names and content; what is ignored does not", async () => {
    const long = "x".repeat(150);
    await world.write("bin/run.sh", "#!/bin/sh\necho ran\n", 0o755);
    await world.write(`d/${long}/日本語`, "content");
    await world.write("big", Buffer.alloc(20_000_000, 7));
    await world.write("node_modules/x", "no");
    await world.write(".env", "no");
    await world.write(".dockerignore", "node_modules\n.env\n");
    await symlink("../big", join(world.cwd, "d/link"));
    await mkdir(join(world.cwd, "empty"));
    await chmod(join(world.cwd, "empty"), 0o1777);
    await dockerfile(
      world,
      "COPY . /ctx",
      "RUN test ! -e /ctx/node_modules && test ! -e /ctx/.env && /ctx/bin/run.sh",
      `RUN test "$(cat /ctx/d/${long}/日本語)" = content && test "$(readlink /ctx/d/link)" = ../big`,
      `RUN test "$(stat -c %a:%u:%g /ctx/empty)" = 1777:0:0 && test "$(stat -c %s /ctx/big)" = 20000000`,
    );
    expect((await attempt(world)).error).toBeNull();
  });

  it("the same files give a cache hit, a changed one does not", async () => {
    await world.write("a", "1");
    await dockerfile(world, "COPY a /a", "RUN cat /a");
    const first = await built(world);
    const second = await built(world, { noCache: false });
    expect(second.result.imageId).toBe(first.result.imageId);
    await world.write("a", "2");
    expect((await built(world, { noCache: false })).result.imageId).not.toBe(first.result.imageId);
  });

  it("a Dockerfile from outside, a linked one, and one that is ignored", async () => {
    await world.write("app/file", "x");
    await world.write("app/.dockerignore", "Dockerfile");
    await world.write("app/Dockerfile", `FROM ${BASE}\nCOPY file /inside\n`);
    await world.write("outside/Dockerfile", `FROM ${BASE}\nCOPY file /outside\n`);
    await symlink("../outside/Dockerfile", join(world.cwd, "app/Linked"));
    for (const file of [undefined, "outside/Dockerfile", "app/Linked"]) {
      const { error } = await attempt(world, { context: "app", dockerfile: file });
      expect(error).toBeNull();
    }
  });

  it("a file that can't be read stops the build, and its path is named", async () => {
    await dockerfile(world, "COPY . /x");
    await world.write("deep/down", "x");
    await mkdir(join(world.cwd, "a"));
    // a name that is not UTF-8 can't be sent by anybody, root or not
    await mkdir(Buffer.concat([Buffer.from(`${world.cwd}/a/`), Buffer.from([0xff])]));
    const { error } = await attempt(world);
    expect(error).toMatchObject({ code: "BUILD_CONTEXT", exitCode: 7 });
  });
});

describe("docker's flags", () => {
  it("-t twice, --label, --build-arg, --target, --platform, --network, --add-host, --no-cache", async () => {
    const arch = (await theEngine()).version.arch;
    await world.write(
      "Dockerfile",
      [
        `FROM ${BASE} AS wanted`,
        "ARG ONE=default",
        "ARG TWO=default",
        "ARG THREE=default",
        'RUN test "$ONE:$TWO:$THREE" = given:from-env:default',
        "RUN grep -q '1.2.3.4.*cats.example' /etc/hosts",
        'RUN test "$(ls /sys/class/net)" = lo',
        "FROM wanted",
        "RUN false",
        "",
      ].join("\n"),
    );
    const { result } = await built(world, {
      tags: [`${TAG}:1`, `${TAG}:2`],
      labels: ["a=b c", "flag"],
      buildArgs: ["ONE=given", "TWO", "THREE"],
      env: { TWO: "from-env" },
      target: "wanted",
      platform: `linux/${arch}`,
      addHosts: ["cats.example:1.2.3.4"],
      network: "none",
      noCache: true,
    });
    for (const tag of result.tags) {
      const image = await (await theEngine()).inspectImage(tag);
      expect(image?.Id).toBe(result.imageId);
      expect(image?.Config?.Labels).toMatchObject({ a: "b c", flag: "" });
      await dockerOut(["rmi", tag]);
    }
  });

  it("--pull asks the registry, which has no such image", async () => {
    await world.write("Dockerfile", "FROM localhost:1/smtest:1\n");
    expect((await attempt(world, { pull: true })).error).toMatchObject({ code: "BUILD_FAILED" });
  });
});

/** Trees of files and ignore files that are easy to get wrong. */
const IGNORES: readonly string[] = [
  "*\n!keep*",
  "**/*.log\n!a/**/keep.log",
  "a\n!a/b\na/b/c",
  "a/*\n!a/b",
  "a/**\n!a/b/c",
  "/a/b\n./b/\nc/../d",
  "[ab]\n!b/x.log",
  "?\n!d",
  "*.log\n*/*.log\n!**/keep.log",
  "**\n!b/**",
  "**/b",
  "**b*",
  "a**\n!a\\+b",
  "# c\n  d  \n!d/e",
  "*/**/x.log",
  "[!a]*\n[^d]",
  "a/b/../b\n!a/b/c/",
  "!a\n*\n!**/c/**",
];

describe("ignore files mean what they mean to docker", () => {
  // buildx sends a context with BuildKit's own code, so what arrives is the reference
  it("on a tree with every trap", { timeout: 120_000 }, async () => {
    const files = [
      "keep1",
      "x.log",
      "a+b",
      "d/e",
      "d/x.log",
      "b/x.log",
      "b/keep.log",
      "cb/x",
      "!x",
    ];
    for (const folder of ["a", "a/b", "a/b/c", "c/a/b"]) {
      files.push(`${folder}/x.log`, `${folder}/keep.log`, `${folder}/f`);
    }
    for (const file of files) await world.write(`ctx/${file}`, "");
    await world.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    for (const patterns of IGNORES) {
      await world.write("Dockerfile.dockerignore", patterns);
      expect({ patterns, sent: await sentByUs() }).toEqual({
        patterns,
        sent: await sentByBuildx(),
      });
    }
  });

  async function sentByUs(): Promise<string[]> {
    const out = join(world.root, "ours");
    const more = { context: "ctx", dockerfile: "Dockerfile", outputs: [out], noCache: false };
    const { error } = await attempt(world, more);
    // nothing left to copy
    if (error !== null)
      expect(error).toMatchObject({ message: expect.stringContaining("no such") });
    const found = await readdir(out, { recursive: true }).catch(() => []);
    await rm(out, { recursive: true, force: true });
    return found.toSorted();
  }

  async function sentByBuildx(): Promise<string[]> {
    const out = join(world.root, "out");
    const command = [
      "buildx",
      "build",
      "-q",
      "-f",
      "Dockerfile",
      "--output",
      `type=local,dest=${out}`,
      "ctx",
    ];
    const { code, stderr } = await dockerCli(command, { cwd: world.cwd });
    if (code !== 0 && !stderr.includes("no such file")) throw new Error(stderr);
    const found = await readdir(out, { recursive: true }).catch(() => []);
    await rm(out, { recursive: true, force: true });
    return found.toSorted();
  }
});
