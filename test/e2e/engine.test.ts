import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { dockerCli, dockerOut, engineVersion, testEngine } from "../engine/current.ts";
import { startEngine } from "../engine/engine.ts";
import { makeWorld } from "../support/temp.ts";

const SCRIPT = join(import.meta.dirname, "..", "engine", "engine.sh");
const WANTED: Readonly<Record<string, string>> = {
  bookworm: "20.10",
  trixie: "26.1",
  forky: "2", // moves until its release: 28.5 when this was written
};

/** Runs engine.sh in the private folders of a test; returns its exit code and stderr. */
async function script(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number; readonly stderr: string }> {
  return promisify(execFile)("bash", [SCRIPT, ...args], { env: { ...process.env, ...env } }).then(
    ({ stderr }) => ({ code: 0, stderr }),
    (error: { code: number; stderr: string }) => error,
  );
}

describe("the engine of this run", () => {
  it("is of the asked-for version and has the asked-for image store", async () => {
    const [suite = "", store] = testEngine().variant.split("-");
    const version = await engineVersion();
    expect(version.text.startsWith(WANTED[suite] ?? "")).toBe(true);
    const driver = await dockerOut(["info", "--format", "{{.DriverStatus}}"]);
    expect(driver.includes("io.containerd.snapshotter")).toBe(store === "containerd");
  });

  it("starts no second one when asked again, three times at once", async () => {
    const { variant, host } = testEngine();
    const engines = await Promise.all([1, 2, 3].map(() => startEngine(variant)));
    expect(engines.map((engine) => engine.host)).toEqual([host, host, host]);
  });

  it("has base images that run without a registry", async () => {
    const shown = await dockerOut(["run", "--rm", "node:24-slim", "node", "-p", "process.version"]);
    expect(shown).toMatch(/^v24\./);
    expect(await dockerOut(["run", "--rm", "busybox:local", "echo", "cat"])).toBe("cat");
  });

  it("builds with BuildKit secret mounts, from a local image", async () => {
    await using world = await makeWorld();
    await world.write("token", "purr");
    await world.write(
      "Dockerfile",
      "FROM busybox:local\nRUN --mount=type=secret,id=t,required=true wc -c < /run/secrets/t > /n\n",
    );
    const args = ["build", "-q", "-t", "smtest-engine", "--secret", "id=t,src=token", "."];
    await dockerOut(args, { cwd: world.cwd });
    const count = await dockerOut(["run", "--rm", "smtest-engine", "cat", "/n"]);
    await dockerCli(["rmi", "-f", "smtest-engine"]);
    expect(count).toBe("4");
  });
});

describe("engine.sh in trouble", () => {
  it("says in one line that nothing answers where DOCKER_HOST points", async () => {
    await using world = await makeWorld();
    const ended = await script(["env"], {
      DOCKER_HOST: "unix:///nowhere.sock",
      SEALMOUNT_ENGINE_RUN: join(world.root, "run"),
      SEALMOUNT_ENGINE_CACHE: join(world.root, "cache"),
    });
    expect(ended).toMatchObject({
      code: 1,
      stderr: "engine: DOCKER_HOST is set, but nothing answers there\n",
    });
  });

  it("shows its usage for an unknown option, command or suite", async () => {
    for (const args of [["up", "--wat"], ["wat"], [], ["up", "--suite", "../x"]]) {
      const ended = await script(args, {});
      expect(ended.code).toBe(64);
      expect(ended.stderr).toContain("engine.sh up");
    }
  });

  it("recovers after its daemon was killed", async () => {
    // an engine of its own, from the packages that are unpacked already
    const run = `/run/smtest-${process.pid}`;
    await using world = await makeWorld();
    const [suite = "", store = ""] = testEngine().variant.split("-");
    const cache = join(world.root, "cache");
    await mkdir(cache);
    const from = join(testEngine().dataRoot, "..");
    await promisify(execFile)("sh", [
      "-c",
      `ln -s "${from}"/*-* "${cache}" && rm "${cache}"/data-*`,
    ]);
    const env = {
      SEALMOUNT_ENGINE_RUN: run,
      SEALMOUNT_ENGINE_CACHE: cache,
      SEALMOUNT_ENGINE_STORE: store,
    };
    const up = ["up", "--suite", suite, "--private"];
    try {
      expect(await script(up, env)).toMatchObject({ code: 0 });
      const id = testEngine().variant;
      await promisify(execFile)("sh", ["-c", `kill -9 "$(cat ${run}/${id}.pid)"`]);
      expect(await script(up, env)).toMatchObject({ code: 0 });
      expect(await script(["env", "--suite", suite, "--private"], env)).toMatchObject({ code: 0 });
    } finally {
      expect(await script(["down", "--suite", suite, "--purge"], env)).toMatchObject({ code: 0 });
      await rm(run, { recursive: true, force: true });
    }
  });
});
