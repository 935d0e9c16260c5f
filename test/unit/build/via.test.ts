import { readlink, readFile, stat } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { findMemoryFolder, memoryFile } from "../../../src/build/memory-file.ts";
import type { ViaTool } from "../../../src/build/via-plan.ts";
import { buildVia, planVia, type ViaOptions } from "../../../src/build/via.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { makeWorld, type World } from "../../support/temp.ts";

const VALUE = "canary-c3d0\nsecond line";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  const made = world;
  onTestFinished(async () => made[Symbol.asyncDispose]());
  await world.write(
    "Dockerfile",
    "FROM a\nRUN --mount=type=secret,id=tok x\nRUN --mount=type=secret,id=two,required x\n",
  );
});

/** A stand-in for a builder: a shell script with the builder's name, first in PATH. */
async function tool(name: string, script: string): Promise<Record<string, string>> {
  await world.write(`bin/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
  return { PATH: `${world.cwd}/bin:/usr/bin:/bin` };
}

function options(
  more: Partial<ViaOptions> & { childEnv: Record<string, string> },
): ViaOptions & { opened: string[] } {
  const opened: string[] = [];
  return {
    tool: "docker",
    context: ".",
    cwd: world.cwd,
    env: {},
    opened,
    secrets: {
      ids: ["tok", "two", "unused"],
      async open(id) {
        opened.push(id);
        return Secret.take(id, Buffer.from(VALUE));
      },
    },
    ...more,
  };
}

async function run(o: ViaOptions): Promise<{ readonly output: string; readonly error: unknown }> {
  const stdout = new PassThrough();
  const all = text(stdout);
  const error: unknown = await buildVia({ ...o, output: { stdout, stderr: stdout } }).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  stdout.end();
  return { output: await all, error };
}

describe("the command line", () => {
  const request = () => ({
    context: "app",
    cwd: world.root,
    env: {},
    dockerfile: "work/Dockerfile",
  });

  it.each<[ViaTool, string, string[]]>([
    ["docker", "docker", ["build"]],
    ["buildx", "docker", ["buildx", "build"]],
    ["podman", "podman", ["build"]],
  ])(
    "%s: flags, the tool's own ones untouched, secrets, context",
    async (name, program, command) => {
      await world.write("../app/x", "");
      const extra = ["--cache-from", "type=registry,ref=r", "--load"];
      const plan = await planVia(
        {
          ...request(),
          tool: name,
          extra,
          tags: ["a", "b"],
          buildArgs: ["X=1"],
          noCache: true,
          pull: true,
        },
        ["tok", "two"],
      );
      expect(plan).toEqual({
        program,
        args: [
          ...command,
          "--file=work/Dockerfile",
          "--tag=a",
          "--tag=b",
          "--build-arg=X=1",
          "--no-cache",
          "--pull",
          "--cache-from",
          "type=registry,ref=r",
          "--load",
          "--secret=id=tok,src=/dev/fd/3",
          "--secret=id=two,src=/dev/fd/4",
          "app",
        ],
        secrets: ["tok", "two"],
        warnings: [],
      });
    },
  );

  it("quotes an id with a comma, and names mounts whose id is a variable", async () => {
    await world.write(
      "Dockerfile",
      `FROM a\nRUN --mount='type=secret,"id=a,b"' x\nRUN --mount=type=secret,id=$V x\n`,
    );
    const plan = await planVia({ tool: "docker", context: ".", cwd: world.cwd, env: {} }, ["a,b"]);
    expect(plan.args).toContain(`--secret="id=a,b",src=/dev/fd/3`);
    expect(plan.warnings[0]).toMatch(/^Dockerfile:3: .*variable/);
  });

  it("a required secret that the manifest lacks stops it", async () => {
    const planning = planVia({ tool: "docker", context: ".", cwd: world.cwd, env: {} }, ["tok"]);
    await expect(planning).rejects.toMatchObject({ code: "SECRET_MISSING", place: { line: 3 } });
  });
});

describe("running it", () => {
  it("opens what the Dockerfile mentions, once; the child reads it as often as it likes", async () => {
    const childEnv = await tool(
      "docker",
      'cat /dev/fd/3; echo; cat /dev/fd/3 /dev/fd/4 | wc -c; echo "$@"; env',
    );
    const o = options({ childEnv });
    const { output, error } = await run(o);
    expect(error).toBeNull();
    expect(o.opened).toEqual(["tok", "two"]);
    expect(output).toContain(`${VALUE}\n${2 * VALUE.length}\nbuild --secret=id=tok`);
    expect(output).toContain("DOCKER_BUILDKIT=1");
  });

  it("the file is in memory, 0600, and has no name", async () => {
    const script =
      "stat -L -c '%a %h %s' /dev/fd/3; stat -f -L -c %T /dev/fd/3; readlink /proc/self/fd/3";
    const { output } = await run(options({ childEnv: await tool("docker", script) }));
    const [facts, type, name] = output.split("\n");
    expect(facts).toBe(`600 0 ${VALUE.length}`);
    expect(type).toBe("tmpfs");
    expect(name).toMatch(/\(deleted\)$/);
  });

  it("we hold none of them while the child runs, so they end with it", async () => {
    const childEnv = await tool("docker", "sleep 0.6");
    const running = run(options({ childEnv }));
    await new Promise((resolve) => setTimeout(resolve, 400));
    const own = await Promise.all(
      Array.from({ length: 64 }, async (_none, fd) =>
        readlink(`/proc/self/fd/${fd}`).catch(() => ""),
      ),
    );
    expect(
      own.filter((target) => target.includes("/dev/shm/") && target.includes("deleted")),
    ).toEqual([]);
    expect((await running).error).toBeNull();
  });

  it("passes the exit code on as BUILD_FAILED", async () => {
    const { error } = await run(options({ childEnv: await tool("docker", "exit 3") }));
    expect(error).toMatchObject({
      code: "BUILD_FAILED",
      exitCode: 7,
      message: "docker build ended with exit code 3",
    });
  });

  it("says when the builder is not there", async () => {
    const { error } = await run(options({ tool: "podman", childEnv: { PATH: world.cwd } }));
    expect(error).toMatchObject({ code: "PROGRAM_NOT_FOUND", message: "can't start podman" });
  });

  it("an abort ends the child and is an interrupt", async () => {
    const childEnv = await tool("docker", "exec sleep 60");
    const start = performance.now();
    const { error } = await run(options({ childEnv, signal: AbortSignal.timeout(300) }));
    expect(error).toMatchObject({ code: "INTERRUPTED" });
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it("an abort before the start starts nothing", async () => {
    const childEnv = await tool("docker", "touch started");
    const { error } = await run(options({ childEnv, signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: "INTERRUPTED" });
    await expect(stat(`${world.cwd}/started`)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("a value over the limit starts nothing", async () => {
    const childEnv = await tool("docker", "touch started");
    const big = {
      ids: ["tok", "two"],
      open: async (id: string) => Secret.take(id, Buffer.alloc(512_001)),
    };
    const { error } = await run(options({ childEnv, secrets: big }));
    expect(error).toMatchObject({ code: "BUILD_SECRET_SIZE" });
    await expect(stat(`${world.cwd}/started`)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("files in memory", () => {
  it("hold the bytes, for reading only", async () => {
    const secret = Secret.take("s", Buffer.from(VALUE));
    await using file = await memoryFile(await findMemoryFolder({}), secret);
    expect(await readFile(`/proc/self/fd/${file.fd}`, "utf8")).toBe(VALUE);
    await expect(file.write("x")).rejects.toMatchObject({ code: "EBADF" });
    expect(secret.use((bytes) => String(bytes))).toBe(VALUE);
  });

  it("are tried in XDG_RUNTIME_DIR too", async () => {
    expect(await findMemoryFolder({ XDG_RUNTIME_DIR: world.root })).toBe("/dev/shm");
  });
});
