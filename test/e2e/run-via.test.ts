import { createHash } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { listPrivateFolders } from "../../src/docker/host-tmpfs.ts";
import { dockerCli, dockerOut, testEngine } from "../engine/current.ts";
import { dockerEnvironment } from "../engine/engine.ts";
import { watchArguments } from "../support/argv-watch.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOnTerminal, sealmountOut } from "../support/cli.ts";
import type { Ran, RunOptions } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { ENV } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

const KINDS = ["bind", "volume"] as const;
const values = {
  KEY: `${canary("key")}\n second line\n`,
  pem: canary("pem"),
  OTHER: canary("other"),
};
const needles = [values.KEY.split("\n")[0] ?? "", values.pem, values.OTHER];

let world: World;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  await buildImages();
  world = await makeWorld();
  const { docker } = testEngine();
  const tools = docker.includes("/") ? `${join(docker, "..")}:` : "";
  env = {
    ...world.env,
    ...ENV,
    PATH: `${tools}${world.env["PATH"] ?? ""}`,
    ...(await dockerEnvironment(testEngine(), world.root)),
  };
  const at = { cwd: world.cwd, env: world.env };
  await sealmountOut(["init", "--app", "cats"], at);
  for (const name of ["KEY", "OTHER"] as const) {
    await sealmountOut(["set", name, "--env", "prod", "--stdin"], { ...at, stdin: values[name] });
  }
  const file = ["--file", "/etc/cats/pem", "--owner", "app", "--mode", "0440", "--env", "prod"];
  await sealmountOut(["set", "pem", ...file, "--stdin"], { ...at, stdin: values.pem });
  await world.write("plain.env", "LEVEL=info\nOTHER=own\n");
});

afterAll(async () => {
  await removeImages();
  await world[Symbol.asyncDispose]();
});

afterEach(async () => {
  const left = await ours();
  for (const id of left.containers) await dockerCli(["rm", "-f", id]);
});

interface Ours {
  readonly containers: readonly string[];
  readonly folders: readonly string[];
  readonly volumes: readonly string[];
}

/** Everything of ours that is left: of the app in this file's world, by its label. */
async function ours(): Promise<Ours> {
  const lines = async (args: readonly string[]): Promise<string[]> =>
    (await dockerOut(args)).split("\n").filter((line) => line !== "");
  return {
    containers: await lines(["ps", "-aq", "--filter", `label=smtest=${process.pid}`]),
    folders: (await listPrivateFolders(ENV))
      .map(({ path }) => path)
      // those of other tests, which may run at the same time, are elsewhere
      .filter((path) => path.startsWith(ENV.XDG_RUNTIME_DIR)),
    volumes: await lines(["volume", "ls", "-q", "--filter", "label=sealmount.role=files"]),
  };
}

/** What has come since then. */
async function since(before: Ours): Promise<string[]> {
  const { containers, folders, volumes } = await ours();
  const known = new Set(Object.values(before).flat());
  return [containers, folders, volumes].flat().filter((name) => !known.has(name));
}

/** Volumes of other tests, which may use the engine at the same time, come and go; ours would stay. */
async function expectNothingSince(before: Ours): Promise<void> {
  await expect.poll(() => since(before), { timeout: 20_000, interval: 500 }).toEqual([]);
}

async function via(
  tool: string,
  args: readonly string[],
  more: Partial<RunOptions> = {},
): Promise<Ran> {
  const label = ["--label", `smtest=${process.pid}`];
  const own = ["run", "--via", tool, "--env", "prod", "--env-plain", ...label];
  // without it, docker warns where the machine does not forward packets
  const network = tool === "docker" ? ["--network", "none"] : [];
  return sealmount([...own, ...network, ...args], { cwd: world.cwd, env, ...more });
}

const sum = (value: string): string => createHash("sha256").update(value).digest("hex");

/** Prints hashes: what the program prints itself is the mask's business. */
const REPORT =
  'printf %s "$KEY" | sha256sum; sha256sum < /etc/cats/pem; stat -c "%u:%g %a" -L /etc/cats/pem';

describe.each(KINDS)("run --via docker, files by %s", (kind) => {
  const delivery = ["--delivery", kind] as const;

  it("hands over exact bytes, never as an argument, and leaves nothing", async () => {
    const before = await ours();
    const watch = await watchArguments(needles);
    const ran = await via("docker", [
      "--rm",
      ...delivery,
      APP_IMAGE,
      "sh",
      "-c",
      `${REPORT}; exit 3`,
    ]);
    expect(await watch.stop()).toEqual([]);
    const [key, pem, ids] = ran.stdout.split("\n");
    expect(ran.stderr).toBe("");
    expect(key).toBe(`${sum(values.KEY)}  -`);
    expect(pem).toBe(`${sum(values.pem)}  -`);
    expect(ids).toBe("1234:2345 440");
    expect(ran.code).toBe(3);
    await expectNothingSince(before);
  });

  it("takes the tool's own options behind the dashes, and docker's in front", async () => {
    const script = 'echo "$LEVEL $EXTRA $OTHER"; hostname; id -u';
    const own = ["--rm", "--env-file", "plain.env", "-h", "cat", ...delivery, "--"];
    const words = ["--no-healthcheck", APP_IMAGE, "sh", "-c", script];
    // a value in a word of its own is taken for the image: nothing is guessed
    // no word that could be the id of an image
    const ran = await via("docker", [...own, "--user", "root", ...words]);
    expect(ran).toMatchObject({ code: 125, stdout: "" });
    expect(ran.stderr).toMatch(/\[IMAGE_MISSING\]\n.*--name=value/);
    const again = await via("docker", [...own, "--user=0", "--env=EXTRA=more", ...words]);
    expect(again).toMatchObject({ code: 0, stdout: "info more own\ncat\n0\n", stderr: "" });
  });

  it("a detached container keeps its files; inspect shows no value of a file", async () => {
    const ran = await via("docker", ["-d", ...delivery, APP_IMAGE, "sleep", "300"]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const id = ran.stdout.trim();
    expect((await dockerOut(["exec", id, "cat", "/etc/cats/pem"])) === values.pem).toBe(true);
    expect(leaksIn(await dockerOut(["inspect", id]), [values.pem])).toEqual([]);
    const format =
      '{{index .Config.Labels "sealmount.app"}}/{{index .Config.Labels "sealmount.env"}}';
    expect(await dockerOut(["inspect", "-f", format, id])).toBe("cats/prod");
    const helpers = ["ps", "-aq", "--filter", "label=sealmount.role=helper"];
    const run = await dockerOut(["inspect", "-f", '{{index .Config.Labels "sealmount.run"}}', id]);
    expect(await dockerOut([...helpers, "--filter", `label=sealmount.run=${run}`])).toBe("");
  });

  it.each([
    ["a program that is not there", ["/nope"], 127],
    ["an option that docker refuses", [], 125],
  ] as const)("%s: docker's own code, and nothing is left", async (_what, command, code) => {
    const before = await ours();
    const words = command.length > 0 ? [APP_IMAGE, ...command] : ["--", "--nope=1", APP_IMAGE];
    expect(await via("docker", [...delivery, ...words])).toMatchObject({ code });
    await expectNothingSince(before);
  });

  it("pulls no image by itself, and says so", async () => {
    const ran = await via("docker", ["--rm", ...delivery, "smtest-none", "true"]);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toMatch(/\[IMAGE_MISSING\]\n.*docker pull\n$/);
  });

  it("passes a signal on, and takes the files away afterwards", async () => {
    const before = await ours();
    const script = "trap 'exit 42' TERM; echo up; while :; do sleep .1; done";
    const ran = await via("docker", ["--rm", ...delivery, APP_IMAGE, "sh", "-c", script], {
      interrupt: { on: "up", signal: "SIGTERM" },
    });
    expect(ran.code).toBe(42);
    await expectNothingSince(before);
  });
});

describe("run --via docker", () => {
  it("masks what the program prints, on both streams, unless told otherwise", async () => {
    const words = ["busybox:local", "sh", "-c", 'printf %s "$OTHER"; printf %s "$OTHER" >&2'];
    const only = ["--rm", "--only", "OTHER"];
    const ran = await via("docker", [...only, ...words]);
    expect(ran).toMatchObject({ code: 0, stdout: "***", stderr: "***" });
    const plain = await via("docker", [...only, "--no-mask", ...words]);
    expect(plain.stdout === values.OTHER).toBe(true);
  });

  it("asks no engine and pulls nothing by itself where there are no files", async () => {
    const ran = await via("docker", ["--rm", "--only", "KEY", "--pull", "never", "smtest-none"]);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain("smtest-none");
    expect(ran.stderr).not.toContain("[IMAGE_MISSING]");
  });

  it("gives the program the terminal", async () => {
    const args = ["run", "--via", "docker", "--env", "prod", "--rm", "-it", "--only", "KEY"];
    const script = 'test -t 0 && test -t 1 && echo ready && read line && echo "got $line"';
    const ran = await sealmountOnTerminal([...args, "busybox:local", "sh", "-c", script], {
      cwd: world.cwd,
      env,
      typing: [{ on: "ready", type: "purr\r" }],
    });
    expect(ran.stdout).toContain("got purr");
    expect(ran.code).toBe(0);
  });

  it("says what it would run, names only, and does nothing", async () => {
    const ran = await via("docker", ["--dry-run", "--rm", "cats", "sh", "-c", "exit 3"]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toBe(
      `docker run --rm=true --label=smtest=${process.pid} --network=none --env=KEY --env=OTHER ` +
        "'--mount=type=bind,source=…,target=/etc/cats/pem,readonly' cats sh -c 'exit 3'\n",
    );
  });

  it.each([["--image-pull-secret", "OTHER"], ["--host-auth"]])("refuses %s", async (...words) => {
    const ran = await via("docker", [...words, "cats"]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(`${words[0]} can't be had with --via docker`);
  });

  it("refuses a name that docker would obey itself", async () => {
    const at = { cwd: world.cwd, env: world.env };
    const set = ["set", "DOCKER_TLS", "--env", "odd", "--stdin"];
    await sealmountOut(set, { ...at, stdin: values.OTHER });
    const args = ["run", "--via", "docker", "--env", "odd"];
    const ran = await sealmount([...args, "cats"], { cwd: world.cwd, env });
    expect(ran.code).toBe(9);
    expect(ran.stderr).toContain("--file DOCKER_TLS");
    await sealmountOut(["rm", "DOCKER_TLS", "--env", "odd"], at);
  });

  it("says so when docker is not installed", async () => {
    const nowhere = { ...env, PATH: world.home };
    const ran = await via("docker", ["--only", "KEY", "cats"], { env: nowhere });
    expect(ran.code).toBe(127);
    expect(ran.stderr).toContain("[PROGRAM_NOT_FOUND]");
  });
});

/**
 * Neither is installed where the tests run (run-podman.test.ts has a real one): a script of that name
 * notes its arguments and the names of its variables, and compares values by their hashes.
 */
describe.each(["podman", "nerdctl"])("run --via %s, by a stand-in", (tool) => {
  const script = `#!/bin/sh
if [ "$1" = ps ]; then cat "$NOTES/ps"; exit 0; fi
printf '%s\\n' "$@" > "$NOTES/args"
env | sed -n 's/=.*//p' | sort > "$NOTES/names"
printf %s "$KEY" | sha256sum > "$NOTES/key"
for word in "$@"; do case $word in --mount=*)
  source=\${word#*source=}; source=\${source%%,*}
  sha256sum < "$source" > "$NOTES/file"; stat -c '%u:%g %a' "$source" > "$NOTES/stat"
  stat -f -c %T "$source" > "$NOTES/type";;
esac; done
echo "$KEY"
exit 7
`;
  let notes: string;
  const noted = async (name: string): Promise<string> =>
    (await readFile(join(notes, name), "utf8")).trim();

  beforeAll(async () => {
    await world.write(`bin/${tool}`, script);
    await chmod(join(world.cwd, "bin", tool), 0o755);
    notes = join(world.root, "tmp");
    await writeFile(join(notes, "ps"), "");
  });

  const withTool = (): Partial<RunOptions> => ({
    env: { ...env, NOTES: notes, PATH: `${world.cwd}/bin:${env["PATH"]}`, SEALMOUNT_KEY_NOTE: "x" },
  });

  it("gets values by name and files by mounts", async () => {
    const before = await ours();
    const watch = await watchArguments(needles);
    const file = ["--file", "pem=/etc/cats/pem,owner=12:34,mode=0440"];
    const ran = await via(tool, ["--rm", ...file, "--", "--pod=x", "cats", "serve"], withTool());
    expect(await watch.stop()).toEqual([]);
    expect(ran).toMatchObject({ code: 7, stderr: "" });
    expect(leaksIn(ran.bytes, needles)).toEqual([]);
    const args = (await noted("args")).split("\n");
    expect(args.slice(0, 5)).toEqual([
      "run",
      "--rm=true",
      `--label=smtest=${process.pid}`,
      "--env=KEY",
      "--env=OTHER",
    ]);
    expect(args[5]).toMatch(
      /^--mount=type=bind,source=\/dev\/shm\/.*,target=\/etc\/cats\/pem,readonly$/,
    );
    expect(args.slice(-3)).toEqual(["--pod=x", "cats", "serve"]);
    expect(await noted("key")).toBe(`${sum(values.KEY)}  -`);
    expect(await noted("file")).toBe(`${sum(values.pem)}  -`);
    expect(await noted("stat")).toBe("12:34 440");
    expect(await noted("type")).toBe("tmpfs");
    const names = (await noted("names")).split("\n");
    expect(names).toContain("KEY");
    expect(names.filter((name) => name.startsWith("SEALMOUNT_KEY") || name === "pem")).toEqual([]);
    await expectNothingSince(before);
  });

  it("keeps the files of a container that goes on, and removes them once it is gone", async () => {
    const before = await ours();
    const file = ["--file", "pem=/etc/cats/pem,owner=root"];
    await writeFile(join(notes, "ps"), "0123456789ab\n");
    await via(tool, ["-d", ...file, "cats"], withTool());
    expect((await ours()).folders.length).toBe(before.folders.length + 1);
    await writeFile(join(notes, "ps"), "");
    await via(tool, ["--rm", ...file, "cats"], withTool());
    await expectNothingSince(before);
  });

  it.each([
    ["an owner that only the image knows", ["--file", "pem=/etc/pem,owner=app"], "DELIVERY_OWNER"],
    ["a path in the image's working folder", ["--file", "pem=pem,owner=0:0"], "DELIVERY_PATH"],
    ["a volume", ["--delivery", "volume"], "USAGE_CONFLICT"],
    ["docker's engine", ["--context", "x"], "USAGE_CONFLICT"],
  ])("refuses %s, and leaves nothing", async (_what, args, code) => {
    const before = await ours();
    const ran = await via(tool, [...args, "cats"], withTool());
    expect(ran.stderr).toContain(`[${code}]`);
    await expectNothingSince(before);
  });
});
