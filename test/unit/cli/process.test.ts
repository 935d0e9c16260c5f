import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, stat, symlink } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { watchArguments } from "../../support/argv-watch.ts";
import { canary, leaksIn } from "../../support/canary.ts";
import { cliCommand, sealmount, sealmountOnTerminal, sealmountOut } from "../../support/cli.ts";
import { run } from "../../support/process.ts";
import { makeWorld, type World } from "../../support/temp.ts";

/** What only a real process shows: terminal, arguments, signals, broken pipes. */

const QUESTION = "value of TOKEN (hidden): ";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await makeWorld();
  await sealmountOut(["init", "--app", "cats"], world);
});
afterAll(() => world[Symbol.asyncDispose]());

async function opened(name: string): Promise<string> {
  const script = `process.stdout.write(process.env[${JSON.stringify(name)}])`;
  return sealmountOut(["exec", "--no-mask", "--", process.execPath, "-e", script], world);
}

describe("a terminal", () => {
  it("IX4: the hidden prompt echoes nothing of what is typed", async () => {
    const value = canary();
    const ran = await sealmountOnTerminal(["set", "TOKEN"], {
      ...world,
      typing: [{ on: QUESTION, type: `${value}\r` }],
    });
    expect(ran).toMatchObject({ code: 0 });
    expect(leaksIn(ran.bytes, [value])).toEqual([]);
    expect(ran.stdout.replaceAll("\r", "")).toBe(`${QUESTION}
sealed TOKEN (common)
`);
    expect(await opened("TOKEN")).toBe(value);
  });

  it("Ctrl-C at the prompt exits 130, leaves the terminal usable, and changes nothing", async () => {
    const before = await sealmountOut(["ls", "--json"], world);
    const ran = await sealmountOnTerminal(["set", "TOKEN2"], {
      ...world,
      typing: [{ on: "value of TOKEN2 (hidden): ", type: "half\u0003" }],
    });
    expect(ran.code).toBe(130);
    expect(ran.stdout).not.toContain("half");
    expect(await sealmountOut(["ls", "--json"], world)).toBe(before);
  });

  it("the lines of a pasted text do not reach the shell behind the prompt", async () => {
    const [program, main] = cliCommand();
    const shell = `${program} ${main} set TOKEN3; read -r -t 1 left; echo "left: <$left>"`;
    const { runOnTerminal } = await import("../../support/terminal.ts");
    const ran = await runOnTerminal("bash", ["-c", shell], {
      ...world,
      typing: [{ on: "value of TOKEN3 (hidden): ", type: "one\rtouch pwned\r" }],
    });
    expect(ran.stdout).toContain("several lines");
    expect(ran.stdout).toContain("left: <>");
  });

  it("key export refuses to show a private key without --yes", async () => {
    const refused = await sealmountOnTerminal(["key", "export"], world);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stdout).not.toContain("smk1_");
    expect((await sealmountOnTerminal(["key", "export", "--yes"], world)).stdout).toContain(
      "smk1_",
    );
  });

  it("colors the word error, unless NO_COLOR or --no-color is there", async () => {
    const env = { ...world.env, NO_COLOR: "1" };
    expect((await sealmountOnTerminal(["rm", "X"], world)).stdout).toContain("\u001b[1;31merror:");
    expect((await sealmountOnTerminal(["rm", "X"], { ...world, env })).stdout).not.toContain(
      "\u001b",
    );
    expect((await sealmountOnTerminal(["rm", "X", "--no-color"], world)).stdout).not.toContain(
      "\u001b",
    );
    expect((await sealmount(["rm", "X"], world)).stderr).not.toContain("\u001b");
  });
});

describe("arguments", () => {
  it("IX7: no value reaches /proc/*/cmdline, and a typed one is refused at once", async () => {
    const value = canary();
    const watch = await watchArguments([value]);
    await sealmountOut(["set", "TOKEN", "--stdin"], { ...world, stdin: value });
    const path = await world.write("value", value);
    await sealmountOut(["set", "TOKEN", "--value-file", path], world);
    await sealmountOnTerminal(["set", "TOKEN"], {
      ...world,
      typing: [{ on: QUESTION, type: `${value}\r` }],
    });
    expect(await opened("TOKEN")).toBe(value);
    expect(await watch.stop()).toEqual([]);
    const typed = await sealmount(["set", "TOKEN", "typed-value-4711"], world);
    expect(typed).toMatchObject({ code: 2, stdout: "" });
    expect(typed.stderr).toContain("[USAGE_VALUE_AS_ARGUMENT]");
    expect(typed.stderr).not.toContain("4711");
  });
});

describe("the process", () => {
  it("exec --no-mask leaves the output alone, --file gives a private file", async () => {
    await sealmountOut(["set", "A", "--stdin"], { ...world, stdin: "value-of-a-4711" });
    const script = 'test -z "$A" && stat -c %a "$A_FILE" && cat "$A_FILE"';
    const argv = ["exec", "--no-mask", "--file", "A,mode=0400", "--", "sh", "-c", script];
    expect(await sealmountOut(argv, world)).toBe("400\nvalue-of-a-4711");
  });

  it.each(["SIGINT", "SIGTERM"] as const)("passes %s on to the program of exec", async (signal) => {
    const script = `process.on("${signal}", () => process.exit(7)); console.log("ready"); setInterval(() => 0, 999)`;
    const ran = await sealmount(["exec", "--", process.execPath, "-e", script], {
      ...world,
      interrupt: { on: "ready", signal },
    });
    // a Ctrl-C reaches the whole group of a terminal; sent to us alone, it is for us to pass on
    expect(ran.code).toBe(7);
  });

  // Node itself would open its debugger to all users of the machine, or end without a clean-up
  it.each(["SIGUSR1", "SIGUSR2"] as const)("%s does nothing", async (signal) => {
    const typing = [
      { on: "value of TOKEN", signal: constants.signals[signal] },
      { on: "(hidden): ", type: "purr\r" },
    ];
    const ran = await sealmountOnTerminal(["set", "TOKEN"], { ...world, typing });
    const shown = ran.stdout.replaceAll("\r", "").replace(/\n\w+ TOKEN \(common\)\n$/, "done");
    expect([shown, ran.code]).toEqual([`${QUESTION}done`, 0]);
  });

  it("SIGQUIT ends it as Ctrl-C does, with no image of its memory", async () => {
    const typing = [{ on: QUESTION, signal: constants.signals.SIGQUIT }];
    const ran = await sealmountOnTerminal(["set", "TOKEN"], { ...world, typing });
    expect(ran.code).toBe(130);
  });

  it("ends quietly when the reader of its output goes away", async () => {
    const [program, main] = cliCommand();
    const child = spawn(program, [main, "--help"], {
      env: world.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child, "close");
    expect(stderr).toBe("");
  });

  it.each([[["--"]], [["--no-mask", "--"]]])(
    "exec %j ends a program without an end when its reader goes away",
    async (flags) => {
      const [program, main] = cliCommand();
      const words = `"${program}" "${main}" exec ${flags.join(" ")} yes 2>/dev/null | head -n 1`;
      const ran = await run("bash", ["-c", words], world);
      expect(ran).toMatchObject({ code: 0, stdout: "y\n", stderr: "" });
    },
  );

  it("is a docker plugin when its file is called docker-sealmount", async () => {
    const [program, main] = cliCommand();
    const link = join(world.root, "docker-sealmount");
    await symlink(main, link);
    const ran = await run(program, [link, "-H", "unix:///x", "sealmount", "ls"], world);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^NAME +SCOPE/) });
    const metadata = await run(program, [link, "docker-cli-plugin-metadata"], world);
    expect(metadata.stdout).toContain('"SchemaVersion":"0.1.0"');
  });

  it("tells no value to a child of its own: the key variables are gone from its environment", async () => {
    const key = (await sealmountOut(["key", "export"], world)).trim();
    const env = { ...world.env, SEALMOUNT_KEY: key, SEALMOUNT_KEY_FILE: "" };
    const ran = await sealmount(["exec", "--no-mask", "--", "env"], { ...world, env });
    expect(ran.code).toBe(0);
    expect(ran.stdout).not.toContain("SEALMOUNT_KEY");
  });
});

describe("what Node has compiled", () => {
  it("is kept in the user's own cache folder, and nothing depends on it", async () => {
    await using own = await makeWorld();
    const help = await sealmountOut(["--help"], own);
    const folder = join(own.home, ".cache", "sealmount");
    const kept = await readdir(join(folder, "compiled"), { recursive: true });
    expect([(await stat(folder)).mode & 0o777, kept.length > 1]).toEqual([0o700, true]);
    const env = { ...own.env, XDG_CACHE_HOME: "/dev/null" };
    expect(await sealmountOut(["--help"], { ...own, env })).toBe(help);
  });
});
