import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { dockerCli, dockerOut } from "../engine/current.ts";
import { canary } from "../support/canary.ts";
import { run } from "../support/process.ts";
import { makeWorld } from "../support/temp.ts";
import { expectClean, secret, sweep } from "./run-harness.ts";
import { APP_IMAGE, buildImages, removeImages } from "./run-image.ts";
import { files, inside, KINDS, lineOf, refreshed, remove, start } from "./live-harness.ts";

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

/** Refreshes under the eyes of readers; the time for them on a busy machine, in milliseconds. */
const ROUNDS = process.env["SLOW"] ? { bind: 200, volume: 20 } : { bind: 50, volume: 10 };
const LONG = 400_000;

/** Reads until a file is there, and says what it should not have found. */
function readerOf(folder: string, stop: string): string {
  return `cd ${folder}; i=0; while [ ! -e ${stop} ]; do
    for f in A ..data/A; do
      n=$(wc -c < $f) || echo missing; [ "$n" -eq 12000 ] || echo "size $n"
    done
    c=$(tr -d 0-9a-f < A | wc -c); [ "$c" -eq 0 ] || echo mixed
    i=$((i+1)); done; echo "rounds $((i > 100))"`;
}

describe.each(KINDS)("refresh: files by %s", (kind) => {
  it("IX26, RI29: a rotated value reaches the running container, the others stay", async () => {
    const id = await begin(kind, files({ A: "old A", B: "same B" }));
    const now = files({ A: "new and longer A", B: "same B" });
    expect((await lineOf(kind, id, now))?.status).toEqual({ kind: "stale", names: ["A"] });
    const result = await refreshed(kind, id, now);
    expect(result).toMatchObject({ refreshed: ["A"], unchanged: ["B"], stale: [] });
    expect(await inside(id, "sh", "-c", "cat /run/secrets/A; echo; cat /run/secrets/B")).toBe(
      "new and longer A\nsame B",
    );
    expect((await lineOf(kind, id, now))?.status).toEqual({ kind: "up to date" });
  });

  it("longer, shorter and empty values, many times; only the last is left in memory", async () => {
    const id = await begin(kind, files({ A: "first" }));
    for (const value of ["a", "", "b".repeat(20_000), "last"]) {
      await refreshed(kind, id, files({ A: value }));
      const sum = createHash("sha256").update(value).digest("hex");
      expect(await inside(id, "sha256sum", "/run/secrets/A")).toContain(sum);
    }
    const size = "find /run/secrets/ -type f -exec cat {} + | wc -c";
    // the file under its two names, and the note
    const note = await inside(id, "sh", "-c", "cat /run/secrets/..data/..state | wc -c");
    expect(Number(await inside(id, "sh", "-c", size))).toBe(8 + Number(note));
  });

  it("owner, mode and folders stay as they are", async () => {
    const at = (path: string): object => ({ path, owner: "app:readers", mode: 0o440 });
    const entries = (value: string): ReturnType<typeof files> => [
      secret("A", value, at("/run/secrets/A") as never),
      secret("B", value, at("/run/secrets/deep/er/B") as never),
    ];
    const id = await begin(kind, entries("old"), { image: APP_IMAGE });
    await refreshed(kind, id, entries("new"));
    const paths = ["/run/secrets/A", "/run/secrets/deep/er/B", "/run/secrets/..data/deep/er/B"];
    const shown = await inside(id, "stat", "-c", "%U:%G %a", ...paths);
    expect(shown.split("\n")).toEqual(Array(3).fill("app:readers 440"));
    expect(await inside(id, "cat", ...paths)).toBe("newnewnew");
  });

  it("nothing is written when nothing has changed, unless it is forced", async () => {
    const id = await begin(kind, files({ A: "same" }));
    const inode = async (): Promise<string> => inside(id, "stat", "-c", "%i", "/run/secrets/A");
    const before = await inode();
    const phases: string[] = [];
    const onPhase = (phase: string): void => void phases.push(phase);
    const result = await refreshed(kind, id, files({ A: "same" }), { onPhase });
    expect([result.refreshed, result.unchanged, phases]).toEqual([[], ["A"], ["find"]]);
    expect(await inode()).toBe(before);
    const forced = await refreshed(kind, id, files({ A: "same" }), { force: true });
    expect(forced.refreshed).toEqual(["A"]);
    expect(await inode()).not.toBe(before);
  });

  it("SECRET_MISSING before anything is changed", async () => {
    const id = await begin(kind, files({ A: "old", B: "old" }));
    const gone = refreshed(kind, id, files({ A: "new" }));
    await expect(gone).rejects.toMatchObject({ code: "SECRET_MISSING", exitCode: 3 });
    expect(await inside(id, "cat", "/run/secrets/A")).toBe("old");
  });

  it("tells what only a new container gets: variables, and files mounted alone", async () => {
    const entries = (value: string): ReturnType<typeof files> => [
      ...files({ A: value }),
      secret("ALONE", value, { path: "/etc/alone" }),
      secret("VARIABLE", value),
    ];
    const id = await begin(kind, entries("old"), {}).catch((error: unknown) => {
      // engines before API 1.45 mount no file alone
      expect(error).toMatchObject({ code: "DELIVERY_PATH" });
      return null;
    });
    if (id === null) return;
    const result = await refreshed(kind, id, entries("new"));
    expect(result).toMatchObject({
      refreshed: ["A"],
      stale: [
        { name: "ALONE", why: expect.stringContaining("mounted alone") },
        { name: "VARIABLE", why: expect.stringContaining("a variable") },
      ],
    });
    expect(await inside(id, "cat", "/etc/alone")).toBe("old");
    const line = await lineOf(kind, id, entries("new"));
    expect(line?.status).toEqual({ kind: "stale", names: ["ALONE", "VARIABLE"] });
  });

  it(
    "readers in tight loops find the old value or the new one, never half, never nothing",
    async () => {
      await using world = await makeWorld();
      const value = (): string => randomBytes(6_000).toString("hex");
      const id = await begin(kind, files({ A: value(), B: "x" }));
      const readers = [dockerCli(["exec", id, "sh", "-c", readerOf("/run/secrets", "/tmp/stop")])];
      const stop = join(world.cwd, "stop");
      if (kind === "bind") {
        const label = '{{index .Config.Labels "sealmount.folder"}}';
        const folder = join(await dockerOut(["inspect", "-f", label, id]), "m0");
        readers.push(
          run("sh", ["-c", readerOf(folder, stop)], { env: world.env, cwd: "/", timeout: LONG }),
        );
      }
      for (let i = 0; i < ROUNDS[kind]; i += 1) {
        await refreshed(kind, id, files({ A: value(), B: "x" }));
      }
      await inside(id, "touch", "/tmp/stop");
      await world.write("stop", "");
      for (const { stdout, stderr } of await Promise.all(readers)) {
        expect([stdout.trim(), stderr]).toEqual(["rounds 1", ""]);
      }
    },
    LONG,
  );

  it("a signal for the program, only when something has changed", async () => {
    const script = 'trap "cat /run/secrets/A; echo" HUP; while :; do sleep 0.1; done';
    const id = await begin(kind, files({ A: "old" }), { command: ["sh", "-c", script] });
    const after = { signal: "HUP" };
    await refreshed(kind, id, files({ A: "old" }), { after });
    await refreshed(kind, id, files({ A: "new" }), { after });
    await expect.poll(async () => dockerOut(["logs", id])).toBe("new");
  });

  it("a command in the container, whose failure is told", async () => {
    const id = await begin(kind, files({ A: "old" }));
    const exec = ["sh", "-c", "cat /run/secrets/A > /tmp/seen; exit $(cat /tmp/code)"];
    await inside(id, "sh", "-c", "echo 0 > /tmp/code");
    await refreshed(kind, id, files({ A: "new" }), { after: { exec } });
    expect(await inside(id, "cat", "/tmp/seen")).toBe("new");
    await inside(id, "sh", "-c", "echo 3 > /tmp/code");
    const failed = refreshed(kind, id, files({ A: "newer" }), { after: { exec } });
    await expect(failed).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
    expect(await inside(id, "cat", "/run/secrets/A")).toBe("newer");
  });

  it("the command has the hidden variables, with the values of now", async () => {
    const entries = (file: string, hidden: string): ReturnType<typeof files> => [
      ...files({ A: file }),
      secret("HIDDEN", hidden),
    ];
    const id = await begin(kind, entries("old", "old"), { variables: "hidden" });
    const exec = ["sh", "-c", 'printf %s "$HIDDEN" > /tmp/seen'];
    await refreshed(kind, id, entries("new", "newer"), { after: { exec } });
    expect(await inside(id, "cat", "/tmp/seen")).toBe("newer");
  });

  it("unknown names, and containers of others", async () => {
    const id = await begin(kind, files({ A: "old" }));
    const other = refreshed(kind, id, files({ A: "new" }), { app: "dogs" });
    await expect(other).rejects.toMatchObject({ code: "CONTAINER_MISSING" });
    for (const name of ["", "smtest-none", "../../version", "a b"]) {
      const none = refreshed(kind, name, files({ A: "new" }));
      await expect(none).rejects.toMatchObject({ code: "CONTAINER_MISSING" });
    }
    const plain = await dockerOut(["run", "-d", "busybox:local", "sleep", "60"]);
    started.push(plain);
    const ours = refreshed(kind, plain, files({ A: canary() }));
    await expect(ours).rejects.toMatchObject({ code: "CONTAINER_MISSING" });
  });
});
