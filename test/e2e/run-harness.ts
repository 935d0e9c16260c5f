/** `run` on this test run's engine: output collected, leftovers counted. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect } from "vitest";

import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { listPrivateFolders } from "../../src/docker/host-tmpfs.ts";
import { LABEL_OWNER } from "../../src/docker/labels.ts";
import type { RunEntry, RunOptions } from "../../src/run/options.ts";
import { run } from "../../src/run/run.ts";
import { Secret } from "../../src/secret/secret.ts";
import { dockerCli, engineHost } from "../engine/current.ts";

export const IMAGE = "busybox:local";

/** A runtime folder in memory for this file alone. */
const ID = randomBytes(6).toString("hex");
const RUNTIME = `/dev/shm/smtest-run-${ID}`;
/** Not in memory, where a program may not be allowed to run. */
const CACHE = join(tmpdir(), `smtest-cache-${ID}`);
const FOLDERS = [RUNTIME, CACHE];
// not when the file is loaded: where every test is skipped, nothing runs afterwards either
beforeAll(() => FOLDERS.forEach((folder) => mkdirSync(folder, { mode: 0o700 })));
afterAll(() => FOLDERS.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** The client's environment in these tests. */
export const ENV = { XDG_RUNTIME_DIR: RUNTIME, XDG_CACHE_HOME: CACHE };

let engine: Promise<Engine> | undefined;

/** One connection for a test file. */
export async function theEngine(): Promise<Engine> {
  engine ??= resolveEndpoint({ host: engineHost(), env: {}, home: "/" }).then((endpoint) =>
    Engine.connect(endpoint),
  );
  return engine;
}

/** The same engine as if it were on another machine. */
export async function remoteEngine(): Promise<Engine> {
  const { endpoint } = await theEngine();
  return Engine.connect({ ...endpoint, local: false });
}

/** The same engine behind a socket that records what is sent to it. */
export async function recordEngine(): Promise<
  AsyncDisposable & { readonly engine: Engine; readonly sent: () => string }
> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-record-"));
  const path = join(folder, "docker.sock");
  const chunks: Buffer[] = [];
  const server = createServer((client) => {
    const upstream = createConnection(engineHost().replace("unix://", ""));
    client.on("data", (chunk: Buffer) => chunks.push(chunk));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
  });
  await once(server.listen(path), "listening");
  const endpoint = await resolveEndpoint({ host: `unix://${path}`, env: {}, home: "/" });
  return {
    engine: await Engine.connect(endpoint),
    sent: () => Buffer.concat(chunks).toString(),
    async [Symbol.asyncDispose]() {
      server.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A sensitive entry. */
export function secret(
  name: string,
  value: string | Buffer,
  file?: NonNullable<RunEntry["file"]>,
): RunEntry {
  return { name, value: Secret.take(name, Buffer.from(value)), sensitive: true, file };
}

export interface Outcome {
  readonly exitCode: number;
  readonly containerId: string;
  readonly delivery: "none" | "bind" | "volume";
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly warnings: readonly string[];
}

/** A sink that keeps what it gets. */
export function sink(): { readonly stream: Writable; readonly bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, bytes: () => Buffer.concat(chunks) };
}

/**
 * Runs `command` in busybox with `--rm` and without a network, unless the options say otherwise: an
 * engine takes a third of a start's time for the network.
 */
export async function runIn(
  options: Partial<RunOptions> & { readonly command?: readonly string[] },
): Promise<Outcome> {
  const stdout = sink();
  const stderr = sink();
  const warnings: string[] = [];
  const result = await run({
    engine: await theEngine(),
    image: IMAGE,
    env: ENV,
    cwd: "/",
    onWarning: (text) => warnings.push(text),
    ...options,
    container: { network: "none", ...(options.container ?? { rm: true }) },
    io: { stdout: stdout.stream, stderr: stderr.stream, ...options.io },
  });
  return { ...result, stdout: stdout.bytes(), stderr: stderr.bytes(), warnings };
}

/**
 * What this test file's process (or another one, `pid`) has on the engine and in its runtime
 * folder: empty after a clean run. Other suites may use the same engine at the same time.
 */
export async function leftovers(pid: number | undefined = process.pid): Promise<string[]> {
  const asked = await theEngine();
  const [containers, volumes, folders] = await Promise.all([
    asked.listContainers(LABEL_OWNER),
    asked.listVolumes(LABEL_OWNER),
    listPrivateFolders(ENV),
  ]);
  const isOurs = ({ Labels }: { readonly Labels: Readonly<Record<string, string>> | null }) =>
    Labels?.[LABEL_OWNER]?.startsWith(`${pid}.`) === true;
  return [
    ...containers.filter(isOurs).map(({ Id }) => Id.slice(0, 12)),
    // the gate's volume stays for the next run
    ...volumes
      .filter(isOurs)
      .map(({ Name }) => Name)
      .filter((name) => !name.startsWith("sealmount-gate-")),
    ...folders.map(({ path }) => path).filter((path) => path.startsWith(RUNTIME)),
  ];
}

/** Takes back what a failed test left, so that the next one is not blamed. */
export async function sweep(pid?: number): Promise<void> {
  for (const name of await leftovers(pid)) {
    if (name.startsWith("/")) await rm(name, { recursive: true, force: true });
    else if (name.startsWith("sealmount-")) await dockerCli(["volume", "rm", name]);
    else await dockerCli(["rm", "-f", name]);
  }
}

/** For `afterEach`: nothing may be left, and nothing is. */
export async function expectClean(): Promise<void> {
  const left = await leftovers();
  if (left.length > 0) await sweep();
  expect(left).toEqual([]);
}
