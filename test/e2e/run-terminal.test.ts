import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { dockerCli, dockerOut, engineHost, needsEngine } from "../engine/current.ts";
import { canary } from "../support/canary.ts";
import { cliCommand, sealmount, sealmountOut } from "../support/cli.ts";
import type { Ran } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { runOnTerminal, type Typing } from "../support/terminal.ts";
import { ENV, IMAGE } from "./run-harness.ts";

/** `sealmount run` as a process: on a terminal, under signals, with a file for the id. */

const NAME = `smtest-terminal-${process.pid}`;
const secret = canary("file");
const CTRL_C = "\x03";
const SIGTERM = 15;

let world: World;
let env: Record<string, string>;

beforeAll(async () => {
  world = await makeWorld();
  env = { ...world.env, ...ENV, DOCKER_HOST: engineHost(), DOCKER_CONFIG: join(world.root, "cfg") };
  const at = { cwd: world.cwd, env };
  await sealmountOut(["init", "--app", "cats"], at);
  await sealmountOut(["set", "FILE", "--common", "--stdin"], { ...at, stdin: secret });
});

afterEach(async () => {
  await dockerCli(["rm", "-fv", NAME]);
});

afterAll(async () => world[Symbol.asyncDispose]());

/** The container's state, or "gone". */
async function state(): Promise<string> {
  const { code, stdout } = await dockerCli(["inspect", "-f", "{{.State.Status}}", NAME]);
  return code === 0 ? stdout.trim() : "gone";
}

/** A program for `sh -c` in the container. */
function words(options: readonly string[], script: string): string[] {
  return ["run", "--env-plain", "--name", NAME, ...options, IMAGE, "sh", "-c", script];
}

/** On a terminal, between two lines with the settings of that terminal. */
async function onTerminal(
  options: readonly string[],
  script: string,
  typing: readonly Typing[],
): Promise<Ran & { readonly isRestored: boolean }> {
  const around = 'stty -g; "$@"; code=$?; stty -g; exit $code';
  const [program, main] = cliCommand();
  const call = ["-c", around, "sh", program, main, ...words(options, script)];
  const ran = await runOnTerminal("/bin/sh", call, { cwd: world.cwd, env, typing });
  const settings = ran.stdout.match(/^[\da-f]+(?::[\da-f]+){10,}\r?$/gm) ?? [];
  return { ...ran, isRestored: settings.length === 2 && settings[0] === settings[1] };
}

async function onPipes(
  options: readonly string[],
  script: string,
  more: {
    readonly stdin?: string;
    readonly interrupt?: { on: string; signal: NodeJS.Signals };
  } = {},
): Promise<Ran> {
  return sealmount(words(options, script), { cwd: world.cwd, env, ...more });
}

const LOOP = "while :; do sleep 0.1; done";

describe("run on a terminal", () => {
  it("gives the keys to the program, and the terminal back as it was", async () => {
    const script = `trap 'echo "got it"; exit 7' INT; tty; echo ready; ${LOOP}`;
    const ran = await onTerminal(["-it", "--rm"], script, [{ on: "ready", type: CTRL_C }]);
    expect(ran.stdout).toContain("/dev/pts/0");
    expect(ran.stdout).toContain("got it");
    expect(ran.code).toBe(7);
    expect(ran.isRestored).toBe(true);
    expect(await state()).toBe("gone");
  });

  it("passes lines and the end of input on, without an echo of its own", async () => {
    const script = 'echo ready; read a; echo "<$a>"; cat; echo over';
    const typing = [
      { on: "ready", type: "meow\r" },
      { on: "<meow>", type: "\x04" },
    ];
    const ran = await onTerminal(["-it", "--rm"], script, typing);
    expect(ran.stdout.match(/meow/g)).toHaveLength(2);
    expect(ran.stdout).toContain("over");
    expect(ran.code).toBe(0);
  });

  it("follows the size of the window", async () => {
    // the size of the start may come after it: an engine of 20.10 is told when the program runs
    const then = 'stty size; [ "$(stty size)" = "17 61" ] && exit';
    const script = `trap '${then}' WINCH; echo ready; ${LOOP}`;
    const typing = [{ on: "ready", size: [61, 17] as const }];
    const ran = await onTerminal(["-it", "--rm"], script, typing);
    expect(ran.stdout).toContain("17 61");
  });

  it("has the size right from the first line", async (context) => {
    await needsEngine(context, [23, 0], "a size at the start");
    const ran = await onTerminal(["-it", "--rm"], "stty size", []);
    expect(ran.stdout).toContain("30 100");
  });

  it.each([
    ["docker's keys", [], "\x10\x11"],
    ["--detach-keys", ["--detach-keys", "ctrl-x,y"], "\x18y"],
  ])("leaves the program running after %s", async (_title, options, keys) => {
    const typing = [{ on: "ready", type: keys }];
    const ran = await onTerminal(["-it", ...options], `echo ready; ${LOOP}`, typing);
    expect(ran.code).toBe(0);
    expect(ran.isRestored).toBe(true);
    expect(await state()).toBe("running");
  });

  it("takes the keys of docker's own configuration", async () => {
    await world.write("../cfg/config.json", JSON.stringify({ detachKeys: "ctrl-e,ctrl-e" }));
    const typing = [{ on: "ready", type: "\x05\x05" }];
    const ran = await onTerminal(["-it"], `echo ready; ${LOOP}`, typing);
    await world.write("../cfg/config.json", "{}");
    expect(ran.code).toBe(0);
    expect(await state()).toBe("running");
  });

  it("lets the program live when the window is closed, as docker does", async () => {
    const typing = [{ on: "ready", signal: SIGTERM }];
    const call = [...cliCommand(), ...words(["-it"], `echo ready; ${LOOP}`)];
    const [program = "", ...args] = call;
    const ran = await runOnTerminal(program, args, { cwd: world.cwd, env, typing });
    expect(ran.code).toBe(130);
    expect(await state()).toBe("running");
  });

  it("gives the terminal back after a failure", async () => {
    const ran = await onTerminal(["-it", "--entrypoint", "/none"], "", []);
    expect(ran.code).toBe(127);
    expect(ran.isRestored).toBe(true);
    expect(await state()).toBe("gone");
  });

  it("wants one for -it", async () => {
    const ran = await onPipes(["-it"], "true");
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("USAGE_NO_TERMINAL");
    expect(await state()).toBe("gone");
  });
});

describe("run under signals", () => {
  it.each(["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const)(
    "passes %s on",
    async (signal) => {
      const short = signal.slice(3);
      const script = `trap 'echo got ${short}; exit 9' ${short}; echo ready; ${LOOP}`;
      const ran = await onPipes(["--rm"], script, { interrupt: { on: "ready", signal } });
      expect(ran.stdout).toBe(`ready\ngot ${short}\n`);
      expect(ran.stderr).toBe("");
      expect(ran.code).toBe(9);
    },
  );

  it.each(["SIGUSR1", "SIGUSR2"] as const)(
    "does nothing on %s with --sig-proxy=false, as docker",
    async (signal) => {
      const interrupt = { on: "ready", signal } as const;
      const script = "echo ready; sleep 1; exit 9";
      const ran = await onPipes(["--rm", "--sig-proxy=false"], script, { interrupt });
      expect(ran).toMatchObject({ code: 9, stdout: "ready\n", stderr: "" });
    },
  );

  it.each(["bind", "volume"])(
    "leaves program and files of a %s alone with --sig-proxy=false",
    async (kind) => {
      const script = `echo ready; ${LOOP}`;
      const interrupt = { on: "ready", signal: "SIGTERM" } as const;
      const delivery = ["--only", "FILE", "--file", "FILE", "--delivery", kind];
      const ran = await onPipes(["--rm", "--sig-proxy=false", ...delivery], script, { interrupt });
      expect(ran.code).toBe(130);
      expect(ran.stderr).not.toContain("left behind");
      expect(await state()).toBe("running");
      const file = await dockerOut(["exec", NAME, "md5sum", "/run/secrets/FILE"]);
      const hash = createHash("md5").update(secret).digest("hex");
      expect(file.startsWith(hash)).toBe(true);
      // nobody but the test is left to remove it
      const mounts = await dockerOut(["inspect", "-f", "{{range .Mounts}}{{.Name}} {{end}}", NAME]);
      await dockerOut(["rm", "-f", NAME]);
      // the gate's is for others, too
      for (const name of mounts.split(" ")) {
        if (/^sealmount-(?!gate-)/.test(name)) await dockerOut(["volume", "rm", name]);
      }
    },
  );
});

describe("--attach", () => {
  const script = "echo out; echo err >&2; exit 3";

  it.each([
    [[], "out\n", "err\n"],
    [["-a", "stdout"], "out\n", ""],
    [["-a", "STDERR"], "", "err\n"],
    [["-a", "stdin"], "", ""],
  ])("%j", async (options, stdout, stderr) => {
    const ran = await onPipes(["--rm", ...options], script);
    expect([ran.stdout, ran.stderr, ran.code]).toEqual([stdout, stderr, 3]);
  });

  it("feeds the input alone", async () => {
    const read = "cat > /got; test $(cat /got) = cats";
    const ran = await onPipes(["--rm", "-i", "-a", "stdin"], read, { stdin: "cats" });
    expect([ran.stdout, ran.code]).toEqual(["", 0]);
  });
});

describe("--cidfile", () => {
  const path = (): string => join(world.cwd, "cid");

  afterEach(async () => rm(path(), { force: true }));

  it.each([[["-d"]], [[]]])("holds the id with %j", async (options) => {
    const ran = await onPipes(["--cidfile", "cid", ...options], "true");
    expect(ran.code).toBe(0);
    const id = await readFile(path(), "utf8");
    expect(id).toBe(await dockerOut(["inspect", "-f", "{{.Id}}", NAME]));
  });

  it("is left as it is when it exists, and nothing happens", async () => {
    await world.write("cid", "other");
    const ran = await onPipes(["--cidfile", "cid"], "true");
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("--cidfile cid exists already");
    expect(await readFile(path(), "utf8")).toBe("other");
    expect(await state()).toBe("gone");
  });

  it.each([
    ["could not be started", ["--entrypoint", "/none"], IMAGE, 127],
    ["could not be made", ["--memory", "1b"], IMAGE, 125],
    ["has no image", [], "smtest-none:1", 125],
  ])("is taken back when the container %s", async (_title, options, image, code) => {
    const call = ["run", "--name", NAME, "--cidfile", "cid", ...options, image];
    const ran = await sealmount(call, { cwd: world.cwd, env });
    expect(ran.code).toBe(code);
    await expect(readFile(path())).rejects.toMatchObject({ code: "ENOENT" });
    expect(await state()).toBe("gone");
  });

  it("names a folder that is not there", async () => {
    const ran = await onPipes(["--cidfile", "none/cid"], "true");
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("ENOENT");
  });
});

describe("options that are refused", () => {
  it.each([
    [["--use-api-socket"], "can't do --use-api-socket"],
    [["--cpu-count", "1"], "can't do --cpu-count"],
    [["--no-such-option"], "no such option --no-such-option"],
  ])("%j names the way out", async (options, fact) => {
    const ran = await onPipes(options, "true");
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(fact);
    expect(ran.stderr).toContain("--via docker");
    expect(await state()).toBe("gone");
  });
});
