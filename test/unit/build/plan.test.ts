import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { planBuild } from "../../../src/build/build.ts";
import { readInputs } from "../../../src/build/inputs.ts";
import type { BuildRequest } from "../../../src/build/options.ts";
import type { BuildPlan } from "../../../src/build/plan.ts";
import { buildQuery } from "../../../src/build/query.ts";
import { StandardInput } from "../../../src/build/standard-input.ts";
import { makeWorld, type World } from "../../support/temp.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  const made = world;
  onTestFinished(async () => made[Symbol.asyncDispose]());
});

const request = (more: Partial<BuildRequest> = {}): BuildRequest => ({
  context: ".",
  cwd: world.cwd,
  env: {},
  ...more,
});

async function plan(
  dockerfile: string,
  ids: string[],
  more: Partial<BuildRequest> = {},
): Promise<BuildPlan> {
  await world.write("Dockerfile", dockerfile);
  return planBuild(request(more), ids);
}

describe("the plan", () => {
  it("has names only: no value of a build argument or label", async () => {
    const made = await plan("FROM a\n", [], {
      tags: ["cats:1", "cats:2"],
      buildArgs: ["TOKEN=canary-19fa", "PLAIN"],
      labels: ["a=canary-19fb", "b"],
      target: "t",
      platform: "linux/amd64",
      network: "none",
      addHosts: ["h:1.2.3.4"],
      noCache: true,
      pull: true,
    });
    expect(made).toEqual({
      context: ".",
      dockerfile: "Dockerfile",
      ignoreFile: null,
      tags: ["cats:1", "cats:2"],
      target: "t",
      platform: "linux/amd64",
      network: "none",
      addHosts: ["h:1.2.3.4"],
      noCache: true,
      pull: true,
      buildArgs: ["TOKEN", "PLAIN"],
      labels: ["a", "b"],
      buildContexts: [],
      outputs: [{ type: "moby", destination: null, push: false }],
      secretFlags: [],
      ssh: [],
      record: false,
      secrets: [],
      secretsKnown: true,
      unknownIdLines: [],
      warnings: [],
    });
    expect(JSON.stringify(made)).not.toContain("canary");
  });

  it("shows no login of a URL and no value of a flag", async () => {
    const made = await planBuild(
      request({
        context: "https://bot:canary-1@example.com/cats.git",
        secretFlags: ["id=token,src=canary-file"],
        ssh: ["default=/canary-socket"],
        outputs: ["type=local,dest=out"],
      }),
      [],
    );
    expect(made).toMatchObject({
      context: "https://example.com/cats.git",
      secretFlags: ["token"],
      ssh: ["default"],
      outputs: [{ type: "local", destination: "out", push: false }],
    });
    expect(JSON.stringify(made)).not.toContain("canary");
  });

  it.each<[string, Partial<BuildRequest>]>([
    ["--build-arg", { buildArgs: ["=canary-2"] }],
    ["--secret", { secretFlags: ["canary-2"] }],
    ["--secret", { secretFlags: ["id=a,value=canary-2"] }],
    ["--build-context", { buildContexts: ["canary-2"] }],
    ["--annotation", { annotations: ["canary-2"] }],
    ["--ulimit", { ulimits: ["canary-2"] }],
    ["--output", { outputs: ["type=canary-2"] }],
    ["--cache-from", { cacheFrom: ["type=,canary-2"] }],
  ])("does not repeat what %s can't take: %j", async (flag, more) => {
    await world.write("Dockerfile", "FROM a\n");
    const error: unknown = await planBuild(request(more), []).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "USAGE", message: `${flag} can't take that value` });
  });

  it("IT14: lists what the Dockerfile asks for, quoted and dashed ids too", async () => {
    const text =
      "FROM a\nRUN --mount=type=secret,id=your-build-secret-id x\n" +
      "RUN --mount=type=secret,id=other,required x\nRUN --mount=type=secret,id=$V x\n";
    expect(await plan(text, ["your-build-secret-id", "other", "unused"])).toMatchObject({
      secrets: [
        { id: "your-build-secret-id", line: 2, required: false, declared: true },
        { id: "other", line: 3, required: true, declared: true },
      ],
      unknownIdLines: [4],
      warnings: [],
    });
  });

  it("IX29: a required id that the manifest lacks is an error with file, line and command; all at once", async () => {
    const text =
      "FROM a\nRUN --mount=type=secret,id=one,required \\\n  --mount=type=secret,id=two,required=true x\n";
    await expect(plan(text, ["other"])).rejects.toMatchObject({
      code: "SECRET_MISSING",
      exitCode: 3,
      place: { file: "Dockerfile", line: 2 },
      hint: "sealmount set one --build",
      issues: [{ place: { line: 2 } }, { place: { line: 3 }, hint: "sealmount set two --build" }],
    });
  });

  it("the line of the mount that requires counts, not that of an optional one before", async () => {
    const text =
      "FROM a\nRUN --mount=type=secret,id=t x\nRUN --mount=type=secret,id=t,required y\n";
    await expect(plan(text, [])).rejects.toMatchObject({ place: { line: 3 } });
  });

  it("an optional id that the manifest lacks is a warning", async () => {
    const { warnings } = await plan("FROM a\nRUN --mount=type=secret,id=t x\n", []);
    expect(warnings).toEqual([
      "Dockerfile:2: build secret t is not in [build_secrets]: the step runs without it " +
        "(sealmount set t --build)",
    ]);
  });

  it.each([
    [
      "a stage that is not built",
      "FROM a AS x\nRUN --mount=type=secret,id=t,required x\nFROM b\n",
      undefined,
    ],
    [
      "a stage after the target",
      "FROM a AS x\nFROM b\nRUN --mount=type=secret,id=t,required x\n",
      "x",
    ],
    ["an ONBUILD", "FROM a\nONBUILD RUN --mount=type=secret,id=t,required x\n", undefined],
  ])("%s needs no secret", async (_name, text, target) => {
    expect((await plan(text, [], { target })).secrets).toEqual([]);
  });

  it("shows a hostile id harmlessly", async () => {
    const { warnings } = await plan("FROM a\nRUN --mount=type=secret,id=\u001b[2J x\n", []);
    expect(warnings[0]).not.toContain("\u001b");
  });
});

describe("the files of a build", () => {
  it("takes dockerfile where there is no Dockerfile", async () => {
    await world.write("dockerfile", "FROM a");
    expect((await readInputs(request())).dockerfile.name).toBe("dockerfile");
  });

  it("counts -f from the working directory, also outside of the context", async () => {
    await world.write("app/x", "");
    await world.write("app/docker/Dockerfile", "FROM in");
    await world.write("other/Docker.file", "FROM out");
    const inside = await readInputs(
      request({ context: "app", dockerfile: "app/docker/Dockerfile" }),
    );
    expect(inside.dockerfile).toMatchObject({ name: "Dockerfile", shown: "app/docker/Dockerfile" });
    const outside = await readInputs(request({ context: "app", dockerfile: "other/Docker.file" }));
    expect(outside.dockerfile.name).toBe("Docker.file");
    expect(String(outside.dockerfile.content)).toBe("FROM out");
  });

  it("follows a linked Dockerfile: the engine could not", async () => {
    await world.write("other/Dockerfile", "FROM out");
    await mkdir(join(world.cwd, "app"));
    await symlink("../other/Dockerfile", join(world.cwd, "app/Dockerfile"));
    const inputs = await readInputs(request({ context: "app" }));
    expect(String(inputs.dockerfile.content)).toBe("FROM out");
  });

  it("knows what only the engine reads", async () => {
    for (const context of ["https://example.org/x.git", "git@example.org:x", "github.com/a/b"]) {
      const inputs = await readInputs(request({ context, dockerfile: "sub/D" }));
      expect(inputs.context).toEqual({ kind: "reference", value: context });
      expect(inputs.dockerfile).toMatchObject({ name: "sub/D", content: null });
    }
    const made = await planBuild(request({ context: "https://example.org/x.git" }), ["a"]);
    expect(made).toMatchObject({ secretsKnown: false, secrets: [] });
  });

  it("reads stdin once, as a Dockerfile or as a tar", async () => {
    const stdin = (text: string): StandardInput =>
      new StandardInput(Readable.from([Buffer.from(text)]));
    const alone = request({ context: "-", stdin: stdin("FROM in") });
    for (let twice = 0; twice < 2; twice += 1) {
      const { context, dockerfile } = await readInputs(alone);
      expect([context.kind, String(dockerfile.content)]).toEqual(["empty", "FROM in"]);
    }
    const both = request({ context: "-", dockerfile: "-", stdin: stdin("") });
    await expect(readInputs(both)).rejects.toMatchObject({ code: "USAGE_CONFLICT" });
    const other = request({ context: "-", dockerfile: "D", stdin: stdin("FROM in") });
    await expect(readInputs(other)).rejects.toMatchObject({ code: "USAGE_CONFLICT" });
    await expect(readInputs(request({ context: "-" }))).rejects.toMatchObject({ code: "USAGE" });
    const gzip = stdin("\u001f\u008b\b".padEnd(600, "x"));
    await world.write("x", "");
    expect(await new StandardInput(Readable.from([Buffer.from("1f8b08", "hex")])).isArchive()).toBe(
      true,
    );
    expect(await gzip.isArchive()).toBe(false);
  });

  it("names contexts as docker does", async () => {
    await world.write("Dockerfile", "FROM a");
    await world.write("other/x", "");
    const { named } = await readInputs(
      request({
        buildContexts: [
          "docker.io/library/alpine:latest=other",
          "base=docker-image://busybox",
          "git=https://example.org/x.git",
        ],
      }),
    );
    expect([...named]).toEqual([
      ["alpine", { kind: "folder", root: join(world.cwd, "other") }],
      ["base", { kind: "reference", value: "docker-image://busybox" }],
      ["git", { kind: "reference", value: "https://example.org/x.git" }],
    ]);
    for (const text of ["x", "=y", "A B=other"])
      await expect(readInputs(request({ buildContexts: [text] }))).rejects.toMatchObject({
        code: "USAGE",
      });
    for (const text of ["x=nowhere", "x=Dockerfile", "x=oci-layout://other"])
      await expect(readInputs(request({ buildContexts: [text] }))).rejects.toMatchObject({
        code: "BUILD_CONTEXT",
      });
  });

  it("prefers the Dockerfile's own ignore file", async () => {
    await world.write("Dockerfile", "FROM a");
    expect((await readInputs(request())).ignoreFile).toBeNull();
    await world.write(".dockerignore", "a");
    expect((await readInputs(request())).ignoreFile).toBe(".dockerignore");
    await world.write("Dockerfile.dockerignore", "b");
    const { ignoreFile, ignore } = await readInputs(request());
    expect(ignoreFile).toBe("Dockerfile.dockerignore");
    expect(ignore.patterns).toEqual(["b"]);
  });

  it.each([
    ["no context", { context: "nope" }, "BUILD_CONTEXT", /does not exist/],
    ["a file as context", { context: "file" }, "BUILD_CONTEXT", /is not a folder/],
    ["no Dockerfile", { context: "." }, "BUILD_DOCKERFILE", /Dockerfile/],
    ["a folder as Dockerfile", { dockerfile: "." }, "BUILD_DOCKERFILE", /can't read/],
    ["a huge Dockerfile", { dockerfile: "huge" }, "BUILD_DOCKERFILE", /limit/],
  ])("%s", async (_name, more, code, message) => {
    await world.write("file", "");
    await world.write("huge", Buffer.alloc(5 << 20, "#"));
    await expect(readInputs(request(more))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe("the query", () => {
  const ids = { session: "s", build: "b", dockerfile: "Dockerfile" };

  it("names docker's flags as the API does", () => {
    const query = buildQuery(
      request({
        env: { FROM_ENV: "e", EMPTY: "" },
        tags: ["a", "b"],
        buildArgs: ["A=1=2", "FROM_ENV", "EMPTY", "GONE", "__proto__=x"],
        labels: ["k=v", "flag"],
        addHosts: ["h:1"],
        noCache: true,
        pull: true,
        network: "host",
        target: "t",
        platform: "p",
      }),
      ids,
    );
    expect(query).toMatchObject({
      version: 2,
      session: "s",
      buildid: "b",
      dockerfile: "Dockerfile",
      t: ["a", "b"],
      nocache: 1,
      pull: 1,
      networkmode: "host",
      extrahosts: ["h:1"],
      target: "t",
      platform: "p",
    });
    expect(query["buildargs"]).toBe('{"A":"1=2","FROM_ENV":"e","EMPTY":"","__proto__":"x"}');
    expect(query["labels"]).toBe('{"k":"v","flag":""}');
  });

  it("leaves out what was not asked for", () => {
    const query = buildQuery(request(), ids);
    const present = Object.entries(query).filter(([, value]) => value !== undefined);
    expect(present.map(([name]) => name)).toEqual([
      "version",
      "remote",
      "session",
      "buildid",
      "dockerfile",
      "buildargs",
      "labels",
    ]);
  });
});
