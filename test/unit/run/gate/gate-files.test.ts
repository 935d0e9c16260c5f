import { execFileSync, spawnSync } from "node:child_process";
import { link, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink } from "node:fs/promises";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";

import type { Machine } from "../../../../scripts/gate.ts";
import { GATES } from "../../../../src/run/gate/binaries.ts";

/** What the gate does to files of volumes: `rename` and `empty`. */

const HERE = process.arch === "x64" ? "amd64" : process.arch;
const EMULATORS: Readonly<Record<Machine, string>> = {
  amd64: "qemu-x86_64-static",
  arm64: "qemu-aarch64-static",
};

const folder = await mkdtemp(join(tmpdir(), "smtest-gate-files-"));
afterAll(async () => rm(folder, { recursive: true, force: true }));

function has(command: string): boolean {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const machines = (["amd64", "arm64"] as const).map((machine) => {
  const runs = machine === HERE || has(EMULATORS[machine]);
  return { machine, runs, note: runs ? "" : ` (NOT RUN: needs ${EMULATORS[machine]})` };
});

describe.each(machines)("gate for $machine$note", ({ machine, runs }) => {
  const own = join(folder, machine);
  const gate = join(folder, `gate-${machine}`);

  beforeEach(async () => {
    await writeFile(gate, Buffer.from(GATES[machine].base64, "base64"), { mode: 0o755 });
    await rm(own, { recursive: true, force: true });
    await mkdir(join(own, "..b"), { recursive: true });
    await writeFile(join(own, "..b/A"), "new");
    await writeFile(join(own, "A"), "old");
    await symlink("..a", join(own, "..data"));
  });

  /** In the folder of the files. */
  function run(...words: readonly string[]): {
    readonly code: number | null;
    readonly err: string;
  } {
    const call = machine === HERE ? [gate, ...words] : [EMULATORS[machine], gate, ...words];
    const [program = "", ...rest] = call;
    const { status, stderr, stdout } = spawnSync(program, rest, { cwd: own, encoding: "utf8" });
    expect(stdout).toBe("");
    return { code: status, err: stderr };
  }

  describe.skipIf(!runs)("rename", () => {
    it("puts files and links in the place of others, pair by pair", async () => {
      await link(join(own, "..b/A"), join(own, "one"));
      await symlink("..b", join(own, "two"));
      const { ino } = await stat(join(own, "..b/A"));
      expect(run("rename", "two", "..data", "one", "A")).toEqual({ code: 0, err: "" });
      expect(await readlink(join(own, "..data"))).toBe("..b");
      expect((await stat(join(own, "A"))).ino).toBe(ino);
    });

    it("stops at the first that fails, and names it", async () => {
      await writeFile(join(own, "one"), "1");
      const { code, err } = run("rename", "none", "A", "one", "A");
      expect([code, err]).toEqual([125, "sealmount: none: can't be changed\n"]);
      expect(await readFile(join(own, "A"), "utf8")).toBe("old");
    });

    it("fails for a name without a partner, after those that have one", async () => {
      await writeFile(join(own, "one"), "1");
      expect(run("rename", "one", "A", "..b/A").code).toBe(125);
      expect(await readFile(join(own, "A"), "utf8")).toBe("1");
      expect(await readFile(join(own, "..b/A"), "utf8")).toBe("new");
    });
  });

  describe.skipIf(!runs)("empty", () => {
    it("cuts files to nothing; each stays the same file", async () => {
      const before = await stat(join(own, "A"));
      expect(run("empty", "A", "..b/A")).toEqual({ code: 0, err: "" });
      const after = await stat(join(own, "A"));
      expect([after.ino, after.size, after.mode]).toEqual([before.ino, 0, before.mode]);
      expect((await stat(join(own, "..b/A"))).size).toBe(0);
    });

    it("makes no file", async () => {
      const { code, err } = run("empty", "none", "A");
      expect([code, err]).toEqual([125, "sealmount: none: can't be changed\n"]);
      expect(await readFile(join(own, "A"), "utf8")).toBe("old");
    });
  });

  it.skipIf(!runs)("says how it is called without a path", () => {
    for (const mode of ["rename", "empty"]) expect(run(mode)).toMatchObject({ code: 125 });
  });
});
