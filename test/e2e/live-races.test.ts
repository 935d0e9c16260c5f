import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";

import { resolveEndpoint } from "../../src/docker/endpoint.ts";
import { Engine } from "../../src/docker/engine.ts";
import { findLeftovers } from "../../src/docker/leftovers.ts";
import { compareApi } from "../../src/docker/version.ts";
import type { LivePhase } from "../../src/run/live/store.ts";
import { dockerOut, engineHost } from "../engine/current.ts";
import { files, inside, type Kind, KINDS, refreshed, remove, start } from "./live-harness.ts";
import { ENV, expectClean, leftovers, sweep, theEngine } from "./run-harness.ts";

const started: string[] = [];
afterEach(async () => {
  for (const id of started.splice(0)) await remove(id);
  await sweep();
  await expectClean();
});

const OLD = { A: "old A", B: "old B" };
const NEW = { A: "new A", B: "new B" };

async function begin(kind: Kind, values: Readonly<Record<string, string>> = OLD): Promise<string> {
  const { containerId } = await start(kind, files(values));
  started.push(containerId);
  return containerId;
}

/** At once: the refresh has to wait for it. */
function dockerNow(...words: string[]): void {
  execFileSync("docker", ["-H", engineHost(), ...words], { stdio: "ignore" });
}

/** The files that the program finds, each with an old or a new value. */
async function expectWhole(container: string): Promise<void> {
  for (const name of ["A", "B"] as const) {
    expect([OLD[name], NEW[name]]).toContain(
      await inside(container, "cat", `/run/secrets/${name}`),
    );
  }
}

const PHASES = ["open", "write", "swap", "clean", "verify"] as const;
const VOLUME_ONLY: readonly LivePhase[] = ["clean"];

function phasesOf(kind: Kind): LivePhase[] {
  return PHASES.filter((phase) => kind === "volume" || !VOLUME_ONLY.includes(phase));
}

/** Other helpers than those of the app itself; the app's own things stay. */
async function helpers(): Promise<string> {
  const filter = ["--filter", "label=sealmount.role=helper"];
  const lines = await dockerOut([
    "ps",
    "-a",
    ...filter,
    "--format",
    '{{.Label "sealmount.owner"}}',
  ]);
  return lines
    .split("\n")
    .filter((line) => line.startsWith(`${process.pid}.`))
    .join();
}

describe.each(KINDS)("refresh of files by %s, while the container", (kind) => {
  it.each(phasesOf(kind))("is removed, in phase %s", async (phase) => {
    const id = await begin(kind);
    const late = refreshed(kind, id, files(NEW), {
      onPhase: (now) => void (now === phase && dockerNow("rm", "-f", id)),
    });
    await expect(late).rejects.toMatchObject({ code: "CONTAINER_MISSING", exitCode: 6 });
    expect(await helpers()).toBe("");
  });

  it.each(phasesOf(kind))("is stopped, in phase %s", async (phase) => {
    const id = await begin(kind);
    const late = refreshed(kind, id, files(NEW), {
      onPhase: (now) => void (now === phase && dockerNow("stop", "-t", "0", id)),
    });
    if (kind === "bind") {
      expect(await late).toMatchObject({ refreshed: ["A", "B"] });
      dockerNow("start", id);
      await expectWhole(id);
    } else {
      await expect(late).rejects.toMatchObject({
        code: "DELIVERY_FAILED",
        message: expect.stringContaining("was stopped while it was refreshed"),
      });
    }
    expect(await helpers()).toBe("");
  });

  it.each(phasesOf(kind))("is restarted, in phase %s", async (phase) => {
    const id = await begin(kind);
    const restart = (): void => {
      try {
        dockerNow("restart", "-t", "0", id);
      } catch {
        // a volume's files went with the program: engines that mount parts of it start nothing
      }
    };
    const late = refreshed(kind, id, files(NEW), {
      onPhase: (now) => void (now === phase && restart()),
    });
    const result = await late.catch((error: unknown) => error);
    if (kind === "bind") {
      expect(result).toMatchObject({ refreshed: ["A", "B"] });
      await expectWhole(id);
    } else if (result instanceof Error) {
      expect(result).toMatchObject({
        code: "DELIVERY_FAILED",
        message: expect.stringMatching(/was (stopped|restarted) while it was refreshed/),
      });
    }
    expect(await helpers()).toBe("");
  });
});

describe.each(KINDS)("refresh of files by %s", (kind) => {
  it.each(phasesOf(kind))(
    "killed in phase %s: doctor cleans, the next one works",
    async (phase) => {
      const id = await begin(kind);
      const script = join(import.meta.dirname, "refresh-until.ts");
      const child = spawn(process.execPath, [script, engineHost(), kind, id, phase], {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, ...ENV },
      });
      const exit = once(child, "exit");
      const [said] = (await Promise.race([once(child.stdout, "data"), exit])) as unknown[];
      child.kill("SIGKILL");
      await exit;
      expect(String(said)).toBe("here\n");
      for (const name of ["A", "B"] as const) {
        expect([OLD[name], "killed"]).toContain(await inside(id, "cat", `/run/secrets/${name}`));
      }
      const left = await leftovers(child.pid);
      const own = await leftovers();
      const engine = await theEngine();
      const found = (await findLeftovers(engine, ENV)).filter(({ name }) => left.includes(name));
      expect(found.map(({ name }) => name).toSorted()).toEqual(
        left.filter((name) => !own.includes(name)).toSorted(),
      );
      expect(found).toHaveLength(kind === "volume" && phase !== "open" ? 1 : 0);
      if (phase === "swap") for (const leftover of found) await leftover.remove();
      expect(await refreshed(kind, id, files(NEW))).toMatchObject({ refreshed: ["A", "B"] });
      expect(await inside(id, "sh", "-c", "cat /run/secrets/A /run/secrets/B")).toBe("new Anew B");
      expect(await leftovers(child.pid)).toEqual(own.filter((name) => name.startsWith("/")));
    },
  );

  it("two at a time: one wins, the other is told, or both are done in turn", async () => {
    const id = await begin(kind);
    const both = await Promise.allSettled([
      refreshed(kind, id, files(NEW)),
      refreshed(kind, id, files(NEW)),
    ]);
    const failed = both.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    expect(failed.length).toBeLessThan(2);
    for (const error of failed) expect(error.message).toContain("by another call");
    expect(await inside(id, "sh", "-c", "cat /run/secrets/A /run/secrets/B")).toBe("new Anew B");
  });

  it.each(["open", "write", "swap"] as const)("an abort in phase %s", async (phase) => {
    const id = await begin(kind);
    const abort = new AbortController();
    const late = refreshed(kind, id, files(NEW), {
      signal: abort.signal,
      onPhase: (now) => void (now === phase && abort.abort()),
    });
    const result = await late.catch((error: unknown) => error);
    const text = await inside(id, "sh", "-c", "cat /run/secrets/A /run/secrets/B");
    if (phase === "swap")
      expect([result, text]).toMatchObject([{ refreshed: ["A", "B"] }, "new Anew B"]);
    else expect([result, text]).toMatchObject([{ code: "INTERRUPTED" }, "old Aold B"]);
    expect(await helpers()).toBe("");
  });

  it.each(phasesOf(kind))("the engine is gone from phase %s on", async (phase) => {
    const id = await begin(kind);
    await using proxy = await proxyEngine(kind);
    const warnings: string[] = [];
    const late = refreshed(kind, id, files(NEW), {
      engine: proxy.engine,
      onPhase: (now) => void (now === phase && proxy.cut()),
      onWarning: (text) => void warnings.push(text),
    });
    await expect(late).rejects.toMatchObject({ code: "DOCKER_UNREACHABLE" });
    await expectWhole(id);
    expect(warnings.join()).toMatch(kind === "bind" || phase === "open" ? /^$/ : /left behind/);
  });

  it("two containers of one image, each with its own", async () => {
    const [one, other] = [await begin(kind), await begin(kind)];
    await refreshed(kind, one, files(NEW));
    expect(await inside(one, "cat", "/run/secrets/A")).toBe("new A");
    expect(await inside(other, "cat", "/run/secrets/A")).toBe("old A");
  });
});

describe("refresh of files by bind", () => {
  it("tmpfs full: told, the old values are whole, and nothing of the new ones stays", async (context) => {
    const small = await mkdtemp("/dev/shm/smtest-small-");
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", small]);
    context.skip(mounted.status !== 0, "this machine mounts no tmpfs of a size for the test");
    try {
      const env = { XDG_RUNTIME_DIR: small };
      const { containerId: id } = await start("bind", files(OLD), { env });
      started.push(id);
      const big = files({ A: "new A", B: "x".repeat(2_000_000) });
      await expect(refreshed("bind", id, big, { env })).rejects.toMatchObject({
        code: "DELIVERY_FAILED",
        message: expect.stringContaining("ENOSPC"),
      });
      expect(await inside(id, "sh", "-c", "cat /run/secrets/A /run/secrets/B")).toBe("old Aold B");
      expect(await inside(id, "sh", "-c", "ls -A /run/secrets/")).toBe("..a\n..data\nA\nB");
      await refreshed("bind", id, files(NEW), { env });
      await expectWhole(id);
      await remove(id);
    } finally {
      spawnSync("umount", ["-l", small]);
      await rm(small, { recursive: true });
    }
  });
});

describe("refresh of files by volume", () => {
  it("tmpfs full: told, the old values are whole, and nothing of the new ones stays", async () => {
    const id = await begin("volume");
    const big = refreshed("volume", id, files({ A: "x".repeat(8_000_000), B: "new B" }));
    await expect(big).rejects.toMatchObject({
      code: "DELIVERY_FAILED",
      message: expect.stringContaining("no room"),
    });
    expect(await inside(id, "sh", "-c", "cat /run/secrets/A /run/secrets/B")).toBe("old Aold B");
    const used = await inside(id, "sh", "-c", "df -k /run/secrets | tail -1 | awk '{print $3}'");
    expect(Number(used)).toBeLessThan(100);
    await refreshed("volume", id, files(NEW));
    await expectWhole(id);
  });

  it("uploads nothing when the app does not hold the volume any more", async () => {
    const id = await begin("volume");
    await dockerOut(["stop", "-t", "0", id]);
    const late = refreshed("volume", id, files(NEW));
    await expect(late).rejects.toMatchObject({
      code: "DELIVERY_FAILED",
      message: expect.stringContaining("does not hold its files"),
    });
  });

  it("works without parts of volumes too, as on engines before API 1.45", async (context) => {
    const engine = await theEngine();
    context.skip(compareApi(engine.version.api, "1.45") < 0, "it is such an engine");
    const old = await engineOf("1.44");
    const { containerId: id } = await start("volume", files(OLD), { engine: old });
    started.push(id);
    await refreshed("volume", id, files(NEW), { engine: old });
    expect(await inside(id, "sh", "-c", "cat /run/secrets/A /run/secrets/B")).toBe("new Anew B");
  });
});

/** The same engine, spoken to as to an older one. */
async function engineOf(api: string): Promise<Engine> {
  const engine = await theEngine();
  const version = { ...engine.version, api };
  return new Proxy(engine, {
    get(target, key): unknown {
      if (key === "version") return version;
      if (key === "endpoint") return { ...target.endpoint, local: false };
      const value: unknown = Reflect.get(target, key, target);
      // its private fields are behind the real one only
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The engine behind a socket that can be cut off. */
async function proxyEngine(
  kind: Kind,
): Promise<AsyncDisposable & { readonly engine: Engine; readonly cut: () => void }> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-cut-"));
  const path = join(folder, "docker.sock");
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(engineHost().replace("unix://", ""));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    client.pipe(upstream).pipe(client);
  });
  await once(server.listen(path), "listening");
  const endpoint = await resolveEndpoint({ host: `unix://${path}`, env: {}, home: "/" });
  const cut = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    engine: await Engine.connect({ ...endpoint, local: kind === "bind" }),
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await rm(folder, { recursive: true });
    },
  };
}
