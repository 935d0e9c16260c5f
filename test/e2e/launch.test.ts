import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import Docker from "dockerode";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { Secret } from "../../src/secret/secret.ts";
import { launch, type LaunchOptions, type LaunchResult } from "../../src/run/launcher/launch.ts";
import { dockerCli, dockerOut, engineHost } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmountOut } from "../support/cli.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { BYTES, hidingManifest } from "./launch-harness.ts";
import { ENV, expectClean, recordEngine, remoteEngine, sweep, theEngine } from "./run-harness.ts";

const values = { KEY: canary("key"), pem: canary("pem") };

let world: World;
const made: string[] = [];

beforeAll(async () => {
  world = await makeWorld();
  const at = { cwd: world.cwd, env: world.env };
  await sealmountOut(["init", "--app", "cats"], at);
  await sealmountOut(["set", "KEY", "--env", "prod", "--stdin"], { ...at, stdin: values.KEY });
  const file = ["--file", "/etc/cats/pem", "--mode", "0444", "--env", "prod"];
  await sealmountOut(["set", "pem", ...file, "--stdin"], { ...at, stdin: values.pem });
});

afterAll(async () => world[Symbol.asyncDispose]());

afterEach(async () => {
  for (const id of made.splice(0)) await dockerCli(["rm", "-f", id]);
  // folders of detached containers would stay until the next launch finds their container gone
  await sweep();
});

async function start(options: Partial<LaunchOptions> = {}): Promise<LaunchResult> {
  const result = await launch({
    image: "busybox:local",
    command: ["sleep", "300"],
    environment: "prod",
    variables: "plain",
    env: { ...world.env, ...ENV },
    cwd: world.cwd,
    ...options,
  });
  made.push(result.containerId);
  return result;
}

async function inside(id: string, command: string): Promise<string> {
  return dockerOut(["exec", id, "sh", "-c", command]);
}

describe("launch", () => {
  it("finds manifest, keys and engine as the command line does, and starts the container", async () => {
    const env = { ...world.env, ...ENV, DOCKER_HOST: engineHost() };
    const container = { label: ["shop=cats"], user: "1234" };
    const result = await start({ env, container });
    expect(result).toMatchObject({
      environment: "prod",
      files: [{ name: "pem", path: "/etc/cats/pem" }],
      variables: ["KEY"],
      warnings: [],
    });
    const id = result.containerId;
    expect((await inside(id, "cat /etc/cats/pem")) === values.pem).toBe(true);
    expect((await inside(id, 'printf %s "$KEY"')) === values.KEY).toBe(true);
    expect(await dockerOut(["inspect", "-f", '{{index .Config.Labels "shop"}}', id])).toBe("cats");
    expect(await dockerOut(["inspect", "-f", '{{index .Config.Labels "sealmount.env"}}', id])).toBe(
      "prod",
    );
  });

  it.each(["bind", "volume"] as const)("uses a dockerode of the caller's: %s", async (delivery) => {
    const docker = new Docker({ socketPath: new URL(engineHost()).pathname });
    const result = await start({ docker, delivery, files: [{ name: "KEY" }] });
    expect(result).toMatchObject({ delivery, variables: [] });
    const found = await inside(result.containerId, "cat /run/secrets/KEY");
    expect(found === values.KEY).toBe(true);
    const seen = await dockerOut(["inspect", result.containerId]);
    expect(leaksIn(seen, Object.values(values))).toEqual([]);
  });

  it("binds by itself with a dockerode on a socket, whatever API version it is set to", async () => {
    const docker = new Docker({ socketPath: new URL(engineHost()).pathname, version: "v1.41" });
    const result = await start({ docker });
    expect(result.delivery).toBe(process.geteuid?.() === 0 ? "bind" : "volume");
  });

  it.each(["asked for", "as [run] of the manifest says"])(
    "hides variables, of any bytes too: %s",
    async (how) => {
      const isAsked = how === "asked for";
      const result = await start({
        engine: await theEngine(),
        environment: "odd",
        command: ["sh", "-c", 'printf %s "$BYTES" | sha256sum'],
        manifest: await hidingManifest(world, "odd", { says: !isAsked }),
        variables: isAsked ? "hidden" : undefined,
      });
      expect(result).toMatchObject({ variables: ["BYTES"], files: [], warnings: [] });
      const sum = createHash("sha256").update(BYTES).digest("hex");
      await expect.poll(() => dockerOut(["logs", result.containerId])).toBe(`${sum}  -`);
      const env = await dockerOut(["inspect", "-f", "{{.Config.Env}}", result.containerId]);
      expect(env).not.toContain("BYTES");
    },
  );

  it("shows variables as files, and warns of plain ones when nobody has chosen", async () => {
    const engine = await theEngine();
    const result = await start({ engine, variables: "file" });
    expect(result).toMatchObject({ variables: ["KEY_FILE"], warnings: [] });
    const found = await inside(result.containerId, 'cat "$KEY_FILE"');
    expect(found === values.KEY).toBe(true);
    const { warnings } = await start({ engine, variables: undefined });
    expect(warnings).toEqual([expect.stringContaining("KEY can be read in docker inspect")]);
  });

  it("uses an engine of the caller's, on another machine too", async () => {
    expect(await start({ engine: await remoteEngine() })).toMatchObject({ delivery: "volume" });
  });

  it("takes the text of a key in place of the places where keys are", async () => {
    const folder = join(world.home, ".config", "sealmount", "keys");
    using key = Secret.take("key", await readFile(join(folder, "cats.key")));
    const env = { PATH: world.env["PATH"], ...ENV };
    const engine = await theEngine();
    const home = join(world.root, "nobody");
    await expect(start({ env, engine, home })).rejects.toMatchObject({ code: "KEY_NOT_FOUND" });
    expect(await start({ env, engine, home, key })).toMatchObject({ variables: ["KEY"] });
  });

  it("takes manifest and environment from the command line's own variables", async () => {
    const names = { SEALMOUNT_ENV: "prod", SEALMOUNT_MANIFEST: world.cwd };
    const env = { ...world.env, ...ENV, ...names };
    const engine = await theEngine();
    const result = await start({ engine, env, cwd: "/", environment: undefined });
    expect(result).toMatchObject({ environment: "prod", variables: ["KEY"] });
  });

  it("sends no value in a URL, and prints nothing", async () => {
    await using recorder = await recordEngine();
    const written: string[] = [];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (text: string | Uint8Array) => written.push(text.toString()) > 0;
    try {
      await start({ engine: recorder.engine });
    } finally {
      process.stdout.write = write;
    }
    expect(written).toEqual([]);
    const urls = recorder.sent().match(/^[A-Z]+ \/\S* HTTP\/1\.1/gm) ?? [];
    expect(urls.length).toBeGreaterThan(5);
    expect(leaksIn(urls.join("\n"), Object.values(values))).toEqual([]);
  });

  it.each([
    [
      "an image that is not there",
      { image: "smtest-none", container: { pull: "never" } },
      "IMAGE_MISSING",
    ],
    ["an option docker would refuse", { container: { memory: "much" } }, "USAGE"],
    ["a name that is not set", { files: [{ name: "NONE" }] }, "SECRET_MISSING"],
    ["a program that is not there", { command: ["/nope"] }, "PROGRAM_NOT_FOUND"],
    ["a folder without a manifest", { cwd: "/" }, "MANIFEST_NOT_FOUND"],
  ] as const)("%s: a typed error, and nothing is left", async (_title, options, code) => {
    const engine = await theEngine();
    await expect(start({ engine, ...options })).rejects.toMatchObject({ code });
    await expectClean();
  });
});
