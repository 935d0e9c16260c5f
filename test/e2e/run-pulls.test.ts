import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";

import type { LoginStore } from "../../src/docker/registry-auth.ts";
import type { RunOptions, RunResult } from "../../src/run/options.ts";
import type { PullEvent } from "../../src/run/pull.ts";
import { run } from "../../src/run/run.ts";
import { Secret } from "../../src/secret/secret.ts";
import { dockerCli, dockerOut, engineHost, needsOwnEngine, testEngine } from "../engine/current.ts";
import { type ArgvWatch, watchArguments } from "../support/argv-watch.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmountOnTerminal } from "../support/cli.ts";
import { findEachOnDisk } from "../support/disk.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { imageRegistry } from "./image-registry.ts";
import { dockerConfig, isThere, publish, pullApp, type PullApp } from "./pull-harness.ts";
import { pushRegistry, type PushRegistry } from "./push-registry.ts";
import { ENV, leftovers, sink, theEngine } from "./run-harness.ts";
import { tokenRegistry } from "./token-registry.ts";

const password = canary("pull");

let registry: PushRegistry;
let watch: ArgvWatch;
let since: World;
let image: string;
beforeAll(async () => {
  since = await makeWorld();
  await since.write("since", "");
  registry = await pushRegistry(password);
  image = `${registry.host}/smtest/pulls:1`;
  await publish(image, rightConfig(), "one");
  watch = await watchArguments([password]);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await since[Symbol.asyncDispose]();
});

let app: PullApp;
beforeEach(async () => {
  app = await pullApp();
  onTestFinished(async () => {
    await dockerCli(["rmi", "-f", image]);
    await app[Symbol.asyncDispose]();
  });
});

function rightConfig(host = registry.host): object {
  return dockerConfig(host, registry.username, password);
}

/** Runs the image, which is not there, and wants it to be pulled, in silence about the login. */
async function pulls(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const before = await app.dockerFolder();
  const ran = await app.run([...args, image, "cat", "/label"], {
    env: { ...app.world.env, DOCKER_HOST: engineHost(), ...env },
  });
  expect(leaksIn(ran.bytes, [password])).toEqual([]);
  expect(ran).toMatchObject({ code: 0, stdout: "one\n" });
  expect(ran.stderr).toContain(`pulling ${image}\n`);
  expect(await isThere(image)).toBe(true);
  expect(await app.dockerFolder()).toEqual(before);
}

/** Runs the image and wants the pull to fail, in silence about the login. */
async function fails(
  args: readonly string[],
  code: string,
  o: { readonly exit?: number; readonly image?: string } = {},
): Promise<string> {
  const ran = await app.run([...args, o.image ?? image, "cat", "/label"]);
  expect(leaksIn(ran.bytes, [password])).toEqual([]);
  expect(ran).toMatchObject({ code: o.exit ?? 125, stdout: "" });
  expect(ran.stderr).toContain(`[${code}]`);
  expect(ran.stderr).toContain("sealmount: hint: ");
  return ran.stderr;
}

/** A store of the library's, and what it gave away. */
function storeFor(username: string, given: Secret[] = []): LoginStore {
  return {
    credentials: async () => {
      const secret = Secret.take("password", Buffer.from(password));
      given.push(secret);
      return { username, secret };
    },
  };
}

async function runLibrary(o: Partial<RunOptions> & { readonly image: string }): Promise<RunResult> {
  return run({
    engine: await theEngine(),
    container: { rm: true },
    env: ENV,
    cwd: "/",
    io: { stdout: sink().stream, stderr: sink().stream },
    ...o,
  });
}

describe("logins of a pull", () => {
  it("DO3, DO5, RI35: a slot of [registries], sealed in the manifest", async () => {
    await app.addSlot(registry.host, registry.username, password);
    expect(leaksIn(await app.manifest(), [password])).toEqual([]);
    // docker's own login comes after it
    await app.docker(dockerConfig(registry.host, registry.username, "wrong"));
    await pulls([]);
  });

  it("RI17, RI18: --image-pull-secret of the environment, which the container does not get", async () => {
    await app.set("PULL", ["--env", "prod"], JSON.stringify(rightConfig()));
    await app.set("OTHER", ["--env", "prod"], "purr");
    await app.addSlot(registry.host, registry.username, "wrong");
    await pulls(["--env", "prod", "--image-pull-secret", "PULL"]);
    const name = `smtest-pulls-${process.pid}`;
    onTestFinished(async () => void (await dockerCli(["rm", "-f", name])));
    const args = ["-d", "--name", name, "--env", "prod", "--image-pull-secret", "PULL"];
    expect(await app.run([...args, image, "sleep", "60"])).toMatchObject({ code: 0 });
    const inspected = await dockerOut(["inspect", name, image]);
    expect(inspected).toContain("OTHER=purr");
    expect(inspected).not.toContain("PULL");
    expect(leaksIn(inspected, [password])).toEqual([]);
  });

  it("RI17: --image-pull-secret of [build_secrets], by another name of the registry", async () => {
    await app.set("pull", ["--build"], JSON.stringify(rightConfig(`http://${registry.host}/v2/`)));
    await pulls(["--image-pull-secret", "pull"]);
  });

  it("RI21: --host-auth is what docker login left, and no slot", async () => {
    await app.addSlot(registry.host, registry.username, "wrong");
    await app.docker(rightConfig());
    expect(await fails([], "REGISTRY_LOGIN")).toContain(registry.host);
    await pulls(["--host-auth"]);
  });

  it("RI21: without a slot, docker's own login is used unasked", async () => {
    await app.docker(rightConfig());
    await pulls([]);
  });

  it("RI21: docker's own login comes from a credential helper", async () => {
    const answer = JSON.stringify({ Username: registry.username, Secret: password });
    const helper = `#!/bin/sh\nread server || true\nprintf '%s' '${answer}'\n`;
    await app.world.write("bin/docker-credential-smtest", helper, 0o755);
    await app.docker({ credHelpers: { [registry.host]: "smtest" } });
    const PATH = `${join(app.world.cwd, "bin")}:${app.world.env["PATH"]}`;
    await pulls(["--host-auth"], { PATH });
  });

  it("RI19: --image-pull-secret and --host-auth exclude each other", async () => {
    await app.set("PULL", [], JSON.stringify(rightConfig()));
    await fails(["--image-pull-secret", "PULL", "--host-auth"], "USAGE_CONFLICT", { exit: 2 });
    expect(await isThere(image)).toBe(false);
  });

  it("an identity token, sealed in a config.json", async () => {
    const { os, arch } = (await theEngine()).version;
    const o = { username: "bot", password: "unused", identity: password, os, arch };
    await using tokens = await tokenRegistry(o);
    const config = { auths: { [tokens.host]: { identitytoken: password } } };
    await app.set("PULL", [], JSON.stringify(config));
    const private1 = `${tokens.host}/private/base:1`;
    onTestFinished(async () => void (await dockerCli(["rmi", "-f", private1])));
    // it is a scratch image, so the pull is all that works
    const ran = await app.run(["--image-pull-secret", "PULL", private1, "true"]);
    expect(leaksIn(ran.bytes, [password])).toEqual([]);
    expect(ran).toMatchObject({ code: 127, stderr: expect.stringContaining("PROGRAM_NOT_FOUND") });
    expect(await isThere(private1)).toBe(true);
    expect(tokens.logins.some((login) => login.startsWith("POST"))).toBe(true);
  });

  it("is opened when a pull needs it, not before", async () => {
    await app.addSlot(registry.host, registry.username, password);
    const text = await app.manifest();
    const broken = text.replace(
      /(password = \{ encrypted = "[\w-]{80})[\w-]{20}/,
      "$1AAAAAAAAAAAAAAAAAAAA",
    );
    await writeFile(join(app.world.cwd, "iterapp.toml"), broken);
    const ran = await app.run([image, "cat", "/label"]);
    expect(ran).toMatchObject({ code: 5, stderr: expect.stringContaining("UNSEAL_DAMAGED") });
    await dockerOut(["tag", "busybox:local", image]);
    expect(await app.run([image, "true"])).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("what goes wrong", () => {
  it("no login, and a wrong one", async () => {
    expect(await fails([], "REGISTRY_LOGIN")).toContain(`docker login ${registry.host}`);
    await app.addSlot(registry.host, registry.username, "wrong");
    expect(await fails([], "REGISTRY_LOGIN")).toContain("did not take the login");
    await app.set("PULL", [], JSON.stringify(dockerConfig("other.test", "bot", password)));
    // a file without this registry is no login, and no reason to take another one
    await app.docker(rightConfig());
    const said = await fails(["--image-pull-secret", "PULL"], "REGISTRY_LOGIN");
    expect(said).toContain(`no login for ${registry.host} was found`);
    expect(await isThere(image)).toBe(false);
  });

  it.each<[string, (host: string) => string, string]>([
    ["no JSON", () => password, "VALUE_INVALID"],
    ["a helper", (host) => JSON.stringify({ credHelpers: { [host]: "pass" } }), "REGISTRY_LOGIN"],
    [
      "a helper beside an empty entry",
      (host) => JSON.stringify({ auths: { [host]: {} }, credsStore: "desktop" }),
      "REGISTRY_LOGIN",
    ],
  ])("RI17: a pull secret with %s", async (_what, value, code) => {
    await app.set("PULL", [], value(registry.host));
    const exit = code === "VALUE_INVALID" ? 3 : 125;
    await fails(["--image-pull-secret", "PULL"], code, { exit });
  });

  it("RI19: a pull secret that is not there is told before anything happens", async () => {
    await app.set("PULL", [], "{}");
    const ran = await app.run(["--image-pull-secret", "PUL", image]);
    expect(ran).toMatchObject({ code: 3, stderr: expect.stringContaining("did you mean PULL?") });
  });

  it("no such image, and a registry that is not there", async () => {
    await app.addSlot(registry.host, registry.username, password);
    const missing = `${registry.host}/smtest/pulls:2`;
    expect(await fails([], "IMAGE_MISSING", { image: missing })).toContain(missing);
    const gone = "127.0.0.1:1/smtest/pulls:1";
    expect(await fails([], "DOCKER_REFUSED", { image: gone })).toContain(gone);
  });

  it("an image for another platform", async () => {
    await app.addSlot(registry.host, registry.username, password);
    const { os, arch } = (await theEngine()).version;
    const own = await app.run(["--platform", `${os}/${arch}`, image, "cat", "/label"]);
    expect(own).toMatchObject({ code: 0, stdout: "one\n" });
    const other = ["--platform", "linux/s390x"];
    expect(await fails([...other, "--pull", "never"], "IMAGE_MISSING")).toContain("linux/s390x");
    expect(await fails(other, "IMAGE_MISSING")).toContain("linux/s390x");
    expect(await fails(["--platform", "a/b/c/d"], "USAGE", { exit: 2 })).toContain("os/arch");
  });

  it("an image that is there for another platform is pulled for the one asked for", async () => {
    const o = { username: "bot", password, os: "linux", arch: "s390x" };
    await using foreign = await imageRegistry(o);
    const base = `${foreign.host}/private/base:1`;
    onTestFinished(async () => void (await dockerCli(["rmi", "-f", base])));
    await dockerOut(["tag", "busybox:local", base]);
    await app.addSlot(foreign.host, "bot", password);
    const ran = await app.run(["--platform", "linux/s390x", base, "/none"]);
    expect(ran).toMatchObject({ code: 127, stderr: expect.stringContaining(`pulling ${base}`) });
    expect(await dockerOut(["image", "inspect", "-f", "{{.Architecture}}", base])).toBe("s390x");
    // now it is there, and not pulled again
    const again = await app.run(["--platform", "linux/s390x", base, "/none"]);
    expect(again.stderr).not.toContain("pulling");
  });

  it("Ctrl-C in a pull leaves nothing", async () => {
    const { os, arch } = (await theEngine()).version;
    await using slow = await imageRegistry({ username: "bot", password, os, arch, stalls: true });
    const stalled = `${slow.host}/private/base:1`;
    await app.addSlot(slow.host, "bot", password);
    const ran = await app.run([stalled, "true"], {
      interrupt: { on: "Pulling fs layer", signal: "SIGINT" },
    });
    expect(leaksIn(ran.bytes, [password])).toEqual([]);
    expect(ran.code).toBe(130);
    expect(await isThere(stalled)).toBe(false);
    const all = await dockerOut(["ps", "-a", "--format", "{{.Image}}"]);
    expect(all.split("\n")).not.toContain(stalled);
  });

  it("an abort ends the pull on the engine, too", async (context) => {
    // measured: without containerd's store, `docker pull` leaves such a download behind just so
    const isContainerd = testEngine().variant.endsWith("containerd");
    context.skip(
      !isContainerd,
      "this engine's image store does not give up a download that stalls",
    );
    const { os, arch } = (await theEngine()).version;
    await using slow = await imageRegistry({ username: "bot", password, os, arch, stalls: true });
    const stop = new AbortController();
    const outcome = runLibrary({
      image: `${slow.host}/private/base:1`,
      auth: storeFor("bot"),
      signal: stop.signal,
    }).catch((error: unknown) => error);
    await slow.asked;
    stop.abort();
    expect(await outcome).toMatchObject({ code: "INTERRUPTED" });
    await slow.givenUp;
    expect(await leftovers()).toEqual([]);
  });
});

describe("--pull", () => {
  it("always gets the newer image, missing keeps the one that is there, never asks nobody", async () => {
    const moving = `${registry.host}/smtest/moving:1`;
    onTestFinished(async () => void (await dockerCli(["rmi", "-f", moving])));
    await app.addSlot(registry.host, registry.username, password);
    const label = async (...args: string[]): Promise<string> =>
      (await app.run([...args, moving, "cat", "/label"])).stdout;
    await publish(moving, rightConfig(), "old");
    expect(await fails(["--pull", "never"], "IMAGE_MISSING", { image: moving })).toContain(
      "--pull never",
    );
    expect(await label()).toBe("old\n");
    await dockerOut(["tag", moving, `${moving}-kept`]);
    await publish(moving, rightConfig(), "new");
    await dockerOut(["tag", `${moving}-kept`, moving]);
    await dockerCli(["rmi", `${moving}-kept`]);
    expect(await label("--pull", "missing")).toBe("old\n");
    expect(await label("--pull", "never")).toBe("old\n");
    expect(await label("--pull", "always")).toBe("new\n");
  });

  it("by digest", async () => {
    await app.addSlot(registry.host, registry.username, password);
    const digest = await registry.digest("smtest/pulls", "1");
    const pinned = `${registry.host}/smtest/pulls@${digest}`;
    onTestFinished(async () => void (await dockerCli(["rmi", "-f", pinned])));
    const ran = await app.run(["-q", pinned, "cat", "/label"]);
    expect(ran).toMatchObject({ code: 0, stdout: "one\n", stderr: "" });
  });

  it("the library tells its progress, and wipes the login", async () => {
    const events: PullEvent[] = [];
    const given: Secret[] = [];
    const stdout = sink();
    const result = await runLibrary({
      image,
      command: ["cat", "/label"],
      auth: storeFor(registry.username, given),
      onPull: (event) => events.push(event),
      io: { stdout: stdout.stream, stderr: sink().stream },
    });
    expect([result.exitCode, stdout.bytes().toString()]).toEqual([0, "one\n"]);
    expect(events[0]).toEqual({ kind: "begin", image });
    expect(events.at(-1)).toEqual({ kind: "end" });
    expect(events.some((event) => event.kind === "status" && event.text.includes("Digest: "))).toBe(
      true,
    );
    expect(leaksIn(JSON.stringify(events), [password])).toEqual([]);
    expect(given).toHaveLength(1);
    expect(() => given[0]?.use(() => undefined)).toThrow(/wiped/);
    expect(await leftovers()).toEqual([]);
  });

  it("draws on a terminal, and nothing with --quiet", async () => {
    await app.addSlot(registry.host, registry.username, password);
    const options = {
      cwd: app.world.cwd,
      env: { ...app.world.env, DOCKER_HOST: engineHost() },
      typing: [],
    };
    const drawn = await sealmountOnTerminal(["run", "--rm", image, "cat", "/label"], options);
    expect(leaksIn(drawn.bytes, [password])).toEqual([]);
    expect(drawn.code).toBe(0);
    expect(drawn.bytes.toString()).toMatch(/pulling .*Status: .*one/s);
    // each picture over the last one
    expect(drawn.bytes.includes("\u001b[1A\r\u001b[J")).toBe(true);
    const quiet = await app.run(["--pull", "always", "--quiet", image, "cat", "/label"]);
    expect(quiet).toMatchObject({ code: 0, stdout: "one\n", stderr: "" });
  });
});

describe("elsewhere", () => {
  it("DO5: no process had the password among its arguments", async () => {
    expect(await watch.stop()).toEqual([]);
  });

  it("DO5, RI18: the engine's disk has no form of the password", async (context) => {
    needsOwnEngine(context);
    const { dataRoot, execRoot } = testEngine();
    for (const root of [dataRoot, execRoot]) {
      const found = await findEachOnDisk(root, [password], join(since.cwd, "since"));
      expect([...found.values()].flat()).toEqual([]);
    }
  });
});
