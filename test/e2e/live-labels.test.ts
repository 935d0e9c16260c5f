import { randomBytes } from "node:crypto";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { dockerCli, dockerOut, engineHost, testEngine } from "../engine/current.ts";
import { dockerEnvironment } from "../engine/engine.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import { parseJson } from "../support/json.ts";
import type { Ran, RunOptions } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { KINDS } from "./live-harness.ts";
import { ENV, IMAGE, sweep } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

/** Containers that look like one of the app's, made by somebody who has no key. */

const APP = `smtest-labels-${process.pid}`;
const COPY = `${APP}-copy`;
let world: World;
let value = "";
/** The manifest's path, and its text at the begin of each test. */
let file: string;
let manifest: string;
const values: string[] = [];
const made: string[] = [];

type Labels = Readonly<Record<string, string>>;

async function at(args: readonly string[], o: Partial<RunOptions> = {}): Promise<Ran> {
  const env = { ...world.env, ...ENV, DOCKER_HOST: engineHost() };
  const ran = await sealmount(args, { cwd: world.cwd, env, stdin: "", ...o });
  expect(leaksIn(ran.bytes.toString(), values)).toEqual([]);
  return ran;
}

/** A new value, which no container has. */
async function rotate(): Promise<void> {
  value = canary("key");
  values.push(value);
  const set = ["set", "KEY", "--env", "prod", "--file", "/run/secrets/KEY", "--stdin"];
  expect((await at(set, { stdin: value })).code).toBe(0);
}

async function started(kind: string, ...flags: string[]): Promise<string> {
  const own = ["-d", "--env", "prod", "-u", "0", "--delivery", kind, "--network", "none"];
  const ran = await at(["run", ...own, ...flags, IMAGE, "sleep", "300"]);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  made.push(ran.stdout.trim());
  return ran.stdout.trim();
}

async function labelsOf(id: string): Promise<Labels> {
  const labels = await dockerOut(["inspect", "-f", "{{json .Config.Labels}}", id]);
  return parseJson<Labels>(labels);
}

/** Makes a container with labels, as people do without sealmount. */
async function forge(
  labels: Labels,
  { words = [] }: { readonly words?: readonly string[] } = {},
): Promise<string> {
  const flags = Object.entries(labels).map(([name, text]) => `--label=${name}=${text}`);
  const script = "mkdir -p /loot/m0/..a; ln -s ..a /loot/m0/..data; sleep 300";
  const own = ["run", "-d", "--network=none", `--name=${APP}-forged`, ...flags, ...words];
  const id = await dockerOut([...own, IMAGE, "sh", "-c", script]);
  made.push(id);
  return id;
}

/** A volume as sealmount makes them, and labels that ask for values there. */
async function ownStore(labels: Labels): Promise<{ labels: Labels; words: readonly string[] }> {
  const run = randomBytes(8).toString("hex");
  const { "sealmount.run": old = "", "sealmount.spec": spec = "" } = labels;
  const { volumes } = parseJson<{ volumes: { name: string }[] }>(spec);
  const words: string[] = [];
  for (const [index] of volumes.entries()) {
    const name = `sealmount-${run}-${index}`;
    const marks = [`sealmount.run=${run}`, "sealmount.role=files", `sealmount.owner=${OWNER}`];
    const options = ["type=tmpfs", "device=tmpfs", "o=size=1m,mode=0755"];
    const labelled = marks.map((mark) => `--label=${mark}`);
    const flags = [...labelled, ...options.map((option) => `--opt=${option}`)];
    await dockerOut(["volume", "create", ...flags, name]);
    words.push(`--volume=${name}:/loot${index === 0 ? "" : index}`);
  }
  const own = { "sealmount.run": run, "sealmount.spec": spec.replaceAll(old, run) };
  return { labels: { ...labels, ...own }, words };
}

/** So that `sweep` finds what these tests leave. */
const OWNER = `${process.pid}.1@aa`;

/** Bytes that somebody finds in their own volumes. */
async function loot(id: string): Promise<string> {
  return dockerOut([
    "exec",
    id,
    "sh",
    "-c",
    "find /loot* -type f -exec cat {} + 2>/dev/null | wc -c",
  ]);
}

async function statusOf(id: string): Promise<unknown> {
  const ran = await at(["ps", "--json"]);
  const lines = parseJson<{ id: string; status: unknown }[]>(ran.stdout);
  return lines.find((line) => line.id === id)?.status;
}

async function expectRefused(id: string, why: string): Promise<void> {
  const refused = await at(["refresh", "--force", id]);
  expect([refused.code, refused.stderr]).toEqual([9, expect.stringContaining(why)]);
  expect(refused.stderr).toContain("[LABELS_UNTRUSTED]");
  expect(await statusOf(id)).toEqual({ kind: "untrusted", why: expect.stringContaining(why) });
  expect((await at(["ps"])).stdout).toContain(`untrusted: ${why}`);
  expect((await at(["ps", "--stale"])).code).toBe(9);
}

beforeAll(async () => {
  world = await makeWorld();
  file = join(world.cwd, "iterapp.toml");
  await sealmountOut(["init", "--app", APP], { cwd: world.cwd, env: world.env });
});

afterAll(async () => {
  await dockerCli(["rmi", "-f", COPY]);
  await removeImages();
  await world[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await rotate();
  manifest = await readFile(file, "utf8");
});

afterEach(async () => {
  for (const id of made.splice(0)) await dockerCli(["rm", "-fv", id]);
  await writeFile(file, manifest);
  await at(["doctor", "--clean"]);
  await sweep();
});

describe("a container with labels that nobody of the app has signed", () => {
  it.each<readonly [string, (labels: Labels) => Labels, string]>([
    [
      "without a mac",
      ({ "sealmount.mac": _mac, ...labels }) => labels,
      "its labels are not signed",
    ],
    ["with the mac of another", (labels) => labels, "its labels were changed"],
    [
      "by a key of their own",
      (labels) => ({ ...labels, "sealmount.key": "0123456789abcdef" }),
      "its labels are signed by key 0123456789abcdef",
    ],
  ])("IX26: %s gets nothing, by refresh", async (_title, change, why) => {
    const real = await started("volume");
    const { labels, words } = await ownStore(await labelsOf(real));
    const forged = await forge(change(labels), { words });
    await rotate();
    await expectRefused(forged, why);
    expect(await loot(forged)).toBe("0");
  });

  it("IX26, RI29: refresh --all tells it and brings the others their values", async () => {
    const real = await started("volume");
    const { labels, words } = await ownStore(await labelsOf(real));
    const forged = await forge(labels, { words });
    await rotate();
    const all = await at(["refresh", "--all", "--env", "prod"]);
    expect([all.code, all.stdout]).toEqual([9, expect.stringMatching(/: refreshed KEY\n$/)]);
    expect(all.stderr).toContain(`${APP}-forged gets no values: its labels were changed`);
    expect((await dockerOut(["exec", real, "cat", "/run/secrets/KEY"])) === value).toBe(true);
    expect(await loot(forged)).toBe("0");
    expect(await statusOf(real)).toEqual({ kind: "up to date" });
  });

  it("IX26: the agent tells it and brings the others their files", async () => {
    const real = await started("volume", "--agent");
    const { labels, words } = await ownStore(await labelsOf(real));
    await dockerOut(["restart", "-t", "0", real]);
    // newest first: it is looked at before the other
    const forged = await forge(labels, { words });
    await rotate();
    const interrupt = { on: "has its files again", signal: "SIGTERM" } as const;
    const ran = await at(["agent", "--env", "prod"], { interrupt });
    const told = `${APP}-forged waits for its files: container ${APP}-forged gets no values`;
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining(told)]);
    expect((await dockerOut(["exec", real, "cat", "/run/secrets/KEY"])) === value).toBe(true);
    expect(await loot(forged)).toBe("0");
  });

  it("revoke and down take it away without a key", async () => {
    const { "sealmount.mac": _mac, ...labels } = await labelsOf(await started("volume"));
    const own = await ownStore(labels);
    const forged = await forge(own.labels, own);
    const env = { ...world.env, ...ENV, DOCKER_HOST: engineHost(), XDG_CONFIG_HOME: "/none" };
    expect(await at(["revoke", forged], { env })).toMatchObject({ code: 0 });
    expect(await at(["down", "--timeout", "0", forged], { env })).toMatchObject({ code: 0 });
    expect((await dockerCli(["inspect", forged])).code).not.toBe(0);
  });
});

describe.each(KINDS)("all labels of a container with files by %s, copied", (kind) => {
  it("to another environment", async () => {
    const labels = await labelsOf(await started(kind));
    const copied = await forge({ ...labels, "sealmount.env": "test" });
    const refused = await at(["refresh", "--force", copied]);
    // nothing of that environment has this name: there is nothing to give
    expect([refused.code, await loot(copied)]).toEqual([3, "0"]);
    await at(["set", "KEY", "--env", "test", "--stdin"], { stdin: canary("test") });
    await expectRefused(copied, "its labels were changed");
  });

  it("to another image, as docker commit does it", async () => {
    const real = await started(kind);
    await dockerOut(["commit", real, COPY]);
    // the gate, where it is the committed entrypoint, is not in the image
    const words = ["--network=none", "--entrypoint=sleep", COPY, "300"];
    const id = await dockerOut(["run", "-d", ...words]);
    made.push(id);
    await expectRefused(id, "its labels were changed, or signed for another image");
    // run by sealmount, the same image is the app's
    const own = await at(["run", "-d", "--env", "prod", "--delivery", kind, ...words]);
    made.push(own.stdout.trim());
    await rotate();
    expect(await at(["refresh", own.stdout.trim()])).toMatchObject({ code: 0 });
  });
});

describe("what is signed", () => {
  it("an image for one platform, whatever the engine takes for its id", async () => {
    await buildImages();
    const platform = await dockerOut(["version", "-f", "{{.Server.Os}}/{{.Server.Arch}}"]);
    const own = ["-d", "--env", "prod", "--platform", platform];
    const ran = await at(["run", ...own, APP_IMAGE, "sleep", "300"]);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    const id = ran.stdout.trim();
    made.push(id);
    await rotate();
    const refreshed = await at(["refresh", id]);
    expect([refreshed.code, refreshed.stderr]).toEqual([0, ""]);
    expect(await statusOf(id)).toEqual({ kind: "up to date" });
  });

  it.each([[[]], [["--file", "KEY=/run/secrets/KEY"]]])(
    "what docker's own client runs, with %j",
    async (flags) => {
      await at(["set", "ONLY", "--env", "via", "--stdin"], { stdin: canary("only") });
      await at(["set", "KEY", "--env", "via", "--stdin"], { stdin: canary("via") });
      const { docker } = testEngine();
      const tools = docker.includes("/") ? `${dirname(docker)}:` : "";
      const more = await dockerEnvironment(testEngine(), world.root);
      const env = { ...world.env, ...ENV, ...more, PATH: `${tools}${world.env["PATH"] ?? ""}` };
      const own = ["-d", "--env", "via", "--env-plain", ...flags];
      const ran = await at(["run", "--via=docker", ...own, "--", IMAGE, "sleep", "300"], { env });
      expect(ran.code).toBe(0);
      made.push(ran.stdout.trim());
      expect(await statusOf(ran.stdout.trim())).toEqual({ kind: "up to date" });
    },
  );
});

describe("what is not signed", () => {
  it("a container of plain values is refreshed without a key, until one is sealed", async () => {
    await appendFile(
      file,
      '\n[env.plain]\nLEVEL = { default = "one", file = "/run/secrets/LEVEL" }\n',
    );
    const ran = await at(["run", "-d", "--env", "plain", "-u", "0", IMAGE, "sleep", "300"]);
    const id = ran.stdout.trim();
    made.push(id);
    expect(await labelsOf(id)).not.toHaveProperty("sealmount.mac");
    await writeFile(file, (await readFile(file, "utf8")).replace('"one"', '"two"'));
    expect(await at(["refresh", id])).toMatchObject({ code: 0 });
    expect(await dockerOut(["exec", id, "cat", "/run/secrets/LEVEL"])).toBe("two");
    const set = ["set", "LEVEL", "--env", "plain", "--file", "/run/secrets/LEVEL", "--stdin"];
    expect((await at(set, { stdin: canary("level") })).code).toBe(0);
    await expectRefused(id, "its labels are not signed");
  });

  it("IX26: by a holder of the common key alone, who asks for a value of prod", async () => {
    const id = await started("bind");
    const key = (await at(["key", "new", "--add"])).stdout.trim();
    await writeFile(file, manifest.replace("\n[env", `\n[seal.keys]\nprod = "${key}"\n\n[env`));
    await rotate();
    await expectRefused(id, "its labels are signed by key ");
    const own = await started("bind");
    expect(await statusOf(own)).toEqual({ kind: "up to date" });
  });
});
