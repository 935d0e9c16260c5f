import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { engineVersion } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import type { World } from "../support/temp.ts";
import { attempt, BASE, dockerfile, secretsOf, worldWithImage } from "./build-harness.ts";

/**
 * What people have in their folders and Dockerfiles without meaning to, on docker's own road. Names
 * that are not UTF-8 and files that change, shrink or vanish: filesync.test.ts. Ids that are not in
 * the manifest, values over 500 KiB, long pauses, faults in the Dockerfile: build.test.ts. That a
 * failed step's output is nowhere on the engine: leak-table.test.ts.
 */

const TAG = `smtest-bad-${process.pid}`;

let world: World;
beforeEach(async () => {
  world = await worldWithImage(TAG);
});

describe("a context with", () => {
  it.each([
    ["120 patterns", 120],
    ["3,000 patterns", 3_000],
  ])("%s in its ignore file, one of them with a comma and a space", async (_name, count) => {
    const patterns = Array.from({ length: count - 2 }, (_none, at) => `ignored-${at}`);
    await world.write(".dockerignore", [...patterns, "a, b", "!ignored-7", ""].join("\n"));
    for (const name of ["ignored-1", "ignored-7", "a, b", "a", "b"]) await world.write(name, name);
    const gone = ["ignored-1", "'a, b'"].map((name) => `test ! -e ${name}`);
    const there = ["ignored-7", "a", "b"].map((name) => `test -e ${name}`);
    await dockerfile(world, "COPY . /c", "WORKDIR /c", `RUN ${[...gone, ...there].join(" && ")}`);
    expect((await attempt(world)).error).toBeNull();
  });

  it("a FIFO and a socket: the build ends, and neither is waited for", async () => {
    execFileSync("mkfifo", [join(world.cwd, "fifo")]);
    const server = createServer().listen(join(world.cwd, "socket"));
    onTestFinished(() => void server.close());
    await world.write("file", "x");
    // the COPY of 20.10 leaves a FIFO out
    const pipe = (await engineVersion()).atLeast(23, 0) ? "-p" : "! -e";
    const step = `test ${pipe} /c/fifo && test -f /c/socket && test -f /c/file`;
    await dockerfile(world, "COPY . /c", `RUN ${step}`);
    expect((await attempt(world)).error).toBeNull();
  });
});

describe("a secret", () => {
  it("asked for twice in a step, and by two stages at a time", async () => {
    const value = canary("twice");
    const mounts = ["one", "two"].map((name) => `--mount=type=secret,id=v,target=/run/${name}`);
    const step = (name: string): string =>
      `RUN ${mounts.join(" ")} cmp /run/one /run/two && echo ${name} > /made`;
    await world.write(
      "Dockerfile",
      [
        ...["a", "b"].flatMap((name) => [`FROM ${BASE} AS ${name}`, step(name)]),
        `FROM ${BASE}`,
        "COPY --from=a /made /a",
        "COPY --from=b /made /b",
        "",
      ].join("\n"),
    );
    const { error, result } = await attempt(world, { secrets: secretsOf({ v: value }) });
    expect(error).toBeNull();
    expect(result?.opened.get("v")).toBe(4);
  });

  it("echoed by a step that fails: masked in what is shown, and in the error", async () => {
    const value = canary("echoed");
    const echo = "cat /run/secrets/v; base64 /run/secrets/v; cat /run/secrets/v >&2; exit 3";
    await dockerfile(world, `RUN --mount=type=secret,id=v ${echo}`);
    const encoded = Buffer.from(value).toString("base64");
    const { error, events } = await attempt(world, {
      secrets: secretsOf({ v: value }),
      mask: (text) => text.replaceAll(value, "***").replaceAll(encoded, "***"),
    });
    expect(error).toMatchObject({ code: "BUILD_FAILED", lines: expect.arrayContaining(["***"]) });
    expect(leaksIn(JSON.stringify([error, String(error), events]), [value])).toEqual([]);
  });
});
