import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";

import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { type Phase, PHASES } from "../../src/run/options.ts";
import { dockerCli, dockerOut, engineHost, testEngine } from "../engine/current.ts";
import { restartEngine } from "../engine/engine.ts";
import { canary } from "../support/canary.ts";
import { makeWorld } from "../support/temp.ts";
import { withStart } from "./altered-engine.ts";
import { expectClean, runIn, secret, sweep, theEngine } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

beforeAll(buildImages);
afterAll(removeImages);
afterEach(expectClean);

const KINDS = ["bind", "volume"] as const;
const ROOT = { rm: true, user: "0", network: "none" };

/** A way to the engine that writes down what is asked, and that can be cut. */
interface Way extends AsyncDisposable {
  readonly engine: Engine;
  /** `METHOD /path` of every request. */
  readonly asked: readonly string[];
  /** Ends every connection and takes no new one. */
  cut(): void;
}

async function wayToEngine(): Promise<Way> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-way-"));
  const path = join(folder, "docker.sock");
  const upstream = engineHost().replace("unix://", "");
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const { method, url, headers } = incoming;
    const passed = request({ socketPath: upstream, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.on("upgrade", (incoming: IncomingMessage, socket: Socket) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const other = connect(upstream);
    for (const one of [socket, other]) {
      sockets.add(one);
      one
        .on("error", () => undefined)
        .on("close", () => [socket, other].map((end) => end.destroy()));
    }
    const headers = incoming.rawHeaders.map((text, index) =>
      index % 2 ? `${text}\r\n` : `${text}: `,
    );
    other.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${headers.join("")}\r\n`);
    other.pipe(socket).pipe(other);
  });
  await once(server.listen(path), "listening");
  const endpoint = await resolveEndpoint({ host: `unix://${path}`, env: {}, home: "/" });
  const cut = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    engine: await Engine.connect(endpoint),
    asked,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await rm(folder, { recursive: true });
    },
  };
}

describe.each(KINDS)("run: bad input, files by %s", (delivery) => {
  it("delivers a thousand secrets", async () => {
    const value = canary("many");
    const names = Array.from({ length: 1000 }, (_, index) => `SECRET_${index}`);
    const ran = await runIn({
      delivery,
      entries: names.map((name) => secret(name, `${value}-${name}`)),
      files: names.map((name) => ({ name })),
      command: ["sh", "-c", "ls /run/secrets | wc -l; cat /run/secrets/SECRET_999"],
      container: ROOT,
    });
    expect(ran.stdout.toString() === `1000\n${value}-SECRET_999`).toBe(true);
  });

  it("follows links of the image inside of the container only", async () => {
    await using world = await makeWorld();
    await world.write("Dockerfile", "FROM busybox:local\nRUN ln -s ../../../../../tmp /up\n");
    const image = `smtest-up-${process.pid}-${delivery}`;
    await dockerOut(["build", "-q", "-t", image, "."], { cwd: world.cwd });
    const name = `smtest-up-${process.pid}`;
    const o = { delivery, image, entries: [secret("A", "purr")], container: ROOT };
    const files = [{ name: "A", path: `/up/${name}/key` }];
    const ran = runIn({ ...o, files, command: ["cat", `/tmp/${name}/key`] });
    const outcome = await ran.then(
      ({ stdout }) => stdout.toString(),
      (error: { code: string }) => error.code,
    );
    await dockerOut(["rmi", "-f", image]);
    // an engine that refuses such a mount is as good
    expect(["purr", "DOCKER_REFUSED", "DELIVERY_PATH"]).toContain(outcome);
    expect(existsSync(`/tmp/${name}`)).toBe(false);
  });

  it.each([
    ["/proc/key", "DELIVERY_PATH"],
    ["/sys/x/key", "DELIVERY_PATH"],
    ["/dev/key", "DELIVERY_PATH"],
    ["/", "DELIVERY_PATH"],
    ["/run/secrets/", "DELIVERY_PATH"],
    ["/run/../etc/key", "DELIVERY_PATH"],
    ["/run/secrets/..data", "DELIVERY_PATH"],
  ])("refuses %s before the engine hears of it", async (path, code) => {
    await using way = await wayToEngine();
    const before = way.asked.length;
    const o = { delivery, engine: way.engine, entries: [secret("A", "purr")] };
    await expect(runIn({ ...o, files: [{ name: "A", path }] })).rejects.toMatchObject({ code });
    expect(way.asked.length).toBe(before);
  });

  it("refuses two secrets for one path, and one below another", async () => {
    const entries = [secret("A", "purr"), secret("B", "meow")];
    for (const path of ["/x/a", "/x/a/b"]) {
      const files = [
        { name: "A", path: "/x/a" },
        { name: "B", path },
      ];
      const ran = runIn({ delivery, entries, files });
      await expect(ran).rejects.toMatchObject({ code: "DELIVERY_PATH" });
    }
  });

  it("RI23: uploads to helpers only, never to the container or to a --tmpfs of it", async () => {
    await using way = await wayToEngine();
    const ran = await runIn({
      delivery,
      engine: way.engine,
      image: APP_IMAGE,
      entries: [secret("A", "purr")],
      files: [{ name: "A", owner: "app" }],
      container: { ...ROOT, tmpfs: ["/run"], rm: false },
    });
    const ids = way.asked.flatMap(
      (line) => /^PUT .*\/containers\/([0-9a-f]+)\/archive\?/.exec(line)?.[1] ?? [],
    );
    expect(ids.length > 0).toBe(delivery === "volume");
    expect(ids).not.toContain(ran.containerId);
    await dockerOut(["rm", "-f", ran.containerId]);
    await sweep();
  });

  it.each(PHASES.filter((phase) => phase !== "ended"))(
    "with the connection lost in phase %s, nothing half-delivered runs",
    async (phase) => {
      const way = await wayToEngine();
      const marks: Phase[] = [];
      const name = `smtest-cut-${process.pid}-${delivery}-${phase}`;
      const ran = runIn({
        delivery,
        engine: way.engine,
        image: APP_IMAGE,
        entries: [secret("A", "purr"), secret("B", "meow")],
        files: [{ name: "A" }, { name: "B" }],
        command: ["sh", "-c", "cat /run/secrets/A /run/secrets/B; sleep 30"],
        container: { ...ROOT, rm: false, name },
        onPhase: (now) => {
          marks.push(now);
          if (now === phase) way.cut();
        },
      });
      await expect(ran).rejects.toMatchObject({
        code: expect.stringMatching(/^DOCKER_UNREACHABLE|DELIVERY_FAILED|IMAGE_MISSING$/),
      });
      await way[Symbol.asyncDispose]();
      // the engine may still be starting it
      await new Promise((resolve) => setTimeout(resolve, 500));
      const state = await dockerCli(["inspect", "-f", "{{.State.Running}}", name]);
      if (state.stdout.trim() === "true") {
        const { stdout } = await dockerCli([
          "exec",
          name,
          "cat",
          "/run/secrets/A",
          "/run/secrets/B",
        ]);
        expect(stdout).toBe("purrmeow");
      }
      await dockerCli(["rm", "-f", name]);
      await sweep();
      expect(marks).toContain(phase);
    },
  );
});

describe("run: an engine that goes", () => {
  it.each(KINDS)("restarted between create and start, files by %s", async (delivery) => {
    const name = `smtest-restart-${process.pid}-${delivery}`;
    const restart = vi.fn(async () => restartEngine(testEngine()));
    const ran = runIn({
      delivery,
      engine: withStart(await Engine.connect((await theEngine()).endpoint), restart),
      entries: [secret("A", "purr")],
      files: [{ name: "A" }],
      command: ["sh", "-c", "cat /run/secrets/A; sleep 30"],
      container: { ...ROOT, rm: false, name },
    });
    const outcome = await ran.then(
      () => "ran",
      (error: { code: string }) => error.code,
    );
    expect(restart).toHaveBeenCalledOnce();
    const state = await dockerCli(["inspect", "-f", "{{.State.Running}}", name]);
    const isRunning = state.stdout.trim() === "true";
    const read = await dockerCli(["exec", name, "cat", "/run/secrets/A"]);
    await dockerCli(["rm", "-f", name]);
    await sweep();
    expect(outcome).toMatch(/^DOCKER_|DELIVERY_/);
    expect(isRunning ? read.stdout : "purr").toBe("purr");
  });
});
