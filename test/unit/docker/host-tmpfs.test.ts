import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import {
  findTmpfsRoot,
  FOLDER_NOTE,
  isFolderOf,
  listPrivateFolders,
  makePrivateFolder,
  removePrivateFolder,
  tmpfsRoots,
} from "../../../src/docker/host-tmpfs.ts";

let runtime = "";
const note = { kept: false, engine: "e", run: "r" };

beforeEach(async () => {
  runtime = await mkdtemp("/dev/shm/smtest-runtime-");
});
afterEach(async () => {
  await rm(runtime, { recursive: true });
});

describe("private folders", () => {
  it("takes XDG_RUNTIME_DIR first, then /dev/shm", () => {
    expect(tmpfsRoots({ XDG_RUNTIME_DIR: "/run/user/7" }, 7)).toEqual([
      "/run/user/7/sealmount",
      "/dev/shm/sealmount-7",
    ]);
    expect(tmpfsRoots({ XDG_RUNTIME_DIR: "relative" }, 7)).toEqual(["/dev/shm/sealmount-7"]);
  });

  it("makes a folder that nobody else can look into, lists it, removes it", async () => {
    const env = { XDG_RUNTIME_DIR: runtime };
    const root = await findTmpfsRoot(env);
    expect(root).toBe(join(runtime, "sealmount"));
    const folder = await makePrivateFolder(root ?? "", note);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(root ?? "")).mode & 0o777).toBe(0o700);
    const listed = (await listPrivateFolders(env)).find(({ path }) => path === folder);
    expect(listed?.note).toMatchObject(note);
    await removePrivateFolder(folder);
    await removePrivateFolder(folder);
    expect(await readdir(root ?? "")).toEqual([]);
  });

  it.each<readonly [string, boolean, (folder: string) => Promise<string>]>([
    ["itself", true, async (folder) => folder],
    [
      "a link to it",
      false,
      async (folder) => symlink(folder, `${folder}l`).then(() => `${folder}l`),
    ],
    [
      "a folder in it",
      false,
      async (folder) => mkdir(join(folder, "run-x")).then(() => join(folder, "run-x")),
    ],
    ["the root", false, async (folder) => dirname(folder)],
    [
      "another way to it",
      false,
      async (folder) => join(folder, "..").concat("/./", basename(folder)),
    ],
    ["one that is not there", false, async (folder) => `${folder}x`],
    ["one that others may enter", false, async (folder) => chmod(folder, 0o755).then(() => folder)],
    [
      "one without a note",
      false,
      async (folder) => rm(join(folder, FOLDER_NOTE)).then(() => folder),
    ],
    ["nothing", false, async () => ""],
    ["a folder elsewhere", false, async () => "/etc"],
  ])("a label may name %s: %s", async (_title, expected, named) => {
    const env = { XDG_RUNTIME_DIR: runtime };
    const folder = await makePrivateFolder((await findTmpfsRoot(env)) ?? "", note);
    const label = await named(folder);
    expect(await isFolderOf(env, label, note.run)).toBe(expected);
    expect(await isFolderOf(env, label, "another run")).toBe(false);
    expect(await isFolderOf({}, label, note.run)).toBe(false);
  });

  it("passes over a root on a disk", async () => {
    const disk = await mkdtemp(join(tmpdir(), "smtest-disk-"));
    const root = await findTmpfsRoot({ XDG_RUNTIME_DIR: disk });
    expect(root).not.toContain(disk);
    expect(await readdir(disk)).toEqual([]);
    await rm(disk, { recursive: true });
  });

  it.each([
    ["others may enter", async (path: string) => mkdir(path).then(() => chmod(path, 0o755))],
    ["it is a link", async (path: string) => symlink(runtime, path)],
  ])("passes over a root when %s", async (_title, make) => {
    await make(join(runtime, "sealmount"));
    expect(await findTmpfsRoot({ XDG_RUNTIME_DIR: runtime })).not.toContain(runtime);
  });

  it("removes nothing but its own folders", async () => {
    await expect(removePrivateFolder(runtime)).rejects.toThrow("not a private folder");
  });
});
