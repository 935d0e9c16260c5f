import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { replaceFile } from "../../../src/project/atomic-file.ts";
import { findProject, reloadProject } from "../../../src/project/project.ts";
import { writeManifest } from "../../../src/project/write.ts";
import { CANARY } from "../manifest/fixtures.ts";
import { errorOf, folderWith, problemsOf, projectWith, textOf } from "./fixtures.ts";

const TEXT = `[env.common]\nA = "${CANARY}"\n`;

describe("writeManifest", () => {
  it("writes all of it, keeps the mode, and leaves no other file", async () => {
    const project = await projectWith(TEXT);
    await chmod(project.path, 0o640);
    await writeManifest(project, "port = 1\n");
    expect(await textOf(project)).toBe("port = 1\n");
    expect((await stat(project.path)).mode & 0o7777).toBe(0o640);
    expect(await readdir(project.folder)).toEqual([".git", "iterapp.toml"]);
    expect((await reloadProject(project)).text).toBe("port = 1\n");
  });

  it("refuses when the file was changed meanwhile", async () => {
    const project = await projectWith(TEXT);
    await writeFile(project.path, `${TEXT}# more\n`);
    const error = await errorOf(writeManifest(project, "port = 1\n"));
    expect(error).toMatchObject({ code: "MANIFEST_EDIT_REFUSED", hint: "run the command again" });
    expect(await textOf(project)).toBe(`${TEXT}# more\n`);
    expect(await readdir(project.folder)).toEqual([".git", "iterapp.toml"]);
  });

  it("refuses text that is no valid manifest", async () => {
    const project = await projectWith(TEXT);
    const bad = `${TEXT}B = { encryptd = "${CANARY}" }\n`;
    expect(await problemsOf(writeManifest(project, bad))).toEqual([
      "3:7 env.common.B.encryptd MANIFEST_INVALID",
    ]);
    expect(await textOf(project)).toBe(TEXT);
  });

  it("replaces the file that a symbolic link leads to, and keeps the link", async () => {
    const cwd = await folderWith({ "shared/real.toml": TEXT, "app/x": "" });
    const link = join(cwd, "app/iterapp.toml");
    await symlink("../shared/real.toml", link);
    await writeManifest(await findProject({ cwd: join(cwd, "app") }), "port = 1\n");
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readFile(join(cwd, "shared/real.toml"), "utf8")).toBe("port = 1\n");
  });

  it("keeps BOM and line ends as they are given", async () => {
    const text = "\uFEFF# c\r\nport = 1\r\n";
    const project = await projectWith(text);
    await writeManifest(project, `${text}x = 1\r\n`);
    expect(await textOf(project)).toBe(`${text}x = 1\r\n`);
  });

  it("says when the manifest is gone", async () => {
    const project = await projectWith(TEXT);
    const gone = { ...project, path: join(project.folder, "gone/iterapp.toml") };
    expect(await errorOf(writeManifest(gone, ""))).toMatchObject({
      code: "MANIFEST_EDIT_REFUSED",
    });
  });
});

describe("replaceFile", () => {
  it("leaves the old text and no temporary file when it is stopped before the rename", async () => {
    const folder = await folderWith({ f: "old" });
    const path = join(folder, "f");
    const beforeRename = (): void => {
      throw new Error("stopped");
    };
    await expect(replaceFile({ path, text: "new", beforeRename })).rejects.toThrow("stopped");
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual([".git", "f"]);
  });

  it("leaves no temporary file when it can't be renamed", async () => {
    const folder = await folderWith({ x: "" });
    await mkdir(join(folder, "f"));
    await writeFile(join(folder, "f/g"), "");
    await expect(replaceFile({ path: join(folder, "f"), text: "new" })).rejects.toThrow(
      /EISDIR|ENOTEMPTY|EEXIST/,
    );
    expect(await readdir(folder)).toEqual([".git", "f", "x"]);
  });

  it("keeps unusual modes, such as a shared folder's", async () => {
    const folder = await folderWith({ f: "old" });
    const path = join(folder, "f");
    await chmod(path, 0o604);
    await replaceFile({ path, text: "new", like: await stat(path) });
    expect((await stat(path)).mode & 0o7777).toBe(0o604);
  });
});
