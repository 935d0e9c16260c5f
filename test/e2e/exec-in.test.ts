import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { execIn } from "../../src/run/exec-in.ts";
import type { ExecInFlags, ExecInOptions } from "../../src/run/exec-in.ts";
import { dockerEnvironment } from "../engine/engine.ts";
import { dockerCli as docker, dockerOut, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { sealmount, sealmountOnTerminal, sealmountOut } from "../support/cli.ts";
import { makeWorld } from "../support/temp.ts";
import { sizeOtherThan } from "../support/terminal.ts";
import {
  ENV,
  leftovers,
  remoteEngine,
  runIn,
  secret,
  sink,
  sweep,
  theEngine,
} from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

/** `exec --container` on a real engine: a command in a container, whose variables may be hidden. */

const value = canary("exec");
const cache = await mkdtemp(join(tmpdir(), "smtest-cache-"));
const ids: Record<string, string> = {};

beforeAll(async () => {
  await buildImages();
  for (const name of ["bind", "volume", "plain"] as const) {
    const { containerId } = await runIn({
      engine: name === "volume" ? await remoteEngine() : await theEngine(),
      image: APP_IMAGE,
      env: { ...ENV, XDG_CACHE_HOME: cache },
      variables: name === "plain" ? "plain" : "hidden",
      entries: [secret("API_KEY", value), secret("B", "hidden")],
      container: { detach: true, env: ["TYPED=at the start"] },
      command: ["sleep", "600"],
    });
    ids[name] = containerId;
  }
});
afterAll(async () => {
  await dockerOut(["rm", "-f", ...Object.values(ids)]);
  await sweep();
  expect(await leftovers()).toEqual([]);
  await removeImages();
  await rm(cache, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function execute(
  name: string,
  command: readonly string[],
  flags: ExecInFlags = {},
  more: Partial<ExecInOptions> = {},
): Promise<Ended> {
  const [stdout, stderr] = [sink(), sink()];
  const io = { stdout: stdout.stream, stderr: stderr.stream, ...more.io };
  const engine = await theEngine();
  const container = ids[name] ?? name;
  const code = await execIn({
    engine,
    container,
    command,
    flags,
    env: ENV,
    cwd: cache,
    ...more,
    io,
  });
  return { code, stdout: stdout.bytes().toString(), stderr: stderr.bytes().toString() };
}

describe.each(["bind", "volume", "plain"])("exec in a container with variables by %s", (name) => {
  it("gives the command the container's variables, and what -e says", async () => {
    const script = 'echo "$TYPED $B $MORE"; [ "$API_KEY" = "$(cat)" ] && echo same';
    const io = { stdin: Readable.from([value]) } as never;
    const flags = { interactive: true, env: ["MORE=more"] };
    const ran = await execute(name, ["sh", "-c", script], flags, { io });
    expect(ran).toEqual({ code: 0, stdout: "at the start hidden more\nsame\n", stderr: "" });
  });

  it.each([
    [["B=typed"], {}, "typed"],
    [["B"], { B: "the client's" }, "the client's"],
    [["TYPED=again", "B="], {}, ""],
  ])("lets -e %j win", async (env, client, shown) => {
    const more = { env: { ...ENV, ...client } };
    const ran = await execute(name, ["sh", "-c", "echo $B"], { env }, more);
    expect(ran.stdout).toBe(`${shown}\n`);
  });

  it("reads --env-file, and lets -e win", async () => {
    await writeFile(join(cache, "typed.env"), "# plain\nB=of the file\nTYPED=of the file\n");
    const flags = { envFile: ["typed.env"], env: ["TYPED=typed"] };
    const ran = await execute(name, ["sh", "-c", 'echo "$B, $TYPED"'], flags);
    expect(ran.stdout).toBe("of the file, typed\n");
  });

  it("refuses an --env-file that is not there or holds the key", async () => {
    await writeFile(join(cache, "key.env"), "SEALMOUNT_KEY=x\n");
    for (const file of ["none.env", "key.env"]) {
      const flags = { envFile: [file] };
      await expect(execute(name, ["true"], flags)).rejects.toMatchObject({ code: "USAGE" });
    }
  });

  it("keeps output apart, and passes on the exit code", async () => {
    const ran = await execute(name, ["sh", "-c", "echo out; echo err >&2; exit 42"]);
    expect(ran).toEqual({ code: 42, stdout: "out\n", stderr: "err\n" });
  });

  it.each([
    ["none", 127],
    ["/none", 127],
    ["/etc", 126],
    ["/etc/passwd", 126],
  ])("exits as docker exec does for %s", async (program, code) => {
    const ran = await execute(name, [program]);
    // engines before 28 say 126 where there is no such program; behind the gate it is always 127
    const asDocker = await docker(["exec", ids["plain"] ?? "", program]);
    expect(ran.code).toBe(name === "plain" ? asDocker.code : code);
    expect(ran.stdout + ran.stderr).not.toBe("");
  });

  it("takes user and folder", async () => {
    const flags = { user: "0", workdir: "/tmp" };
    const ran = await execute(name, ["sh", "-c", "id -u; pwd; echo $B"], flags);
    expect(ran.stdout).toBe("0\n/tmp\nhidden\n");
  });

  it("gives the command a terminal of the right size, raw while it runs", async () => {
    const raw: boolean[] = [];
    const terminal = {
      size: () => ({ rows: 31, columns: 97 }),
      setRawMode: (on: boolean) => void raw.push(on),
      onResize: () => () => undefined,
    };
    const io = { stdin: new PassThrough(), terminal } as never;
    const flags = { tty: true, interactive: true };
    const ran = await execute(name, ["sh", "-c", `${sizeOtherThan("")}; exit 3`], flags, { io });
    expect([ran.code, ran.stdout, raw]).toEqual([3, "31 97\r\n", [true, false]]);
  });

  it("returns at once with -d", async () => {
    const flags = { detach: true, user: "0" };
    const ran = await execute(name, ["sh", "-c", "sleep 0.2; echo $B > /tmp/detached"], flags);
    expect(ran).toEqual({ code: 0, stdout: "", stderr: "" });
    const wait =
      "until [ -s /tmp/detached ]; do sleep 0.05; done; cat /tmp/detached; rm /tmp/detached";
    expect((await execute(name, ["sh", "-c", wait], { user: "0" })).stdout).toBe("hidden\n");
  });

  it("ends with an abort, and the command goes on", async () => {
    const ran = execute(name, ["sleep", "3"], {}, { signal: AbortSignal.timeout(500) });
    await expect(ran).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(
      (
        await execute(name, [
          "sh",
          "-c",
          "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 's[l]eep 3 '",
        ])
      ).stdout,
    ).toBe("1\n");
  });
});

describe("exec in a container", () => {
  it("says that another user can't have hidden variables", async () => {
    const ran = await execute("bind", ["true"], { user: "other" });
    expect([ran.code, ran.stderr]).toEqual([
      125,
      "sealmount: only the container's own user may read /run/sealmount/env\n",
    ]);
  });

  it("IT6: no value in events, whose lines have a command's arguments", async () => {
    await execute("bind", ["sh", "-c", "echo $API_KEY"]);
    const events = await dockerOut(["events", "--since", "60s", "--until", "0s"]);
    expect(events).toContain("exec_create");
    expect(leaksIn(events, [value])).toEqual([]);
  });

  it.each([
    ["smtest-none", {}, "DOCKER_REFUSED"],
    ["bind", { env: ["SEALMOUNT_KEY=x"] }, "USAGE"],
    ["bind", { tty: true, interactive: true }, "USAGE_NO_TERMINAL"],
  ])("%s with %j: %s", async (name, flags, code) => {
    await expect(execute(name, ["true"], flags)).rejects.toMatchObject({ code });
  });

  it("DOCKER_REFUSED: a container that does not run", async () => {
    const id = await dockerOut(["create", "busybox:local", "true"]);
    const ran = execute(id, ["true"]);
    await expect(ran).rejects.toMatchObject({ code: "DOCKER_REFUSED", status: 409 });
    await dockerOut(["rm", id]);
  });
});

describe("sealmount exec --container", () => {
  it("masks, wants a key for that, and refuses what has no meaning", async () => {
    await using world = await makeWorld();
    const docked = await dockerEnvironment(testEngine(), world.root);
    const at = { cwd: world.cwd, env: { ...world.env, ...docked } };
    await sealmountOut(["init", "--app", "cats"], at);
    await sealmountOut(["set", "KEY", "--stdin"], { ...at, stdin: value });
    const name = `smtest-exec-${process.pid}`;
    const start = ["run", "-d", "--name", name, "--env-hidden", "busybox:local", "sleep", "60"];
    await sealmountOut(start, at);
    try {
      const words = ["exec", "--container", name];
      const show = ["--", "sh", "-c", 'echo "$KEY"; exit 5'];
      const masked = await sealmount([...words, ...show], at);
      expect([masked.code, masked.stdout, masked.stderr]).toEqual([5, "***\n", ""]);
      const open = await sealmount([...words, "--no-mask", ...show], at);
      expect(open.stdout === `${value}\n`).toBe(true);
      const size = ["sh", "-c", sizeOtherThan("")];
      const terminal = await sealmountOnTerminal([...words, "-it", "--", ...size], at);
      expect([terminal.code, terminal.stdout.trim()]).toEqual([0, "30 100"]);

      const keyless = { ...at, env: { ...at.env, XDG_CONFIG_HOME: "/none", HOME: "/none" } };
      expect((await sealmount([...words, ...show], keyless)).code).toBe(4);
      const unmasked = await sealmount([...words, "--no-mask", ...show], keyless);
      expect([unmasked.code, unmasked.stderr]).toEqual([5, ""]);
      const wrong = [["-i"], ["-u", "0"], ["-e", "A=1"], ["--container", name, "--file", "KEY"]];
      for (const options of wrong) {
        const ran = await sealmount(["exec", ...options, "--", "true"], at);
        expect([options, ran.code]).toEqual([options, 2]);
      }
      // node itself wants it to be there
      await writeFile(join(world.cwd, "a.env"), "");
      const variables = ["--env-file", "a.env", "-e", `A=${value}`];
      const dry = await sealmountOut([...words, "--dry-run", ...variables, "--", "x"], at);
      const flags = { env: ["A"], envFile: ["a.env"] };
      expect(JSON.parse(dry)).toEqual({ container: name, command: ["x"], flags });
    } finally {
      await docker(["rm", "-f", name]);
    }
  });
});
