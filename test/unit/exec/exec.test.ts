import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { SealmountError } from "../../../src/errors.ts";
import { exec, type ExecEntry, type ExecOptions } from "../../../src/exec/exec.ts";
import { Secret } from "../../../src/secret/secret.ts";

const CANARY = "exec-canary-77-sodalite";
const FIXTURE = fileURLToPath(new URL("fixture.ts", import.meta.url));
const NODE = process.execPath;
const PATH = process.env["PATH"] ?? "";

let folder: string;
/** In memory, and of this test alone: any other run of `exec` would clean up what we look for. */
let runtime: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "smtest-exec-"));
  runtime = mkdtempSync("/dev/shm/smtest-exec-");
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
    rmSync(runtime, { recursive: true, force: true });
  });
});

const entry = (name: string, value: string, file?: ExecEntry["file"]): ExecEntry => ({
  name,
  value: Secret.take(name, Buffer.from(value)),
  file,
});

interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  command: readonly string[],
  entries: readonly ExecEntry[] = [],
  more: Partial<ExecOptions> = {},
): Promise<Result> {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const env = { PATH, XDG_RUNTIME_DIR: runtime };
  const options = { command, entries, env, cwd: folder, stdio: streams, ...more };
  const output = Promise.all([text(streams.stdout), text(streams.stderr)]);
  const result = await exec(options).finally(() => {
    streams.stdout.end();
    streams.stderr.end();
  });
  const [stdout, stderr] = await output;
  return { ...result, stdout, stderr };
}

async function failureOf(call: Promise<unknown>): Promise<SealmountError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SealmountError)) throw new Error(`it worked or crashed: ${String(error)}`);
  expect(`${error.message}${error.hint ?? ""}${error.stack ?? ""}`).not.toContain(CANARY);
  return error;
}

describe("exec", () => {
  it("IX8, RI13: values are variables of their own name, over those that were there", async () => {
    const env = { PATH, KEEP: "kept", API_KEY: "old" };
    const { stdout } = await run(["printenv", "API_KEY", "KEEP"], [entry("API_KEY", CANARY)], {
      env,
    });
    expect(stdout).toBe(`${CANARY}\nkept\n`);
  });

  it("RI14: bytes are the same, newlines and UTF-8 included", async () => {
    const value = `two\nlines\r\n\t"æøå" 猫 😀 '\\ $HOME`;
    const { stdout } = await run(["sh", "-c", 'printf %s "$X"'], [entry("X", value)]);
    expect(stdout).toBe(value);
  });

  it("the key variables reach no program", async () => {
    const env = { PATH, SEALMOUNT_KEY: "k", SEALMOUNT_KEY_FILE: "f", SEALMOUNT_KEY_2: "x" };
    const { stdout } = await run(["env"], [], { env });
    expect(stdout).not.toContain("SEALMOUNT_KEY");
  });

  it("no value is in any argument", async () => {
    const script = "tr '\\0' ' ' < /proc/$$/cmdline; tr '\\0' ' ' < /proc/$PPID/cmdline";
    const { stdout } = await run(["sh", "-c", script], [entry("X", CANARY)]);
    expect(stdout).toContain("sh -c");
    expect(stdout).not.toContain(CANARY);
  });

  it("passes arguments, folder and argv[0] as they are", async () => {
    const { stdout } = await run(["sh", "-c", 'pwd; echo "$0" "$@"', "a b", "", "*", "--x"]);
    expect(stdout).toBe(`${folder}\na b  * --x\n`);
  });

  it.each([
    ["exit 0", 0],
    ["exit 7", 7],
    ["exit 255", 255],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
    ["kill -INT $$", 130],
  ])("passes on how it ended: %s", async (script, exitCode) => {
    expect((await run(["sh", "-c", script])).exitCode).toBe(exitCode);
  });

  it("looks for the program in the PATH that the program gets", async () => {
    writeFileSync(join(folder, "tool"), "#!/bin/sh\necho found");
    chmodSync(join(folder, "tool"), 0o755);
    const found = await run(["tool"], [entry("PATH", `${folder}:/bin`)]);
    expect(found.stdout).toBe("found\n");
    expect((await run(["./tool"])).stdout).toBe("found\n");
  });

  it("starts a script without #!, as a shell does", async () => {
    writeFileSync(join(folder, "plain"), "echo plain");
    chmodSync(join(folder, "plain"), 0o755);
    expect((await run(["./plain"])).stdout).toBe("plain\n");
  });
});

describe("what can't be started", () => {
  it.each([
    ["a name that is nowhere", ["no-such-program-here"], 127, "was not found in PATH"],
    ["a path that is nowhere", ["./nowhere"], 127, "was not found"],
    ["a folder", ["/"], 126, "can't be executed"],
    ["a file that is no program", ["./data"], 126, "can't be executed"],
    ["a script whose interpreter is missing", ["./orphan"], 126, "can't be started (ENOENT)"],
  ])("%s, as in a shell: %j exits %i", async (_, command, exitCode, message) => {
    writeFileSync(join(folder, "data"), "x", { mode: 0o644 });
    writeFileSync(join(folder, "orphan"), "#!/nowhere/sh\n", { mode: 0o755 });
    const error = await failureOf(run(command, [entry("X", CANARY)]));
    const code = exitCode === 127 ? "PROGRAM_NOT_FOUND" : "PROGRAM_NOT_EXECUTABLE";
    expect(error).toMatchObject({ code, exitCode });
    expect(error.message).toContain(message);
  });

  it("no command at all", async () => {
    expect((await failureOf(run([]))).code).toBe("USAGE");
  });

  it("more variables than the system takes", async () => {
    const value = CANARY.padEnd(130_000, "x");
    const entries = Array.from({ length: 100 }, (_, i) => entry(`X${i}`, value));
    const error = await failureOf(run(["true"], entries));
    expect(error.code).toBe("VALUE_INVALID");
  });

  it("a signal before the start ends it, and nothing stays behind", async () => {
    const onSignal: ExecOptions["onSignal"] = (listener) => {
      listener("SIGTERM");
      return () => undefined;
    };
    const file = { path: "/run/secrets/x" };
    const running = run(["true"], [entry("X", CANARY, file)], { onSignal });
    expect((await failureOf(running)).exitCode).toBe(130);
    expect(leftovers()).toEqual([]);
  });
});

describe("files", () => {
  const gcp = (mode?: number): ExecEntry =>
    entry("GCP", CANARY, {
      path: "/run/secrets/gcp.json",
      ...(mode === undefined ? {} : { mode }),
    });

  it("are on a tmpfs, private, named by a variable, and gone afterwards", async () => {
    const script =
      'cat "$GCP_FILE"; echo; echo "$GCP_FILE"; stat -c %a "$GCP_FILE" "${GCP_FILE%/*}" "${GCP_FILE%/*/*}"; stat -f -c %T "$GCP_FILE"; echo "[${GCP-none}]"';
    const { stdout } = await run(["sh", "-c", script], [gcp()]);
    const [value, path = "", ...rest] = stdout.trim().split("\n");
    expect(value).toBe(CANARY);
    expect(path).toMatch(/\/GCP\/gcp\.json$/);
    expect(rest).toEqual(["600", "700", "700", "tmpfs", "[none]"]);
    expect(existsSync(dirname(dirname(path)))).toBe(false);
  });

  it("have the declared mode, whatever the umask", async () => {
    const umask = process.umask(0o077);
    const running = run(["sh", "-c", 'stat -c %a "$GCP_FILE"'], [gcp(0o444)]);
    const { stdout } = await running.finally(() => process.umask(umask));
    expect(stdout).toBe("444\n");
    expect(leftovers()).toEqual([]);
  });

  it("are overwritten before they are removed: a second link holds nothing", async () => {
    const { stdout } = await run(
      [
        "sh",
        "-c",
        'ln "$GCP_FILE" "${GCP_FILE%/*/*/*}/smtest-link" && echo "${GCP_FILE%/*/*/*}/smtest-link"',
      ],
      [gcp()],
    );
    const link = stdout.trim();
    onTestFinished(() => rmSync(link, { force: true }));
    expect(existsSync(link)).toBe(true);
    const { stdout: left } = await run(["cat", link]);
    expect(left).toBe("");
  });

  it("are refused when their variable has the name of another value", async () => {
    const taken = run(["true"], [gcp(), entry("GCP_FILE", "x")]);
    expect((await failureOf(taken)).code).toBe("USAGE_CONFLICT");
  });

  it("are refused where nothing is in memory", async () => {
    const file = writeOptions(["true"], { entries: GCP });
    // a mount namespace of its own, where /dev/shm is a folder on disk
    const script = `mount --bind ${folder} /dev/shm && exec "$@"`;
    const child = spawn("unshare", ["-m", "sh", "-c", script, "sh", NODE, FIXTURE, file], {
      env: { PATH },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [said, code] = await Promise.all([text(child.stderr), endOf(child)]);
    expect(said).toMatch(/^POLICY: files can't be delivered here/);
    expect(code).toBe(9);
  });
});

describe("in a process of its own", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const)(
    "%s goes to the program, whose own exit code counts",
    async (signal) => {
      const script = `trap 'echo got; exit 42' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
      const child = start(["sh", "-c", script]);
      expect(await lineOf(child)).toBe("ready");
      child.kill(signal);
      expect(await lineOf(child)).toBe("got");
      expect(await endOf(child)).toBe(42);
    },
  );

  it("a program that dies of the signal gives 128 and its number, and its files are gone", async () => {
    const child = start(["sh", "-c", 'echo "$GCP_FILE"; exec sleep 30'], { entries: GCP });
    const path = await lineOf(child);
    expect(existsSync(path)).toBe(true);
    child.kill("SIGTERM");
    expect(await endOf(child)).toBe(143);
    expect(existsSync(dirname(dirname(path)))).toBe(false);
  });

  it("what a killed process left behind is removed by the next", async () => {
    const child = start(["sh", "-c", 'echo "$GCP_FILE"; exec sleep 2'], { entries: GCP });
    const path = await lineOf(child);
    child.kill("SIGKILL");
    await endOf(child);
    expect(existsSync(path)).toBe(true);
    expect(await endOf(start(["true"], { entries: GCP }))).toBe(0);
    expect(existsSync(dirname(dirname(path)))).toBe(false);
  });

  it("a reader that goes away ends the program, also behind our own pipe", async () => {
    const child = start(["sh", "-c", "yes 2>/dev/null; exit 3"], { piped: true });
    await lineOf(child);
    child.stdout?.destroy();
    expect(await endOf(child)).toBe(3);
  });

  it("Ctrl-C on a terminal reaches the program once", async () => {
    const script =
      'n=0; trap "n=\\$((n+1))" INT; echo ready; i=0; while [ $i -lt 12 ]; do sleep 0.1; i=$((i+1)); done; echo "count $n"';
    const file = writeOptions(["sh", "-c", script]);
    const driver = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
sent = False
while True:
    try:
        data = os.read(fd, 1024)
    except OSError:
        break
    if not data:
        break
    seen += data
    if b"ready" in seen and not sent:
        sent = True
        os.write(fd, b"\\x03")
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(seen.decode(), "status", status)
`;
    const child = spawn("/usr/bin/python3", ["-c", driver, NODE, FIXTURE, file], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const output = await text(child.stdout);
    expect(output).toContain("count 1");
    expect(output).toContain("status 0");
  });

  it("waits for what it started, not longer", async () => {
    const started = Date.now();
    expect(await endOf(start(["true"]))).toBe(0);
    expect(Date.now() - started).toBeLessThan(10_000);
  });
});

/** Folders that should be gone. */
function leftovers(): string[] {
  return readdirSync(runtime).flatMap((name) => readdirSync(join(runtime, name)));
}

const GCP = [{ name: "GCP", value: CANARY, file: { path: "gcp.json" } }];

/** What the fixture reads. */
function writeOptions(
  command: readonly string[],
  more: { entries?: object[]; piped?: boolean } = {},
): string {
  const file = join(folder, "options.json");
  writeFileSync(file, JSON.stringify({ command, entries: [], ...more }));
  return file;
}

/** Runs `exec` in a process of its own. */
function start(...options: Parameters<typeof writeOptions>): ChildProcess {
  const file = writeOptions(...options);
  const child = spawn(NODE, [FIXTURE, file], {
    cwd: folder,
    env: { PATH, XDG_RUNTIME_DIR: runtime },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function lineOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.stdout?.once("data", (chunk: Buffer) => resolve(String(chunk).trim()));
  });
}

async function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("close", (code) => resolve(code));
  });
}
