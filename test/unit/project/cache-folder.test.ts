import { chmod, mkdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { cacheFolder } from "../../../src/project/cache-folder.ts";
import { makeWorld, type World } from "../../support/temp.ts";

const asRoot = process.geteuid?.() === 0;

describe("cacheFolder", () => {
  it.each(["XDG_CACHE_HOME", "HOME"])("is made below %s, closed to others", async (variable) => {
    await using world = await makeWorld();
    const env = { [variable]: world.home };
    const folder = cacheFolder(env);
    const parts = variable === "HOME" ? [".cache", "sealmount"] : ["sealmount"];
    expect(folder).toBe(join(world.home, ...parts));
    expect((await stat(folder ?? "")).mode & 0o777).toBe(0o700);
    expect(cacheFolder(env)).toBe(folder);
  });

  it("is closed where it was open", async () => {
    await using world = await makeWorld();
    const folder = join(world.home, "sealmount");
    await mkdir(folder);
    await chmod(folder, 0o755);
    expect(cacheFolder({ XDG_CACHE_HOME: world.home })).toBe(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  const LINK = async ({ home, cwd }: World): Promise<void> => symlink(cwd, join(home, "sealmount"));
  const FILE = async ({ home }: World): Promise<void> =>
    symlink("/dev/null", join(home, "sealmount"));
  const OPEN = async ({ home }: World): Promise<void> => chmod(home, 0o777);

  it.each([
    ["a link", LINK],
    ["a link to no folder", FILE],
    ["below a folder that all may write to", OPEN],
  ])("is none: %s", async (_, prepare) => {
    await using world = await makeWorld();
    await prepare(world);
    expect(cacheFolder({ XDG_CACHE_HOME: world.home })).toBeNull();
  });

  it("is none in a place where nothing can be made", () => {
    expect(cacheFolder({ XDG_CACHE_HOME: "/dev/null" })).toBeNull();
    expect(cacheFolder({ XDG_CACHE_HOME: "/proc/none" })).toBeNull();
  });

  it.runIf(asRoot)(
    "is none in the home of somebody else: as root with a HOME that was kept",
    async () => {
      await using world = await makeWorld();
      const { chown } = await import("node:fs/promises");
      await chown(world.home, 12345, 12345);
      expect(cacheFolder({ HOME: world.home })).toBeNull();
    },
  );
});
