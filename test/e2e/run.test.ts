import { PassThrough, Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { dockerCli, dockerOut } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sizeOtherThan } from "../support/terminal.ts";
import { expectClean, recordEngine, runIn, secret } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

beforeAll(buildImages);
afterAll(removeImages);
afterEach(expectClean);

const image = APP_IMAGE;

/** Listeners as the command line has them. */
function signals(): { emit: (signal: NodeJS.Signals) => void; onSignal: OnSignal } {
  const listeners = new Set<(signal: NodeJS.Signals) => void>();
  return {
    emit: (signal) => listeners.forEach((listener) => listener(signal)),
    onSignal(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

type OnSignal = (listener: (signal: NodeJS.Signals) => void) => () => void;

describe("run: variables", () => {
  it("IX1, IX14, IT9, RI13: a secret is a variable by default", async () => {
    const value = canary();
    const entries = [secret("API_KEY", value)];
    const ran = await runIn({ image, entries, command: ["printenv", "API_KEY"] });
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout.toString()).toBe(`${value}\n`);
    expect(ran.stderr.toString()).toBe("");
  });

  it("IX9: only the entries that are handed in arrive", async () => {
    const entries = [secret("A", canary())];
    const ran = await runIn({ image, entries, command: ["printenv", "B"] });
    expect(ran.exitCode).toBe(1);
  });

  it.each([
    ["a newline at the end", "line\n"],
    ["newlines, quotes, dollars", "a\n\n'b'\"c\"\\$HOME `x`\n"],
    ["UTF-8 of two to four bytes", "ö€🐈"],
    ["an equals sign and spaces", " =a b= "],
    ["nothing", ""],
  ])("RI14: byte for byte with %s", async (_title, value) => {
    const entries = [secret("VALUE", value)];
    const ran = await runIn({ image, entries, command: ["printenv", "VALUE"] });
    expect(ran.stdout.equals(Buffer.from(`${value}\n`))).toBe(true);
  });

  it("lets a typed variable win, and takes out what a bare name asks for", async () => {
    const entries = [secret("A", "from the manifest")];
    const container = { rm: true, env: ["A=typed", "PATH_X", "HOME"] };
    const command = ["/bin/sh", "-c", 'echo "$A"; env | grep -c PATH_X'];
    const ran = await runIn({ image, entries, container, command });
    expect(ran.stdout.toString()).toBe("typed\n0\n");
  });

  it.each([
    ["a NUL byte", Buffer.from("a\0b")],
    ["bytes that are no UTF-8", Buffer.from([0xff, 0xfe])],
    ["more than Linux takes", Buffer.alloc(131_072, 97)],
  ])("refuses %s before the container exists", async (_title, value) => {
    const ran = runIn({ entries: [secret("A", value)], command: ["true"] });
    await expect(ran).rejects.toMatchObject({ code: "VALUE_INVALID", exitCode: 3 });
  });

  it.each(["variable", "bind", "volume"] as const)(
    "IT6: sends the value of a %s in no URL and no header",
    async (kind) => {
      const value = canary("url");
      await using recorder = await recordEngine();
      const files = kind === "variable" ? {} : { delivery: kind, files: [{ name: "A" }] };
      const { engine } = recorder;
      const ran = await runIn({
        engine,
        entries: [secret("A", value)],
        command: ["true"],
        ...files,
      });
      expect(ran.exitCode).toBe(0);
      const sent = recorder.sent();
      const lines = sent.split("\r\n").filter((line) => /^[A-Z]+ \/|^[\w-]+: /.test(line));
      expect(lines.some((line) => line.includes("/containers/create"))).toBe(true);
      expect(leaksIn(lines.join("\n"), [value])).toEqual([]);
      // the record is of the right conversation: variables and uploads are in its bodies
      expect(leaksIn(sent, [value]).length > 0).toBe(kind !== "bind");
    },
  );
});

describe("run: life of a container", () => {
  it.each([
    [0, "exit 0"],
    [3, "exit 3"],
    [137, "kill -9 $$; sleep 5"],
    [143, "kill -TERM $$; sleep 5"],
  ])("passes on exit code %i", async (code, script) => {
    // a shell as process 1 ignores its own signals: a child gets them
    const ran = await runIn({ command: ["sh", "-c", `sh -c '${script}'; exit $?`] });
    expect(ran.exitCode).toBe(code);
  });

  it("keeps output apart and complete, also of a program that ends at once", async () => {
    const script = "i=0; while [ $i -lt 2000 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done";
    const ran = await runIn({ command: ["sh", "-c", script] });
    expect(ran.stdout.toString().split("\n")).toHaveLength(2001);
    expect(ran.stderr.toString().endsWith("err1999\n")).toBe(true);
  });

  it("feeds standard input and its end with -i", async () => {
    const input = Buffer.alloc(300_000, "cats\n");
    const ran = await runIn({
      container: { rm: true, interactive: true },
      command: ["md5sum"],
      io: { stdin: Readable.from([input]) } as never,
    });
    expect(ran.stdout.toString()).toMatch(/^[0-9a-f]{32} {2}-\n$/);
    const plain = await runIn({ command: ["sh", "-c", "yes cats | head -c 300000 | md5sum"] });
    expect(ran.stdout.toString()).toBe(plain.stdout.toString());
  });

  it("passes signals on, early ones too", async () => {
    const { emit, onSignal } = signals();
    const script = 'trap "echo got; exit 7" TERM; echo ready; while :; do sleep 0.1; done';
    const ran = await runIn({
      command: ["sh", "-c", script],
      io: { onSignal } as never,
      onPhase: (phase) => {
        if (phase === "running") setTimeout(() => emit("SIGTERM"), 700);
      },
    });
    expect(ran.stdout.toString()).toBe("ready\ngot\n");
    expect(ran.exitCode).toBe(7);
  });

  it("keeps signals to itself with --sig-proxy=false", async () => {
    const { emit, onSignal } = signals();
    const ran = await runIn({
      container: { rm: true, sigProxy: false },
      command: ["sh", "-c", "sleep 1; echo done"],
      io: { onSignal } as never,
      onPhase: (phase) => {
        if (phase === "running") emit("SIGKILL");
      },
    });
    expect(ran.stdout.toString()).toBe("done\n");
  });

  it("gives the program a terminal of the right size, raw while it runs", async () => {
    const raw: boolean[] = [];
    let resized: (() => void) | undefined;
    let size = { rows: 31, columns: 97 };
    const ran = await runIn({
      container: { rm: true, tty: true, interactive: true },
      command: ["sh", "-c", `${sizeOtherThan("")}; ${sizeOtherThan("31 97")}; tty`],
      io: {
        stdin: new PassThrough(),
        terminal: {
          size: () => size,
          setRawMode: (on: boolean) => void raw.push(on),
          onResize(listener: () => void) {
            resized = listener;
            return () => (resized = undefined);
          },
        },
      } as never,
      onPhase: (phase) => {
        if (phase !== "running") return;
        setTimeout(() => {
          size = { rows: 20, columns: 40 };
          resized?.();
        }, 1500);
      },
    });
    expect(ran.stdout.toString()).toContain("31 97\r\n20 40\r\n/dev/pts/0");
    expect(raw).toEqual([true, false]);
    expect(resized).toBeUndefined();
  });

  it("wants a terminal for -it", async () => {
    const ran = runIn({ container: { tty: true, interactive: true }, command: ["true"] });
    await expect(ran).rejects.toMatchObject({ code: "USAGE_NO_TERMINAL" });
  });

  it("keeps the container without --rm, as docker does", async () => {
    const ran = await runIn({ container: {}, command: ["true"] });
    expect(await dockerOut(["inspect", "-f", "{{.State.Status}}", ran.containerId])).toBe("exited");
    await dockerOut(["rm", ran.containerId]);
  });

  it("returns at once with -d", async () => {
    const ran = await runIn({ container: { detach: true, rm: true }, command: ["sleep", "60"] });
    expect(ran.exitCode).toBe(0);
    expect(await dockerOut(["inspect", "-f", "{{.State.Status}}", ran.containerId])).toBe(
      "running",
    );
    await dockerOut(["rm", "-f", ran.containerId]);
  });

  it("IMAGE_MISSING: names the option that forbids to get it", async () => {
    const container = { rm: true, pull: "never" } as const;
    const ran = runIn({ image: "smtest-no-such-image:1", command: ["true"], container });
    await expect(ran).rejects.toMatchObject({
      code: "IMAGE_MISSING",
      hint: "leave out --pull never",
    });
  });

  it("reports a name that is taken, and leaves its owner alone", async () => {
    await dockerOut(["create", "--name", "smtest-taken", "busybox:local"]);
    const ran = runIn({ container: { name: "smtest-taken" }, command: ["true"] });
    await expect(ran).rejects.toMatchObject({ code: "DOCKER_REFUSED", status: 409 });
    expect((await dockerCli(["rm", "smtest-taken"])).code).toBe(0);
  });

  it.each([[{}], [{ rm: true }]])("takes a program that is not there back with %o", async (c) => {
    const ran = runIn({ container: c, entries: [secret("A", "x")], command: ["smtest-none"] });
    await expect(ran).rejects.toMatchObject({ code: "PROGRAM_NOT_FOUND", exitCode: 127 });
  });

  it.each(["smtest-none", "/smtest/none", "/etc", "/etc/passwd"])(
    "has docker's exit code for the program %s",
    async (program) => {
      const words = ["run", "--rm", "--network=none", "busybox:local", program];
      const { code } = await dockerCli(words);
      const ran = runIn({ container: { rm: true, network: "none" }, command: [program] });
      await expect(ran).rejects.toMatchObject({ exitCode: code });
    },
  );

  it("runs with docker's other options in force", async () => {
    const script =
      'id -u; pwd; hostname; grep cats /etc/hosts; ulimit -n; touch /x; mount | grep -c "/scratch"';
    const ran = await runIn({
      container: {
        rm: true,
        user: "1:1",
        workdir: "/tmp",
        hostname: "tabby",
        addHost: ["cats:10.0.0.9"],
        ulimit: ["nofile=100:200"],
        readOnly: true,
        tmpfs: ["/scratch:size=1m"],
        network: "none",
        capDrop: ["ALL"],
        securityOpt: ["no-new-privileges"],
        init: true,
        entrypoint: "sh",
        label: ["smtest=1"],
        memory: "64m",
        cpus: "0.5",
      },
      command: ["-c", script],
    });
    expect(ran.stdout.toString()).toBe("1\n/tmp\ntabby\n10.0.0.9\tcats\n100\n1\n");
    expect(ran.stderr.toString()).toContain("Read-only file system");
  });
});
