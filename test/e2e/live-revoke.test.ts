import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { listPrivateFolders } from "../../src/docker/host-tmpfs.ts";
import { down, type DownOptions } from "../../src/run/live/down.ts";
import { revoke, type RevokeResult } from "../../src/run/live/revoke.ts";
import { dockerCli, dockerOut } from "../engine/current.ts";
import { engineFor, files, inside, type Kind, KINDS, lineOf } from "./live-harness.ts";
import { refreshed, remove, start } from "./live-harness.ts";
import { ENV, expectClean, leftovers, secret, sweep } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";

beforeAll(buildImages);
afterAll(removeImages);

const started: string[] = [];
afterEach(async () => {
  for (const id of started.splice(0)) await remove(id);
  await sweep();
  await expectClean();
});

async function begin(...args: Parameters<typeof start>): Promise<string> {
  const { containerId } = await start(...args);
  started.push(containerId);
  return containerId;
}

async function revoked(kind: Kind, container: string): Promise<RevokeResult> {
  return revoke({ engine: await engineFor(kind), container, env: ENV });
}

async function taken(kind: Kind, container: string, o: Partial<DownOptions> = {}): Promise<object> {
  return down({ engine: await engineFor(kind), container, env: ENV, timeout: 0, ...o });
}

/** What the program still finds: bytes in all files below the folders. */
async function bytesIn(container: string, ...paths: string[]): Promise<number> {
  const script = `find ${paths.join(" ")} -type f -exec cat {} + 2>/dev/null | wc -c`;
  return Number(await inside(container, "sh", "-c", script));
}

describe.each(KINDS)("revoke: files by %s", (kind) => {
  it("IX25: empties the files at once, the program keeps running, a restart fails", async () => {
    const entries = files({ A: "purr", B: "meow" });
    const id = await begin(kind, [...entries, secret("C", "deep", { path: "/run/secrets/x/C" })]);
    await refreshed(kind, id, [
      ...files({ A: "purr 2", B: "meow" }),
      secret("C", "deep", { path: "/run/secrets/x/C" }),
    ]);
    expect(await bytesIn(id, "/run/secrets/")).toBeGreaterThan(0);
    expect(await revoked(kind, id)).toMatchObject({ revoked: ["A", "B", "C"], left: [] });
    expect(await bytesIn(id, "/run/secrets/")).toBe(0);
    expect(await dockerOut(["inspect", "-f", "{{.State.Running}}", id])).toBe("true");
    expect((await lineOf(kind, id, entries))?.status).toMatchObject({ kind: "unknown" });
    expect(await revoked(kind, id)).toMatchObject({ revoked: ["A", "B", "C"] });
    const late = refreshed(kind, id, [...entries, secret("C", "deep")]);
    await expect(late).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
    await dockerCli(["restart", "-t", "0", id]);
    // it does not start; where whole volumes are mounted, the gate ends it at once
    await expect
      .poll(async () => dockerOut(["inspect", "-f", "{{.State.Running}}", id]))
      .toBe("false");
  });

  it("cuts files that are mounted alone to nothing; each stays the same file", async () => {
    const alone = secret("ALONE", "purr", { path: "/etc/alone", owner: "app", mode: 0o400 });
    const id = await begin(kind, [alone], { image: APP_IMAGE }).catch((error: unknown) => {
      // engines before API 1.45 mount no file alone
      expect(error).toMatchObject({ code: "DELIVERY_PATH" });
      return null;
    });
    if (id === null) return;
    const inode = async (): Promise<string> => inside(id, "stat", "-c", "%i %U %a", "/etc/alone");
    const before = await inode();
    expect((await lineOf(kind, id, [alone]))?.status).toEqual({ kind: "up to date" });
    await revoked(kind, id);
    expect(await inside(id, "cat", "/etc/alone")).toBe("");
    expect(await inode()).toBe(before);
    expect((await lineOf(kind, id, [alone]))?.status).toMatchObject({ kind: "unknown" });
    await revoked(kind, id);
  });

  it("tells of variables, which stay", async () => {
    const id = await begin(kind, [...files({ A: "purr" }), secret("VARIABLE", "meow")]);
    const { left } = await revoked(kind, id);
    expect(left).toEqual([{ name: "VARIABLE", why: expect.stringContaining("docker inspect") }]);
  });

  it("of a container that was stopped", async () => {
    const id = await begin(kind, files({ A: "purr" }));
    await dockerOut(["stop", "-t", "0", id]);
    expect(await revoked(kind, id)).toMatchObject({ revoked: ["A"] });
    expect((await lineOf(kind, id, files({ A: "purr" })))?.status).toMatchObject({
      kind: "unknown",
    });
  });
});

describe.each(KINDS)("down: files by %s", (kind) => {
  it.each([
    ["a running container", {}, async () => undefined],
    [
      "a stopped one",
      {},
      async (id: string) => {
        await dockerOut(["stop", "-t", "0", id]);
      },
    ],
    ["one that the engine removes itself", { rm: true }, async () => undefined],
    ["one that was revoked", {}, async (id: string) => void (await revoked(kind, id))],
  ])("removes %s with all that it had", async (_title, options, before) => {
    const container = { detach: true, user: "0", ...options };
    const id = await begin(kind, files({ A: "purr" }), { container });
    await before(id);
    const warnings: string[] = [];
    const onWarning = (text: string): void => void warnings.push(text);
    expect(await taken(kind, id, { onWarning })).toMatchObject({ revoked: ["A"] });
    expect(warnings).toEqual([]);
    expect(await leftovers()).toEqual([]);
    await expect(taken(kind, id)).rejects.toMatchObject({ code: "CONTAINER_MISSING" });
  });
});

describe("revoke and down: what they don't trust", () => {
  it("a label that names a folder of another run", async () => {
    const victim = await begin("bind", files({ A: "purr" }));
    const folder = (await listPrivateFolders(ENV))[0]?.path ?? "";
    const spec = await dockerOut([
      "inspect",
      "-f",
      '{{index .Config.Labels "sealmount.spec"}}',
      victim,
    ]);
    const labels = {
      "sealmount.app": "a",
      "sealmount.env": "b",
      "sealmount.run": "0123456789abcdef",
      "sealmount.spec": spec,
      "sealmount.folder": folder,
    };
    const words = Object.entries(labels).flatMap(([key, value]) => ["-l", `${key}=${value}`]);
    const id = await dockerOut(["run", "-d", ...words, "busybox:local", "sleep", "60"]);
    started.push(id);
    await expect(revoked("bind", id)).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
    const warnings: string[] = [];
    await taken("bind", id, { onWarning: (text) => void warnings.push(text) });
    expect(warnings).toHaveLength(2);
    expect(await inside(victim, "cat", "/run/secrets/A")).toBe("purr");
    const names = await readdir(join(folder, "m0"));
    expect(names.includes("A") && (await lstat(folder)).isDirectory()).toBe(true);
  });
});
