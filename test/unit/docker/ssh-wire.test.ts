import { chmod, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:http2";
import { join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { resolveEndpoint, type Endpoint } from "../../../src/docker/endpoint.ts";
import { Engine } from "../../../src/docker/engine.ts";
import { sshArguments } from "../../../src/docker/ssh-wire.ts";
import { makeWorld, type World } from "../../support/temp.ts";
import { fakeEngine, type FakeEngine } from "../session/fake-engine.ts";

/** Stands in for `ssh … docker system dial-stdio`: writes down its call, and forwards. */
const FORWARD = `
const { appendFileSync } = require("node:fs");
const { connect } = require("node:net");
const { argv, env } = process;
const names = Object.keys(env).filter((name) => name.startsWith("SEALMOUNT"));
appendFileSync(env.STUB_LOG, JSON.stringify({ args: argv.slice(2), names, pid: process.pid }) + "\\n");
const socket = connect(env.STUB_SOCKET);
process.stdin.pipe(socket).pipe(process.stdout);
socket.on("close", () => process.exit(0));
`;
const FAIL = `
process.stderr.write("Host key verification failed.\\u001b[2J\\r\\n");
process.exit(255);
`;

let world: World;
let fake: FakeEngine;
beforeEach(async () => {
  world = await makeWorld();
  fake = await fakeEngine();
  onTestFinished(async () => {
    await fake[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });
});

/** Puts a program called ssh first on the PATH of an endpoint. */
async function endpointBy(program: string | null, host: string): Promise<Endpoint> {
  const folder = join(world.root, "bin");
  if (program === null) await world.write("../bin/none", "");
  else {
    await world.write("../bin/ssh", `#!${process.execPath}\n${program}`);
    await chmod(join(folder, "ssh"), 0o755);
  }
  const env = {
    PATH: folder,
    STUB_LOG: join(world.root, "calls"),
    STUB_SOCKET: fake.endpoint.options.socketPath,
    SEALMOUNT_KEY: "sk-canary",
    SEALMOUNT_KEY_PROD: "sk-canary",
    sealmount_key: "sk-canary",
  };
  await writeFile(env.STUB_LOG, "");
  return resolveEndpoint({ host, env, home: world.home });
}

async function calls(): Promise<{ args: string[]; names: string[]; pid: number }[]> {
  const text = await readFile(join(world.root, "calls"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { args: string[]; names: string[]; pid: number });
}

async function waitUntil(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("an engine over ssh", () => {
  it("is reached by the user's own ssh, which gets no key; connections are used again", async () => {
    const engine = await Engine.connect(await endpointBy(FORWARD, "ssh://me@box:2222"));
    expect(engine.version.api).toBe("1.45");
    await engine.request("POST", "/x").catch(() => undefined);
    await engine.request("POST", "/y").catch(() => undefined);
    const made = await calls();
    expect(made.length).toBeLessThanOrEqual(2);
    const command = "-o ConnectTimeout=30 -T -l me -p 2222 -- box docker system dial-stdio";
    expect(made.map(({ args }) => args.join(" "))).toEqual(made.map(() => command));
    expect(made.flatMap(({ names }) => names)).toEqual([]);
  });

  it("carries a session in both directions; the process ends with the connection", async () => {
    const engine = await Engine.connect(await endpointBy(FORWARD, "ssh://box"));
    const waiting = fake.nextSession();
    const connection = await engine.hijack("/session", { upgrade: "h2c" });
    const { client } = await waiting;
    const server = connect("http://x", { createConnection: () => connection });
    server.on("error", () => undefined);
    expect(client.destroyed).toBe(false);
    const pids = (await calls()).map(({ pid }) => pid);
    expect(pids.some(isAlive)).toBe(true);
    server.destroy();
    connection.destroy();
    // the other one, kept for the next request, goes after a while
    await waitUntil(() => pids.filter(isAlive).length < pids.length);
    await waitUntil(() => !pids.some(isAlive));
  }, 20_000);

  it("quotes what ssh says, harmlessly", async () => {
    const failed = Engine.connect(await endpointBy(FAIL, "ssh://box"));
    await expect(failed).rejects.toMatchObject({
      code: "DOCKER_UNREACHABLE",
      message: expect.stringMatching(
        /engine at ssh:\/\/box: Host key verification failed\.\\u001b\[2J$/,
      ),
    });
  });

  it("says that there is no ssh", async () => {
    const failed = Engine.connect(await endpointBy(null, "ssh://box"));
    await expect(failed).rejects.toMatchObject({
      code: "DOCKER_UNREACHABLE",
      message: "ssh can't be started (ENOENT) to reach ssh://box",
    });
  });

  it("an abort ends the process", async () => {
    const stop = new AbortController();
    const deaf = `require("node:fs").appendFileSync(process.env.STUB_LOG, JSON.stringify({ args: [], names: [], pid: process.pid }) + "\\n"); setInterval(() => {}, 1000);`;
    const connecting = Engine.connect(await endpointBy(deaf, "ssh://box"), { signal: stop.signal });
    connecting.catch(() => undefined);
    while ((await calls()).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    await expect(connecting).rejects.toMatchObject({ code: "INTERRUPTED" });
    const pids = (await calls()).map(({ pid }) => pid);
    await waitUntil(() => !pids.some(isAlive));
  });
});

describe("hosts", () => {
  it.each([
    ["ssh://box", "-- box docker system dial-stdio"],
    ["ssh://me@[::1]:22", "-l me -p 22 -- ::1 docker system dial-stdio"],
    ["ssh://box/", "-- box docker system dial-stdio"],
    [
      "ssh://box/run/my%20user's.sock",
      String.raw`-- box docker --host 'unix:///run/my user'\''s.sock' system dial-stdio`,
    ],
  ])("%s", async (host, command) => {
    const { options, local } = await resolveEndpoint({ host, env: {}, home: world.home });
    expect(local).toBe(false);
    expect(sshArguments(options).slice(3).join(" ")).toBe(command);
  });

  it.each([
    "ssh://-oProxyCommand=touch/x",
    "ssh://-lroot@box",
    "ssh://%2DoProxyCommand=x@box",
    "ssh://me:password-canary@box",
    "ssh://box?x",
    "ssh://%E0%A4%A@box",
  ])("refuses %s, without the password", async (host) => {
    const error: unknown = await resolveEndpoint({ host, env: {}, home: world.home }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "USAGE" });
    expect(String(error)).not.toContain("canary");
  });
});
