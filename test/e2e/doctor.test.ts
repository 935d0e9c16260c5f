import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";

import { LABEL_OWNER, LABEL_ROLE, LABEL_RUN } from "../../src/docker/labels.ts";
import { doctor } from "../../src/doctor/doctor.ts";
import { mountsParts } from "../../src/run/delivery/volume.ts";
import type { DoctorOptions } from "../../src/doctor/doctor.ts";
import type { DoctorLine } from "../../src/doctor/model.ts";
import { findLeftovers } from "../../src/docker/leftovers.ts";
import type { Leftover } from "../../src/docker/leftovers.ts";
import { dockerCli, dockerOut, engineHost, engineVersion } from "../engine/current.ts";
import { makeWorld } from "../support/temp.ts";
import {
  ENV,
  IMAGE,
  leftovers,
  remoteEngine,
  runIn,
  secret,
  sweep,
  theEngine,
} from "./run-harness.ts";

async function lookAt(o: Partial<DoctorOptions> = {}): Promise<DoctorLine[]> {
  await using world = await makeWorld();
  const { env, home, cwd } = world;
  return doctor({ env: { ...env, ...ENV }, home, cwd, connect: theEngine, ...o });
}

/** What doctor finds among `names`: other suites may leave things on the engine meanwhile. */
async function found(names: readonly string[], now = Date.now()): Promise<Leftover[]> {
  const every = await findLeftovers(await theEngine(), ENV, now);
  return every.filter(({ name }) => names.includes(name));
}

function all(lines: readonly DoctorLine[], name: string): DoctorLine[] {
  return lines.filter((line) => line.name === name);
}

/** Kills a run at a phase, as the kernel would. */
async function killAt(
  delivery: string,
  phase: string,
  whileAlive: (pid: number) => Promise<void>,
): Promise<number> {
  const script = join(import.meta.dirname, "run-until.ts");
  const child = spawn(process.execPath, [script, engineHost(), delivery, phase], {
    stdio: ["ignore", "pipe", "inherit"],
    // without a cache folder nothing is known of the image, and a helper is made
    env: { ...process.env, ...ENV, XDG_CACHE_HOME: "/dev/null" },
  });
  const { pid = 0 } = child;
  const exit = once(child, "exit");
  try {
    const started = await Promise.race([once(child.stdout, "data"), exit]);
    expect(String(started[0])).toBe("here\n");
    await whileAlive(pid);
  } finally {
    child.kill("SIGKILL");
    await exit;
  }
  return pid;
}

/** An engine that mounts whole volumes only needs one more for the gate's file. */
async function guardVolume(): Promise<string[]> {
  return mountsParts(await theEngine()) ? [] : ["volume"];
}

afterEach(async () => sweep());

describe("doctor on an engine", () => {
  it("IT21: tells versions, store, features, and the delivery with its reason", async () => {
    const lines = await lookAt();
    const version = await engineVersion();
    expect(all(lines, "engine")[0]).toMatchObject({ status: "ok" });
    expect(all(lines, "engine")[0]?.detail).toContain(`Docker ${version.text}`);
    expect(all(lines, "engine")[0]?.detail).toContain(engineHost());
    expect(all(lines, "buildkit")[0]?.detail).toMatch(/^BuildKit 0\.\d+/);
    const status = await dockerOut(["info", "--format", "{{.DriverStatus}}"]);
    const isContainerd = status.includes("io.containerd.snapshotter");
    const store = all(lines, "image store")[0]?.detail ?? "";
    expect(store.startsWith("containerd")).toBe(isContainerd);
    const environment = all(lines, "feature").find(({ detail }) => detail.includes("env="));
    expect(environment?.status).toBe(version.atLeast(27, 3) ? "ok" : "warn");
    expect(all(lines, "delivery")[0]?.detail).toContain("by bind: the engine is on this machine");
    expect(lines.filter(({ status: s }) => s === "fail")).toEqual([]);
  });

  it("chooses as run does for an engine elsewhere", async () => {
    const lines = await lookAt({ connect: remoteEngine });
    expect(all(lines, "delivery")[0]?.detail).toContain("by volume: the engine may be on another");
  });
});

describe("leftovers", () => {
  it.each([
    ["bind", "create", ["container", "folder"]],
    ["bind", "attach", ["container", "container", "folder"]],
    ["volume", "create", ["container", "container", "volume"]],
    ["volume", "attach", ["container", "container", "container", "volume"]],
  ])(
    "of a %s run killed in phase %s are reported, then removed",
    async (delivery, phase, expected) => {
      const kinds = delivery === "volume" ? [...expected, ...(await guardVolume())] : expected;
      let names: string[] = [];
      const pid = await killAt(delivery, phase, async (alive) => {
        names = await leftovers(alive);
        expect(await found(names)).toEqual([]);
      });
      try {
        expect((await found(names)).map(({ kind }) => kind)).toEqual(kinds);
        const isOurs = ({ detail }: DoctorLine): boolean =>
          names.some((name) => detail.includes(name));
        const reported = all(await lookAt(), "leftovers").filter(isOurs);
        expect(reported).toHaveLength(kinds.length);
        expect(reported[0]).toMatchObject({ status: "warn", fix: "sealmount doctor --clean" });
        const cleaned = all(await lookAt({ clean: true }), "leftovers").filter(isOurs);
        expect(cleaned.map(({ status }) => status)).toEqual(kinds.map(() => "ok"));
        expect(await leftovers(pid)).toEqual([]);
      } finally {
        await sweep(pid);
      }
    },
  );

  it("leaves a running container alone, and the volume of one that our own process had", async () => {
    const entries = [secret("A", "purr", { path: "/run/secrets/A" })];
    const ran = await runIn({
      entries,
      delivery: "volume",
      container: { detach: true },
      command: ["sleep", "60"],
    });
    const names = await leftovers();
    expect(names).toHaveLength(2 + (await guardVolume()).length);
    expect(await found(names, Date.now() + 3_600_000)).toEqual([]);
    await dockerOut(["rm", "-f", ran.containerId]);
    // the process that made it lives, and may be about to use it
    expect(await found(names)).toEqual([]);
  });

  it("keeps the folder of a container with a restart policy until it is removed", async () => {
    const entries = [secret("A", "purr", { path: "/run/secrets/A" })];
    const ran = await runIn({
      entries,
      container: { detach: true, restart: "always" },
      command: ["sleep", "60"],
    });
    const names = await leftovers();
    const later = Date.now() + 3_600_000;
    expect(await found(names, later)).toEqual([]);
    await dockerOut(["rm", "-f", ran.containerId]);
    const withoutEngine = (await findLeftovers(null, ENV, later)).map(({ name }) => name);
    expect(names.filter((name) => withoutEngine.includes(name))).toEqual([]);
    const left = await found(names, later);
    expect(left.map(({ kind }) => kind)).toEqual(["folder"]);
    await left[0]?.remove();
    expect(await leftovers()).toEqual([]);
  });

  it("of another machine are left alone for ten minutes", async () => {
    const labels = [
      `${LABEL_OWNER}=12.34@0123456789ab`,
      `${LABEL_ROLE}=helper`,
      `${LABEL_RUN}=smtest`,
    ].flatMap((label) => ["--label", label]);
    const id = await dockerOut(["create", ...labels, IMAGE]);
    try {
      expect(await found([id.slice(0, 12)])).toEqual([]);
      const old = await found([id.slice(0, 12)], Date.now() + 11 * 60_000);
      expect(old.map(({ kind }) => kind)).toEqual(["container"]);
      await old[0]?.remove();
      expect(await dockerOut(["ps", "-aq", "--filter", `id=${id}`])).toBe("");
    } finally {
      await dockerCli(["rm", "-f", id]);
    }
  });

  it("without a note are removed when they are old", async () => {
    const folder = join(ENV.XDG_RUNTIME_DIR, "sealmount", "run-smtest");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    expect(await found([folder])).toEqual([]);
    await utimes(folder, 1, 1);
    const [old] = await found([folder]);
    await old?.remove();
    await expect(stat(folder)).rejects.toThrow("ENOENT");
  });
});
