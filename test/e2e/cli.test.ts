import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerEnvironment, type TestEngine } from "../engine/engine.ts";
import { dockerOut, engineVersion, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { findOnDisk } from "../support/disk.ts";
import { cliCommand, sealmount, sealmountOnTerminal, sealmountOut } from "../support/cli.ts";
import { parseJson } from "../support/json.ts";
import { run } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { sizeOtherThan } from "../support/terminal.ts";
import { imageRegistry } from "./image-registry.ts";

/** The command line on a real engine: streams, exit codes, signals, and nothing left behind. */

const BASE = "busybox:local";
const IMAGE = "smtest-cli";
const secrets = { key: canary("key"), file: canary("file"), token: canary("token") };

let engine: TestEngine;
/** What an earlier run on this engine may have left. */
let before: ReadonlySet<string> = new Set();
let world: World;
let at: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };

beforeAll(async () => {
  engine = testEngine();
  before = new Set(await leftovers());
  world = await makeWorld();
  at = { cwd: world.cwd, env: { ...world.env, ...(await dockerEnvironment(engine, world.root)) } };
  await sealmountOut(["init", "--app", "cats"], at);
  const set = async (value: string, ...argv: string[]): Promise<unknown> =>
    sealmountOut(["set", ...argv, "--stdin"], { ...at, stdin: value });
  await set(secrets.key, "KEY");
  await set(secrets.file, "FILE", "--file", "/run/secrets/cert.pem", "--mode", "0444");
  await set(secrets.token, "token", "--build");
});

afterAll(async () => {
  await dockerOut(["rmi", "-f", IMAGE]);
  await world[Symbol.asyncDispose]();
});

/** Containers and volumes of sealmount that were not there before. */
async function leftovers(): Promise<string[]> {
  const label = ["--filter", "label=sealmount.owner"];
  const containers = await dockerOut(["ps", "-aq", ...label]);
  const volumes = await dockerOut(["volume", "ls", "-q", ...label]);
  return `${containers}\n${volumes}`.split("\n").filter((id) => id !== "" && !before.has(id));
}

async function dockerfile(...lines: string[]): Promise<void> {
  await writeFile(join(world.cwd, "Dockerfile"), `${lines.join("\n")}\n`);
}

describe("run", () => {
  it("IX1, RI13: gives values and files, masks them on a pipe, passes on the exit code", async () => {
    const script = 'echo "$KEY"; cat /run/secrets/cert.pem; echo; echo "$KEY" >&2; exit 42';
    const words = ["run", "--rm", "--env-plain", BASE, "--", "sh", "-c", script];
    const ran = await sealmount(words, at);
    expect(ran).toMatchObject({ code: 42, stdout: "***\n***\n", stderr: "***\n" });
  });

  it("tells once where a plain variable shows, and nothing of a hidden one", async () => {
    const plain = await sealmount(["run", "--rm", BASE, "true"], at);
    expect(plain.stderr).toMatch(/^sealmount: warning: KEY can be read in docker inspect.*\n$/);
    for (const option of ["--env-hidden", "--env-as-file", "--env-plain"]) {
      const ran = await sealmount(["run", "--rm", option, BASE, "true"], at);
      expect([option, ran.code, ran.stderr]).toEqual([option, 0, ""]);
    }
  });

  it("RI14: inside, every byte is right", async () => {
    const ran = await sealmountOut(
      ["run", "--rm", "--no-mask", BASE, "sh", "-c", 'echo "$KEY"'],
      at,
    );
    expect(ran).toBe(`${secrets.key}\n`);
  });

  it("passes stdin on with -i", async () => {
    const ran = await sealmount(["run", "--rm", "-i", BASE, "cat"], { ...at, stdin: "through\n" });
    expect(ran).toMatchObject({ code: 0, stdout: "through\n" });
  });

  it("gives a terminal with -it, and its size", async () => {
    const ran = await sealmountOnTerminal(
      ["run", "--rm", "-it", BASE, "sh", "-c", `tty; ${sizeOtherThan("")}`],
      at,
    );
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain("/dev/pts/");
    expect(ran.stdout).toContain("30 100");
  });

  it("prints the id with -d, and nothing else", async () => {
    const id = (await sealmountOut(["run", "-d", BASE, "sleep", "60"], at)).trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    await dockerOut(["rm", "-f", "-v", id]);
    await sealmountOut(["doctor", "--clean"], at);
  });

  it.each([
    [["run", "--rm", "--pull", "never", "smtest-no-such-image"], 125, "IMAGE_MISSING"],
    [["run", "--rm", BASE, "/no/such/program"], 127, "PROGRAM_NOT_FOUND"],
    [
      ["run", "--rm", "--file", "KEY=/etc/k,owner=nobody-4711", BASE, "true"],
      125,
      "DELIVERY_OWNER",
    ],
    [["run", "--rm", "--file", "KEY=/etc/k,mode=99", BASE, "true"], 2, "USAGE"],
  ])("%j exits %i", async (argv, code, error) => {
    const ran = await sealmount(argv, at);
    expect(ran.stderr).toContain(`[${error}]`);
    expect(ran.code).toBe(code);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("passes %s on to the program", async (signal) => {
    const name = signal.slice(3);
    const script = `trap 'echo got ${name}; exit 9' ${name}; echo ready; while :; do sleep 0.1; done`;
    const ran = await sealmount(["run", "--rm", BASE, "sh", "-c", script], {
      ...at,
      interrupt: { on: "ready", signal },
    });
    expect(ran).toMatchObject({ code: 9, stdout: `ready\ngot ${name}\n` });
  });

  it("Ctrl-C on a terminal ends the program", async () => {
    const ran = await sealmountOnTerminal(
      // process 1 of a container gets a signal only if it asks for it
      [
        "run",
        "--rm",
        "-it",
        BASE,
        "sh",
        "-c",
        "trap 'exit 9' INT; echo ready; while :; do :; done",
      ],
      { ...at, typing: [{ on: "ready", type: "\u0003" }] },
    );
    expect(ran.code).toBe(9);
  });

  it("leaves nothing behind when its reader goes away", async () => {
    const [program, main] = cliCommand();
    const script = `"${program}" "${main}" run --rm --env-plain ${BASE} sh -c 'while :; do echo line; done' | head -1`;
    const ran = await run("bash", ["-c", script], at);
    expect(ran).toMatchObject({ code: 0, stdout: "line\n", stderr: "" });
  });

  it("leaves nothing behind", async () => {
    expect(await leftovers()).toEqual([]);
  });
});

describe("build and verify", () => {
  const mount = "--mount=type=secret,id=token";

  it("builds with a secret, shows plain masked progress, prints the image's id", async () => {
    await dockerfile(`FROM ${BASE}`, `RUN ${mount} cat /run/secrets/token; echo`, "RUN true");
    const ran = await sealmount(["build", "--no-cache", "-t", IMAGE, "."], at);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(ran.stderr).toContain("***");
    expect(leaksIn(ran.bytes, Object.values(secrets))).toEqual([]);
  });

  it("tells with --json how often each secret was opened", async () => {
    const ran = await sealmount(["build", "--no-cache", "--json", "-q", "-t", IMAGE, "."], at);
    expect(ran.stderr).toBe("");
    expect(JSON.parse(ran.stdout)).toMatchObject({ opened: { token: 1 }, tags: [IMAGE] });
  });

  it("draws a live view on a terminal, masked", async () => {
    const ran = await sealmountOnTerminal(["build", "--no-cache", "-t", IMAGE, "."], at);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain("\u001b[");
    expect(leaksIn(ran.bytes, Object.values(secrets))).toEqual([]);
  });

  it("--verify proves a clean image; the report stands on stderr", async () => {
    const ran = await sealmount(["build", "-q", "--verify", "-t", IMAGE, "."], at);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sha256:\w{64}\n$/) });
    expect(ran.stderr).toContain("3 secrets");
  });

  it("IT12: --verify finds a leak in a layer, exit 8 with name, layer and path, never the value", async () => {
    await dockerfile(`FROM ${BASE}`, `RUN ${mount} cp /run/secrets/token /leak`, "RUN rm /leak");
    // with the cache, the step's file holds the value of an earlier test run
    const args = ["build", "-q", "--no-cache", "--verify", "-t", IMAGE, "."];
    const ran = await sealmount(args, at);
    expect(ran.code).toBe(8);
    expect(ran.stderr).toMatch(/build\/token.*\/leak.*layer \d+/);
    // the leaky one has no name; without a proof it gets one
    await sealmountOut(["build", "-q", "-t", IMAGE, "."], at);
    const again = await sealmount(["verify", "--json", IMAGE], at);
    expect(again.code).toBe(8);
    expect(JSON.parse(again.stdout)).toMatchObject({
      verdict: "leak",
      findings: [{ secret: "build/token", encoding: "raw", path: "/leak", deleted: true }],
    });
    expect(JSON.parse(again.stderr)).toMatchObject({ error: { code: "LEAK_FOUND" } });
    expect(leaksIn(Buffer.concat([ran.bytes, again.bytes]), Object.values(secrets))).toEqual([]);
  });

  it("a failing step exits 7 and says which", async () => {
    await dockerfile(`FROM ${BASE}`, `RUN ${mount} cat /run/secrets/token; exit 3`);
    const ran = await sealmount(["build", "--no-cache", "-t", IMAGE, "."], at);
    expect(ran.code).toBe(7);
    expect(ran.stderr).toContain("[BUILD_FAILED]");
    expect(leaksIn(ran.bytes, Object.values(secrets))).toEqual([]);
  });

  it("Ctrl-C stops a build with 130", async () => {
    await dockerfile(`FROM ${BASE}`, "RUN echo ready-now; sleep 60");
    const ran = await sealmount(["build", "--no-cache", "-t", IMAGE, "."], {
      ...at,
      interrupt: { on: "ready-now\n", signal: "SIGINT" },
    });
    expect(ran.code).toBe(130);
    expect(ran.stderr).toContain("[INTERRUPTED]");
    expect(await leftovers()).toEqual([]);
  });

  it("reads a Dockerfile from stdin, writes the id to a file, and an output to a folder", async () => {
    const stdin = `FROM ${BASE}\nRUN ${mount} test -s /run/secrets/token && echo made > /made\n`;
    const id = ["-f", "-", "--iidfile", "id", "."];
    const ran = await sealmount(["build", "-q", ...id], { ...at, stdin });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(join(world.cwd, "id"), "utf8")).toBe(ran.stdout.trim());
    await dockerOut(["rmi", "-f", ran.stdout.trim()]);
    const output = await sealmount(["build", "-q", "-f", "-", "-o", "out", "."], { ...at, stdin });
    expect(output).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await readFile(join(world.cwd, "out", "made"), "utf8")).toBe("made\n");
    await rm(join(world.cwd, "out"), { recursive: true });
  });

  it("--secret-cache=value runs a step again exactly when its secret has changed", async () => {
    const mark = canary("step");
    await dockerfile(`FROM ${BASE}`, `RUN ${mount} echo ran-${"x".repeat(3)} # ${mark}`);
    const ran = async (...flags: string[]): Promise<boolean> => {
      const built = await sealmount(["build", "--progress=plain", ...flags, "-t", IMAGE, "."], at);
      expect(built.code).toBe(0);
      expect(built.stderr).not.toContain("sealmount-cache");
      return /^#\d+ [\d.]+ ran-xxx$/m.test(built.stderr);
    };
    const flag = "--secret-cache=value";
    expect([await ran(flag), await ran(flag)]).toEqual([true, false]);
    const other = canary("other");
    await sealmountOut(["set", "token", "--build", "--stdin"], { ...at, stdin: other });
    expect([await ran(flag), await ran(flag)]).toEqual([true, false]);
    await sealmountOut(["set", "token", "--build", "--stdin"], { ...at, stdin: secrets.token });
    expect(await ran(flag)).toBe(false);
  });

  it('a build secret with cache = "value" ties the steps that mount it, and no others', async () => {
    const set = async (name: string, value: string): Promise<unknown> =>
      sealmountOut(["set", name, "--build", "--stdin"], { ...at, stdin: value });
    await set("tied", canary("tied"));
    await set("loose", canary("loose"));
    const manifest = join(world.cwd, "iterapp.toml");
    const text = await readFile(manifest, "utf8");
    await writeFile(manifest, text.replace(/^(tied = \{.*) \}$/m, '$1, cache = "value" }'));
    const mark = canary("step");
    const step = (id: string): string =>
      `RUN --mount=type=secret,id=${id} echo ran-${id.toUpperCase()} # ${mark}`;
    // each in a stage of its own: a step runs again when the one before it does
    await dockerfile(
      `FROM ${BASE} AS a`,
      step("tied").replace(" #", " && touch /a #"),
      `FROM ${BASE} AS b`,
      step("loose").replace(" #", " && touch /b #"),
      `FROM ${BASE}`,
      "COPY --from=a /a /",
      "COPY --from=b /b /",
    );
    const ran = async (...flags: string[]): Promise<string> => {
      const built = await sealmount(["build", "--progress=plain", ...flags, "-t", IMAGE, "."], at);
      expect(built.code).toBe(0);
      return ["TIED", "LOOSE"]
        .filter((id) => new RegExp(`^#\\d+ [\\d.]+ ran-${id}$`, "m").test(built.stderr))
        .join();
    };
    expect([await ran(), await ran()]).toEqual(["TIED,LOOSE", ""]);
    // set keeps the attribute
    await set("tied", canary("tied"));
    await set("loose", canary("loose"));
    expect([await ran(), await ran()]).toEqual(["TIED", ""]);
    expect(await ran("--secret-cache=value")).toBe("LOOSE");
    expect(await sealmountOut(["ls"], at)).toMatch(/^tied .* value$/m);
    // as docker: the first run without digests is one more, a new value none
    await ran("--secret-cache=off");
    await set("tied", canary("tied"));
    expect(await ran("--secret-cache=off")).toBe("");
  });

  it("leaves nothing of a build on the engine, but with --record", async () => {
    await dockerfile(`FROM ${BASE}`, "RUN true");
    const traces = async (...flags: string[]): Promise<number> => {
      // the Dockerfile does not declare it: only a record of the build would have it
      const mark = canary("mark");
      const since = await world.write("../since", "");
      const args = ["build", "-q", "--no-cache", "--build-arg", `MARK=${mark}`, "-t", IMAGE];
      expect(await sealmount([...args, ...flags, "."], at)).toMatchObject({ code: 0 });
      return (await findOnDisk(engine.dataRoot, [mark], since)).length;
    };
    expect(await traces()).toBe(0);
    // engines before 24 keep no records at all
    const version = await engineVersion();
    if (version.atLeast(24, 0)) expect(await traces("--record")).toBeGreaterThan(0);
  });

  it("asks docker's credential helpers for logins, and tells them no key", async () => {
    const { Arch: arch, Os: os } = parseJson<{ readonly Arch: string; readonly Os: string }>(
      await dockerOut(["version", "--format", "{{json .Server}}"]),
    );
    const password = canary("registry");
    await using registry = await imageRegistry({ username: "bot", password, os, arch });
    const config = join(world.root, "helper");
    await mkdir(config);
    await writeFile(join(config, "config.json"), '{"credsStore":"smtest"}');
    const login = JSON.stringify({ Username: "bot", Secret: password });
    const script = `#!/bin/sh\nenv > ${config}/env\ncat > /dev/null\nprintf %s '${login}'\n`;
    await writeFile(join(config, "docker-credential-smtest"), script, { mode: 0o755 });
    await dockerfile(`FROM ${registry.host}/private/base:1`);
    const key = (await sealmountOut(["key", "export", "--app", "cats"], at)).trim();
    const env = {
      ...at.env,
      DOCKER_CONFIG: config,
      PATH: `${config}:${process.env["PATH"] ?? ""}`,
      SEALMOUNT_KEY: key,
    };
    const ran = await sealmount(["build", "-q", "--pull", "-t", IMAGE, "."], { ...at, env });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(registry.logins).toContain(`bot:${password}`);
    expect(await readFile(join(config, "env"), "utf8")).not.toMatch(/SEALMOUNT_KEY|smk1_/);
  });

  it("--via buildx hands over to the builder, masked", async () => {
    await dockerfile(`FROM ${BASE}`, `RUN ${mount} cat /run/secrets/token; echo`);
    const ran = await sealmount(
      ["build", "--via", "docker", "-t", IMAGE, ".", "--", "--no-cache"],
      at,
    );
    expect(ran.code).toBe(0);
    expect(leaksIn(ran.bytes, Object.values(secrets))).toEqual([]);
  });
});

describe("docker sealmount", () => {
  it("is found by docker, gets its global flags, and passes on the exit code", async () => {
    const [program, main] = cliCommand();
    const plugins = join(world.home, ".docker", "cli-plugins");
    await mkdir(plugins, { recursive: true });
    const plugin = join(plugins, "docker-sealmount");
    await writeFile(
      plugin,
      `#!/bin/sh\nexec "${program}" "${join(world.root, "docker-sealmount")}" "$@"\n`,
      { mode: 0o755 },
    );
    await symlink(main, join(world.root, "docker-sealmount"));
    const { DOCKER_HOST: host = "", DOCKER_CONFIG: _own, ...env } = at.env;
    const docker = async (...argv: string[]) =>
      run(engine.docker, argv, {
        cwd: world.cwd,
        env: { ...env, DOCKER_CONFIG: join(world.home, ".docker") },
      });
    expect((await docker("--help")).stdout).toMatch(
      /sealmount\*? +Secrets for builds and containers/,
    );
    const ran = await docker("-H", host, "sealmount", "run", "--rm", BASE, "sh", "-c", "exit 5");
    expect(ran).toMatchObject({ code: 5, stdout: "" });
    expect(await readdir(plugins)).toEqual(["docker-sealmount"]);
  });
});
