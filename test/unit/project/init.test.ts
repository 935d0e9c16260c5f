import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { parseManifest } from "../../../src/manifest/parse.ts";
import { completeIgnoreFile } from "../../../src/project/ignore-file.ts";
import { initProject } from "../../../src/project/init.ts";
import { findProject } from "../../../src/project/project.ts";
import { readTemplate, templatesFolder } from "../../../src/project/templates.ts";
import { CANARY, OTHER_KEY, PUBLIC_KEY } from "../manifest/fixtures.ts";
import { errorOf, folderWith } from "./fixtures.ts";

const read = (folder: string, name: string): Promise<string> =>
  readFile(join(folder, name), "utf8");

describe("templates", () => {
  it("every one is there, and the manifest is valid as it stands", async () => {
    const text = await readTemplate("iterapp.toml");
    const manifest = parseManifest(text, { file: "iterapp.toml", folderName: "x" });
    expect(manifest.warnings).toEqual([]);
    for (const name of ["gitignore", "dockerignore"] as const) {
      expect(await readTemplate(name)).toMatch(/^#.*\n(?:[^\n]+\n)+$/);
    }
  });

  it("are found from the sources and from a bundle", async () => {
    const folder = await folderWith({ "templates/iterapp.toml": "", "dist/x.js": "" });
    const from = pathToFileURL(join(folder, "dist/x.js")).href;
    expect(await templatesFolder(from)).toBe(join(folder, "templates"));
    expect(await templatesFolder()).toMatch(/templates$/);
    await expect(templatesFolder("file:///x.js")).rejects.toThrow("install sealmount again");
  });
});

describe("initProject", () => {
  it("creates a manifest from the template, and lines to ignore", async () => {
    const folder = await folderWith({});
    const result = await initProject({ folder, app: "cats", publicKey: PUBLIC_KEY });
    expect(result).toMatchObject({
      path: join(folder, "iterapp.toml"),
      app: "cats",
      created: true,
      completed: [],
    });
    const { manifest } = await findProject({ cwd: folder });
    expect(manifest.seal).toMatchObject({ app: "cats", publicKey: PUBLIC_KEY });
    expect([...manifest.environments.keys()]).toEqual(["common", "prod"]);
    expect(await read(folder, ".gitignore")).toBe(await readTemplate("gitignore"));
    expect(await read(folder, ".dockerignore")).toContain("**/iterapp.toml\n");
  });

  it("names the app after the folder when nothing else does", async () => {
    const root = await folderWith({});
    const folder = join(root, "dogs");
    await mkdir(folder);
    expect((await initProject({ folder, publicKey: PUBLIC_KEY })).app).toBe("dogs");
    const spaced = join(root, "two words");
    await mkdir(spaced);
    const error = await errorOf(initProject({ folder: spaced, publicKey: PUBLIC_KEY }));
    expect(error).toMatchObject({ code: "MANIFEST_INVALID" });
    await initProject({ folder: spaced, app: "named", publicKey: PUBLIC_KEY });
  });

  it("doing it again changes no byte", async () => {
    const folder = await folderWith({});
    const o = { folder, app: "cats", publicKey: PUBLIC_KEY };
    await initProject(o);
    const names = ["iterapp.toml", ".gitignore", ".dockerignore"];
    const before = await Promise.all(names.map((name) => read(folder, name)));
    expect(await initProject(o)).toMatchObject({
      created: false,
      completed: [],
      gitignore: [],
      dockerignore: [],
    });
    expect(await Promise.all(names.map((name) => read(folder, name)))).toEqual(before);
  });

  it("completes a manifest of the platform, and keeps every other byte", async () => {
    const text = `\uFEFF# ours\r\nport = 3000 # p\r\nname = "cats"\r\n[env.common]\r\nA = "${CANARY}"`;
    const folder = await folderWith({ "iterapp.toml": text });
    const result = await initProject({ folder, publicKey: PUBLIC_KEY });
    expect(result).toMatchObject({ app: "cats", created: false, completed: ["app", "public_key"] });
    const added = `\r\n\r\n[seal]\r\napp = "cats"\r\npublic_key = "${PUBLIC_KEY}"`;
    expect(await read(folder, "iterapp.toml")).toBe(text + added);
  });

  it("completes [seal] where it stands, and store.toml when that is what there is", async () => {
    const folder = await folderWith({ "store.toml": '[seal] # s\napp = "x"\n\n[env.prod]\n' });
    const result = await initProject({ folder, publicKey: PUBLIC_KEY });
    expect(result.completed).toEqual(["public_key"]);
    expect(await read(folder, "store.toml")).toBe(
      `[seal] # s\napp = "x"\npublic_key = "${PUBLIC_KEY}"\n\n[env.prod]\n`,
    );
  });

  it("an appling that inherits both needs nothing", async () => {
    const folder = await folderWith({
      "iterapp.toml": `applings = ["api"]\n[seal]\napp = "cats"\npublic_key = "${PUBLIC_KEY}"\n`,
      "api/iterapp.toml": "",
    });
    const result = await initProject({ folder: join(folder, "api"), publicKey: PUBLIC_KEY });
    expect(result).toMatchObject({ app: "cats", completed: [] });
  });

  it.each([
    ["another key", { publicKey: OTHER_KEY }, "SECRET_EXISTS"],
    ["another app", { app: "dogs" }, "SECRET_EXISTS"],
    ["a name that is none", { app: "a/b" }, "USAGE"],
    ["a key that is none", { publicKey: `smk1_${CANARY}` }, "USAGE"],
  ])("refuses %s, and writes nothing", async (_, options, code) => {
    const text = `[seal]\napp = "cats"\npublic_key = "${PUBLIC_KEY}"\n`;
    const folder = await folderWith({ "iterapp.toml": text });
    const error = await errorOf(initProject({ folder, publicKey: PUBLIC_KEY, ...options }));
    expect(error.code).toBe(code);
    expect(await read(folder, "iterapp.toml")).toBe(text);
    await expect(read(folder, ".gitignore")).rejects.toThrow("ENOENT");
  });

  it("says when the folder is missing", async () => {
    const folder = join(await folderWith({}), "gone");
    expect(await errorOf(initProject({ folder, app: "a", publicKey: PUBLIC_KEY }))).toMatchObject({
      code: "MANIFEST_EDIT_REFUSED",
    });
  });
});

describe("completeIgnoreFile", () => {
  const TEMPLATE = "# why\n*.key\n.env\n";

  it.each([
    ["an empty file", "", "# why\n*.key\n.env\n", ["*.key", ".env"]],
    ["a file with some", ".env\nx\n", ".env\nx\n# why\n*.key\n", ["*.key"]],
    ["a file with all", "*.key\n.env\n", "*.key\n.env\n", []],
    ["no final line end", "x", "x\n# why\n*.key\n.env\n", ["*.key", ".env"]],
    ["CRLF", "x\r\n.env\r\n", "x\r\n.env\r\n# why\r\n*.key\r\n", ["*.key"]],
  ])("%s", async (_, before, after, added) => {
    const folder = await folderWith({ f: before });
    expect(await completeIgnoreFile(join(folder, "f"), TEMPLATE)).toEqual(added);
    expect(await read(folder, "f")).toBe(after);
    expect(await completeIgnoreFile(join(folder, "f"), TEMPLATE)).toEqual([]);
  });

  it("keeps bytes that are no UTF-8, and a symbolic link", async () => {
    const folder = await folderWith({});
    await writeFile(join(folder, "real"), Buffer.from([0xe9, 0x0a]));
    await symlink("real", join(folder, "f"));
    await completeIgnoreFile(join(folder, "f"), TEMPLATE);
    const bytes = await readFile(join(folder, "real"));
    expect(bytes.subarray(0, 2)).toEqual(Buffer.from([0xe9, 0x0a]));
    expect(bytes.toString("latin1")).toContain("*.key");
  });

  it("says when the file is a folder", async () => {
    const folder = await folderWith({ "f/x": "" });
    const error = await errorOf(completeIgnoreFile(join(folder, "f"), TEMPLATE));
    expect(error).toMatchObject({ code: "MANIFEST_EDIT_REFUSED", place: { file: "f" } });
  });
});
