import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { checkReportFile, writeReportFile } from "../../../../src/verify/report/write.ts";
import { makeWorld } from "../../../support/temp.ts";

describe("a report's file", () => {
  it("is written whole; a file keeps its mode, a link stays one, and nothing else is left", async () => {
    await using world = await makeWorld();
    const folder = join(world.cwd, "out");
    await mkdir(folder);
    await writeFile(join(folder, "real.json"), "old and longer");
    await chmod(join(folder, "real.json"), 0o640);
    await symlink("real.json", join(folder, "link.json"));
    await writeReportFile(join(folder, "link.json"), "new");
    await writeReportFile(join(folder, "made.json"), "made");
    expect(await readFile(join(folder, "real.json"), "utf8")).toBe("new");
    expect((await stat(join(folder, "real.json"))).mode & 0o777).toBe(0o640);
    expect((await readdir(folder)).toSorted()).toEqual(["link.json", "made.json", "real.json"]);
  });

  it("may be a pipe", async () => {
    await using world = await makeWorld();
    const pipe = join(world.cwd, "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = spawn("cat", [pipe], { stdio: ["ignore", "pipe", "ignore"] });
    const [read] = await Promise.all([text(reader.stdout), writeReportFile(pipe, "through")]);
    expect(read).toBe("through");
    expect((await stat(pipe)).isFIFO()).toBe(true);
  });

  it.each([
    ["nowhere/x", "ENOENT"],
    ["file/x", "ENOTDIR"],
    ["folder", "EISDIR"],
  ])("%s is refused before anything is read", async (name, errno) => {
    await using world = await makeWorld();
    await mkdir(join(world.cwd, "folder"));
    await world.write("file", "");
    const path = join(world.cwd, name);
    const expected = { code: "USAGE", exitCode: 2, place: { file: path } };
    await expect(checkReportFile(path)).rejects.toMatchObject(expected);
    await expect(writeReportFile(path, "x")).rejects.toThrow(errno);
    await expect(checkReportFile(join(world.cwd, "new"))).resolves.toBeUndefined();
  });
});
