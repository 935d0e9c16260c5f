/** The helpers that the canary test stands on must themselves find what they look for. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { watchArguments } from "../../support/argv-watch.ts";
import { canary, formsOf, leaksIn } from "../../support/canary.ts";
import { findOnDisk } from "../../support/disk.ts";
import { run } from "../../support/process.ts";
import { runOnTerminal } from "../../support/terminal.ts";
import { makeWorld } from "../../support/temp.ts";

const env = { PATH: process.env["PATH"] };

describe("leaksIn", () => {
  const value = canary();

  it("finds a canary in every form, inside of other text", () => {
    const url = Buffer.from(`abcd${value}`).toString("base64url");
    const forms = [
      value,
      JSON.stringify({ value }),
      JSON.stringify(JSON.stringify({ value })),
      encodeURIComponent(value),
      Buffer.from(value).toString("hex"),
      ...["", "a", "ab"].map((before) => Buffer.from(`${before}${value}x`).toString("base64")),
      url,
      value.slice(0, -2),
    ];
    const missed = forms.filter((form) => leaksIn(`x ${form} y`, [value]).length === 0);
    expect(missed).toEqual([]);
  });

  it("finds nothing in another canary", () => {
    expect(leaksIn(formsOf(canary()).join("\n"), [value])).toEqual([]);
  });
});

describe("run", () => {
  it("keeps output, exit code and signal", async () => {
    const ran = await run("sh", ["-c", "cat; echo err >&2; exit 3"], { env, stdin: "in" });
    expect(ran).toMatchObject({ code: 3, stdout: "in", stderr: "err\n" });
  });

  it("interrupts when the output says so", async () => {
    const script = "trap 'echo bye; exit 130' INT; echo ready; while :; do sleep 0.05; done";
    const interrupt = { on: "ready", signal: "SIGINT" } as const;
    const ran = await run("sh", ["-c", script], { env, interrupt });
    expect(ran).toMatchObject({ code: 130, stdout: "ready\nbye\n" });
  });

  it("kills what takes too long", async () => {
    const ran = await run("sleep", ["60"], { env, timeout: 100 });
    expect(ran).toMatchObject({ code: null, signal: "SIGKILL" });
  });
});

describe("runOnTerminal", () => {
  it("gives the program a terminal, types, and shows what was shown", async () => {
    const script =
      'test -t 0 && test -t 1 && printf "name? " && read -r name && echo "hello $name"';
    const typing = [{ on: "name? ", type: "cat\r" }];
    const ran = await runOnTerminal("sh", ["-c", script], { env, typing });
    expect(ran).toMatchObject({ code: 0, stdout: "name? cat\r\nhello cat\r\n" });
  });

  it("passes Ctrl-C and the exit code of a signal", async () => {
    const typing = [{ on: "ready", type: "\x03" }];
    const ran = await runOnTerminal("sh", ["-c", "echo ready; exec sleep 60"], { env, typing });
    expect(ran.code).toBe(130);
  });
});

describe("watchArguments", () => {
  it("sees an argument of a process that lives for a moment", async () => {
    const value = canary();
    const watch = await watchArguments([value]);
    await run("sh", ["-c", "sleep 0.1; :", value], { env });
    await expect(watch.stop()).resolves.toContain(`${value} in sh`);
  });

  it("sees nothing when a value goes by stdin or environment", async () => {
    const value = canary();
    const watch = await watchArguments([value]);
    await run("sh", ["-c", "sleep 0.1; cat"], { env: { ...env, VALUE: value }, stdin: value });
    await expect(watch.stop()).resolves.toEqual([]);
  });
});

describe("findOnDisk", () => {
  it("tells a file on disk from one in memory, and leaves out what did not change", async () => {
    await using world = await makeWorld();
    const value = canary();
    await world.write("old", value);
    const since = await world.write("since", "");
    const file = await world.write("new", `x${Buffer.from(value).toString("base64")}`);
    await world.write("clean", canary());
    expect(await findOnDisk(world.cwd, [value], since)).toEqual([{ path: file, inMemory: false }]);

    const memory = await mkdtemp("/dev/shm/smtest-");
    await writeFile(join(memory, "secret"), value);
    const hits = await findOnDisk(memory, [value], since);
    await rm(memory, { recursive: true });
    expect(hits).toEqual([{ path: join(memory, "secret"), inMemory: true }]);
  });
});

describe("makeWorld", () => {
  it("keeps a program out of the user's own folders, and is gone afterwards", async () => {
    let root = "";
    {
      await using world = await makeWorld();
      root = world.root;
      const ran = await run("sh", ["-c", "echo $HOME $XDG_CONFIG_HOME $TMPDIR"], world);
      for (const path of ran.stdout.trim().split(" ")) expect(path.startsWith(root)).toBe(true);
    }
    expect(root.startsWith(tmpdir())).toBe(true);
    expect((await run("ls", [root], { env })).code).not.toBe(0);
  });
});
