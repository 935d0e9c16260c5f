import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { MADE_WITH, type Machine, makeGate, toolsOf } from "../../../../scripts/gate.ts";
import { GATES } from "../../../../src/run/gate/binaries.ts";
import { canary } from "../../../support/canary.ts";

/** The machine that runs these tests, as images name it. */
const HERE = process.arch === "x64" ? "amd64" : process.arch;
const EMULATORS: Readonly<Record<Machine, string>> = {
  amd64: "qemu-x86_64-static",
  arm64: "qemu-aarch64-static",
};

const folder = await mkdtemp(join(tmpdir(), "smtest-gate-"));
afterAll(async () => rm(folder, { recursive: true, force: true }));

const machines = await Promise.all(
  (["amd64", "arm64"] as const).map(async (machine) => ({
    machine,
    tools: await toolsOf(machine),
  })),
);

describe.each(machines)("gate for $machine", ({ machine, tools }) => {
  const bytes = Buffer.from(GATES[machine].base64, "base64");
  const other = tools === MADE_WITH ? "" : ` (NOT COMPARED: wants ${MADE_WITH}, has ${tools})`;

  it.skipIf(tools !== MADE_WITH)(`is what its source makes, byte for byte${other}`, async () => {
    expect((await makeGate(machine)).equals(bytes)).toBe(true);
  });

  it("has about 2 KB, one segment that nobody writes, and a stack that nobody executes", () => {
    expect(bytes.length).toBeLessThan(2816);
    const [load, stack] = [64, 64 + 56].map((at) => bytes.subarray(at, at + 56));
    expect(bytes.readUInt16LE(56)).toBe(2);
    expect([load?.readUInt32LE(0), load?.readUInt32LE(4)]).toEqual([1, 5]);
    expect([stack?.readUInt32LE(0), stack?.readUInt32LE(4)]).toEqual([0x6474e551, 6]);
  });

  const runs = machine === HERE || has(EMULATORS[machine]);
  const note = runs ? "" : ` (NOT RUN: needs ${EMULATORS[machine]})`;
  describe.skipIf(!runs)(`as a program${note}`, () => {
    programTests(machine);
  });
});

function has(command: string): boolean {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function programTests(machine: Machine): void {
  const own = join(folder, machine);
  const gate = join(own, "gate");
  const envFile = join(own, "env");

  /** Folders for searches: `a` has what can't be executed, `b` has what can, `here` is entered. */
  beforeAll(async () => {
    await chmod(folder, 0o755);
    for (const name of ["a", "a/folder", "b", "here"]) {
      await mkdir(join(own, name), { recursive: true });
    }
    await writeFile(gate, Buffer.from(GATES[machine].base64, "base64"), { mode: 0o755 });
    const scripts = {
      "a/plain": "not executable",
      "a/twice": "not executable",
      "b/twice": "#!/bin/sh\necho b",
      "a/lost": "#!/smtest/none",
      "b/lost": "#!/bin/sh\necho b",
      "a/text": "neither a program nor a script",
      "b/text": "#!/bin/sh\necho b",
      "here/only-here": "#!/bin/sh\necho here",
      "here/plain": "#!/bin/sh\necho here",
      "here/lost": "#!/bin/sh\necho here",
      "here/text": "#!/bin/sh\necho here",
    };
    for (const [name, text] of Object.entries(scripts)) {
      await writeFile(join(own, name), `${text}\n`);
      if (text !== "not executable") await chmod(join(own, name), 0o755);
    }
    await symlink("/smtest/none", join(own, "a/dangling"));
    await symlink("loop", join(own, "a/loop"));
  });

  interface Options {
    readonly env?: Readonly<Record<string, string>>;
    readonly records?: readonly (string | Buffer)[] | null;
    readonly mode?: string;
    readonly uid?: number;
  }

  function start(args: readonly string[], o: Options): ChildProcess {
    const words = [gate, o.mode ?? "now", envFile, ...args];
    if (machine !== HERE) words.unshift(EMULATORS[machine]);
    const [program = "", ...rest] = words;
    return spawn(resolveProgram(program), rest, {
      cwd: join(own, "here"),
      env: { ...o.env },
      ...(o.uid === undefined ? {} : { uid: o.uid }),
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async function ended(
    child: ChildProcess,
  ): Promise<{ code: number | null; out: Buffer; err: string }> {
    const code = new Promise<number | null>((resolve, reject) => {
      child.on("error", reject).on("close", resolve);
    });
    const [out, err] = await Promise.all([buffer(child.stdout!), buffer(child.stderr!)]);
    return { code: await code, out, err: err.toString() };
  }

  async function deliver(records: readonly (string | Buffer)[]): Promise<void> {
    const parts = records.flatMap((record) => [Buffer.from(record), Buffer.alloc(1)]);
    await writeFile(`${envFile}.new`, Buffer.concat([...parts, Buffer.alloc(1)]));
    await rename(`${envFile}.new`, envFile);
  }

  async function run(
    args: readonly string[],
    o: Options = {},
  ): Promise<{ code: number | null; out: Buffer; err: string }> {
    await rm(envFile, { force: true });
    if (o.records !== null) await deliver(o.records ?? []);
    return ended(start(args, o));
  }

  async function environment(o: Options): Promise<string[]> {
    const { out } = await run(["/usr/bin/env", "-0"], o);
    return out.toString("latin1").split("\0").slice(0, -1).toSorted();
  }

  describe("variables", () => {
    it.each([
      ["nothing in the file", { A: "1" }, [], ["A=1"]],
      ["nothing of its own", {}, ["A=1"], ["A=1"]],
      ["both", { A: "1" }, ["B=2", "C=3"], ["A=1", "B=2", "C=3"]],
      ["one of the same name", { A: "1", B: "2" }, ["A=9"], ["A=9", "B=2"]],
      ["names that start alike", { A: "1", AB: "2" }, ["ABC=3", "A=4"], ["A=4", "AB=2", "ABC=3"]],
      ["a name twice: the later one", { A: "1" }, ["A=2", "A=3"], ["A=3"]],
      ["an empty value", { A: "1" }, ["A=", "B="], ["A=", "B="]],
      ["equals signs", {}, ["A==b=", "B= = "], ["A==b=", "B= = "]],
      ["newlines and quotes", {}, ["A=a\n'b'\"$c\"\n"], ["A=a\n'b'\"$c\"\n"]],
    ])("merges %s", async (_title, env, records, merged) => {
      expect(await environment({ env, records })).toEqual(merged);
    });

    it.each([
      ["now,A", { A: "1", B: "2" }, ["A=1", "B=8", "C=7"]],
      ["now,C", { A: "1", B: "2" }, ["A=9", "B=8"]],
      ["now,A,C", { A: "1" }, ["A=1", "B=8"]],
      ["now,", { A: "1" }, ["A=9", "B=8", "C=7"]],
      ["now,AA,,BB", { A: "1" }, ["A=9", "B=8", "C=7"]],
      ["wait,A,B,C", { A: "1" }, ["A=1"]],
    ] as const)("lets its own win with %s", async (mode, env, merged) => {
      expect(await environment({ env, mode, records: ["A=9", "B=8", "C=7"] })).toEqual(merged);
    });

    it("RI14: passes on any byte but NUL", async () => {
      const value = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
      const record = Buffer.concat([Buffer.from("A="), value]);
      expect(await environment({ records: [record] })).toEqual([record.toString("latin1")]);
    });

    it("passes on a thousand, and one of 128 KiB with its name and NUL", async () => {
      const records = Array.from({ length: 1000 }, (_, index) => `N${index}=${canary()}`);
      records.push(`BIG=${"x".repeat(128 * 1024 - 5)}`);
      const bytes = records.map((record) => Buffer.from(record).toString("latin1"));
      expect((await environment({ records })).join() === bytes.toSorted().join()).toBe(true);
    });

    it.each([
      ["one above 128 KiB", [`A=${"x".repeat(128 * 1024)}`]],
      ["too many of them", Array.from({ length: 100 }, (_, i) => `A${i}=${"x".repeat(100_000)}`)],
    ])("E2BIG: says so for %s", async (_title, records) => {
      const { code, err } = await run(["/usr/bin/env"], { records });
      expect([code, err]).toEqual([
        125,
        "sealmount: variables and arguments together are too large for this kernel\n",
      ]);
    });
  });

  describe("a file that is not there, or not whole", () => {
    const gone =
      "sealmount: the secrets of this container are gone: start it anew with sealmount; no ";

    it("ends with 125 and one line", async () => {
      const { code, out, err } = await run(["/usr/bin/env"], { records: null });
      expect([code, out.length, err]).toEqual([125, 0, `${gone}${envFile}\n`]);
    });

    it.each([
      ["empty", ""],
      ["cut in a record", "A=1\0B=secr"],
      ["cut after a record", "A=1\0B=2\0"],
    ])("refuses one that is %s, and shows nothing of it", async (_title, text) => {
      await writeFile(envFile, text);
      const { code, err } = await ended(start(["/usr/bin/env"], {}));
      expect([code, err]).toEqual([125, `${gone}${envFile}\n`]);
    });

    it.skipIf(process.getuid?.() !== 0)("tells one that this user may not read", async () => {
      await deliver(["A=1"]);
      await chmod(envFile, 0o400);
      const { code, err } = await ended(start(["/usr/bin/env"], { uid: 65_534 }));
      expect([code, err]).toEqual([
        125,
        `sealmount: only the container's own user may read ${envFile}\n`,
      ]);
    });

    it("says how it is called", async () => {
      const { code, err } = await run([]);
      expect([code, err]).toEqual([
        125,
        "sealmount: usage: gate now|wait ENVFILE PROGRAM [ARG...]\n",
      ]);
    });
  });

  describe("the program", () => {
    it("gets its arguments as they are, its folder, and its own exit code", async () => {
      const script = 'for a; do printf "[%s]" "$a"; done; pwd; exit 7';
      const args = ["/bin/sh", "-c", script, "sh", "", "a b", "*", "$HOME", "--"];
      const { code, out } = await run(args);
      expect(code).toBe(7);
      expect(out.toString()).toBe(`[][a b][*][$HOME][--]${join(own, "here")}\n`);
    });

    it("gets no open file", async () => {
      const words = ["/bin/sh", "-c", "ls /proc/$$/fd"] as const;
      const { out } = await run(words);
      // this process hands on one that it does not know of
      const without = spawn(words[0], words.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
      expect(out.toString()).toBe((await ended(without)).out.toString());
    });

    it("gets the signal mask of before, also after a wait", async () => {
      const blocked = "grep SigBlk /proc/self/status";
      for (const mode of ["now", "wait"] as const) {
        const { out } = await run(["/bin/sh", "-c", blocked], { mode });
        expect(out.toString()).toBe("SigBlk:\t0000000000000000\n");
      }
    });

    it.each([
      ["a", "tool", 127, "tool: executable file not found in PATH"],
      ["a", "plain", 127, "plain: executable file not found in PATH"],
      ["a", "folder", 127, "folder: executable file not found in PATH"],
      ["a", "dangling", 127, "dangling: executable file not found in PATH"],
      ["a", "loop", 127, "loop: executable file not found in PATH"],
      ["a:b", "twice", 0, "b"],
      ["none:a/plain:b", "twice", 0, "b"],
      ["a:b", "lost", 127, "lost: no such file or directory"],
      ["a:b", "text", 126, "text: exec format error"],
      ["b:a", "text", 0, "b"],
      ["", "", 127, ": executable file not found in PATH"],
    ])("PATH %s finds %s: %i", async (folders, name, code, line) => {
      const path = folders.split(":").map((part) => join(own, part));
      const ran = await run([name], { env: { PATH: path.join(":") } });
      const said = code === 0 ? ran.out.toString() : ran.err.replace("sealmount: ", "");
      expect([ran.code, said]).toEqual([code, `${line}\n`]);
    });

    // an earlier version tried the name itself when a search had met anything but "not found"
    it.each([
      ["only-here", "a"],
      ["plain", "a"],
      ["lost", "a"],
      ["text", "a"],
    ])("never falls back to the working folder: %s", async (name, folders) => {
      const ran = await run([name], { env: { PATH: join(own, folders) } });
      expect([ran.out.toString(), ran.code === 0]).toEqual(["", false]);
    });

    it.each(["", ":", ".", "./", "../here", ":/smtest/none", "/smtest/none:"])(
      "passes over what is no absolute folder in PATH: %j",
      async (path) => {
        const ran = await run(["only-here"], { env: { PATH: path } });
        expect([ran.out.toString(), ran.code]).toEqual(["", 127]);
      },
    );

    it.each([
      ["./only-here", 0, "here"],
      ["../here/only-here", 0, "here"],
      ["./none", 127, "./none: no such file or directory"],
      ["../a/plain/x", 127, "../a/plain/x: no such file or directory"],
      ["../a/plain", 126, "../a/plain: permission denied"],
      ["../a/folder", 126, "../a/folder: permission denied"],
      ["../a/text", 126, "../a/text: exec format error"],
      ["../a/lost", 127, "../a/lost: no such file or directory"],
      ["../a/loop", 126, "../a/loop: can't be executed"],
    ])("takes a name with a slash as a path: %s is %i", async (name, code, line) => {
      const ran = await run([name], { env: { PATH: join(own, "b") } });
      const said = code === 0 ? ran.out.toString() : ran.err.replace("sealmount: ", "");
      expect([ran.code, said]).toEqual([code, `${line}\n`]);
    });

    it("searches the PATH of the file, and docker's own without any", async () => {
      const records = [`PATH=${join(own, "b")}`];
      const ran = await run(["twice"], { env: { PATH: join(own, "a") }, records });
      expect(ran.out.toString()).toBe("b\n");
      expect((await run(["true"])).code).toBe(0);
    });

    it("passes over a folder in PATH that is longer than a path may be", async () => {
      const env = { PATH: `/${"x".repeat(5000)}:${join(own, "b")}` };
      expect((await run(["twice"], { env })).out.toString()).toBe("b\n");
      expect((await run(["y".repeat(5000)], { env })).code).toBe(127);
    });
  });

  describe("wait", () => {
    it("goes on once the whole file is there", async () => {
      await rm(envFile, { force: true });
      const child = start(["/usr/bin/env"], { mode: "wait" });
      const result = ended(child);
      await sleep(100);
      await writeFile(envFile, "A=1\0B=");
      await sleep(100);
      expect(child.exitCode).toBe(null);
      await deliver(["A=1", "B=2"]);
      const { code, out } = await result;
      expect([code, out.toString()]).toEqual([0, "A=1\nB=2\n"]);
    });

    it.each([
      ["SIGTERM", 143],
      ["SIGINT", 130],
      ["SIGHUP", 129],
      ["SIGUSR1", 138],
    ] as const)("%s ends it", async (signal, code) => {
      await rm(envFile, { force: true });
      const child = start(["/usr/bin/env"], { mode: "wait" });
      const result = ended(child);
      await sleep(200);
      child.kill("SIGWINCH");
      await sleep(50);
      expect(child.exitCode).toBe(null);
      child.kill(signal);
      expect((await result).code).toBe(code);
    });

    it("takes next to no CPU", async () => {
      await rm(envFile, { force: true });
      const child = start(["/usr/bin/env"], { mode: "wait" });
      const result = ended(child);
      await sleep(1000);
      const fields = execFileSync("cat", [`/proc/${child.pid}/stat`], { encoding: "latin1" });
      child.kill("SIGTERM");
      await result;
      const [user = 0, system = 0] =
        fields.split(") ")[1]?.split(" ").slice(11, 13).map(Number) ?? [];
      // in hundredths of a second; an emulator takes some to start
      expect(user + system).toBeLessThan(machine === HERE ? 5 : 30);
    });
  });
}

/** spawn's own search would take PATH from the environment that the gate is given. */
function resolveProgram(program: string): string {
  return program.includes("/") ? program : execFileSync("which", [program]).toString().trim();
}
