import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors.ts";
import { findProject } from "../../../src/project/project.ts";
import { CANARY, OTHER_KEY, PUBLIC_KEY } from "../manifest/fixtures.ts";
import { errorOf, folderWith, problemsOf } from "./fixtures.ts";

const SEAL = `[seal]\napp = "cats"\npublic_key = "${PUBLIC_KEY}"\n`;

describe("findProject", () => {
  it("walks up to the nearest manifest, and takes iterapp.toml before store.toml", async () => {
    const cwd = await folderWith({
      "iterapp.toml": "port = 1",
      "store.toml": "",
      "a/store.toml": "port = 2",
      "a/b/c/x": "",
    });
    expect((await findProject({ cwd })).path).toBe(join(cwd, "iterapp.toml"));
    const below = await findProject({ cwd: join(cwd, "a/b/c") });
    expect(below.path).toBe(join(cwd, "a/store.toml"));
    expect(below.folder).toBe(join(cwd, "a"));
    expect(below.manifest.file).toBe("../../store.toml");
    expect(below.manifest.seal.app).toBe("a");
    expect(below.text).toBe("port = 2");
  });

  it("takes a named file, or a folder that has one", async () => {
    const cwd = await folderWith({ "other.toml": SEAL, "a/iterapp.toml": "" });
    expect((await findProject({ cwd, file: "other.toml" })).manifest.file).toBe("other.toml");
    expect((await findProject({ cwd, file: "a" })).path).toBe(join(cwd, "a/iterapp.toml"));
  });

  it("keeps BOM and CRLF in the text", async () => {
    const text = '\uFEFF[env.common]\r\nA = "x" # c\r\n';
    expect((await findProject({ cwd: await folderWith({ "iterapp.toml": text }) })).text).toBe(
      text,
    );
  });

  it.each([
    ["a named file that is missing", "nope.toml", "MANIFEST_NOT_FOUND"],
    ["a named folder without a manifest", "empty", "MANIFEST_UNREADABLE"],
    ["a FIFO", "fifo", "MANIFEST_UNREADABLE"],
    ["a file that is no UTF-8", "latin1.toml", "MANIFEST_UNREADABLE"],
    ["a manifest of 2 MB", "large.toml", "MANIFEST_TOO_LARGE"],
    ["a manifest with a fault", "bad.toml", "MANIFEST_SYNTAX"],
    ["a path through a file", "bad.toml/iterapp.toml", "MANIFEST_NOT_FOUND"],
  ])("%s has its own error", async (_, file, code) => {
    const cwd = await folderWith({
      "bad.toml": `A = ${CANARY}`,
      "large.toml": `A = "${CANARY}"\n`.repeat(100_000),
    });
    await mkdir(join(cwd, "empty"));
    await writeFile(join(cwd, "latin1.toml"), Buffer.from(`A = "${CANARY}\xe9"`, "latin1"));
    execFileSync("mkfifo", [join(cwd, "fifo")]);
    const error = await errorOf(findProject({ cwd, file }));
    expect(error).toMatchObject({ code, exitCode: 3, place: { file } });
    expect(error.hint).toMatch(/\S/);
  });

  it("says how to start when there is no manifest at all", async () => {
    const cwd = await folderWith({ x: "" });
    const error = await errorOf(findProject({ cwd }));
    expect(error).toMatchObject({ code: "MANIFEST_NOT_FOUND", hint: "sealmount init" });
  });

  it("says when the system can't open it", async () => {
    const cwd = await folderWith({});
    await symlink("iterapp.toml", join(cwd, "iterapp.toml"));
    const error = await errorOf(findProject({ cwd }));
    expect(error).toMatchObject({ code: "MANIFEST_UNREADABLE" });
    expect(error.message).toContain("ELOOP");
  });
});

describe("applings", () => {
  const FILES = {
    "iterapp.toml": `applings = ["api", "services/worker"]\n${SEAL}require_bound = true\n`,
    "api/iterapp.toml": '[env.common]\nA = "api"\n',
    "api/src/x": "",
    "services/worker/iterapp.toml": `[seal]\npublic_key = "${OTHER_KEY}"\n`,
    "other/iterapp.toml": "",
  };

  it("are opened by name, and inherit [seal]", async () => {
    const cwd = await folderWith(FILES);
    const api = await findProject({ cwd, appling: "api" });
    expect(api).toMatchObject({ appling: "api", folder: join(cwd, "api") });
    expect(api.manifest.seal).toMatchObject({
      app: "cats",
      publicKey: PUBLIC_KEY,
      requireBound: true,
    });
  });

  it("inherit as well when one stands in their folder, or names their file", async () => {
    const cwd = await folderWith(FILES);
    const inside = await findProject({ cwd: join(cwd, "api/src") });
    expect(inside.appling).toBe("api");
    expect(inside.manifest.seal.app).toBe("cats");
    const named = await findProject({ cwd, file: "api/iterapp.toml" });
    expect(named.manifest.seal.app).toBe("cats");
  });

  it("keep what they say themselves; their last part names them when it is unique", async () => {
    const cwd = await folderWith(FILES);
    const worker = await findProject({ cwd, appling: "worker" });
    expect(worker.appling).toBe("services/worker");
    expect(worker.manifest.seal).toMatchObject({ app: "cats", publicKey: OTHER_KEY });
  });

  it("are found from another appling's folder", async () => {
    const cwd = await folderWith(FILES);
    const worker = await findProject({ cwd: join(cwd, "api"), appling: "worker" });
    expect(worker.folder).toBe(join(cwd, "services/worker"));
  });

  it("a folder that no parent lists inherits nothing", async () => {
    const cwd = await folderWith(FILES);
    const other = await findProject({ cwd: join(cwd, "other") });
    expect(other.appling).toBeUndefined();
    expect(other.manifest.seal).toMatchObject({ app: "other", requireBound: false });
  });

  it("may have applings of their own, over three levels", async () => {
    const cwd = await folderWith({
      "iterapp.toml": `applings = ["a"]\n${SEAL}`,
      "a/iterapp.toml": 'applings = ["b"]\n',
      "a/b/iterapp.toml": "",
    });
    expect((await findProject({ cwd: join(cwd, "a/b") })).manifest.seal.app).toBe("cats");
  });

  it("do not inherit across the border of a repository", async () => {
    const cwd = await folderWith(FILES);
    await mkdir(join(cwd, "api/.git"));
    expect((await findProject({ cwd: join(cwd, "api") })).manifest.seal.app).toBe("api");
  });

  it("a parent that is broken is an error, not a guess", async () => {
    const cwd = await folderWith({ ...FILES, "iterapp.toml": `applings = ["api"\n# ${CANARY}` });
    expect(await problemsOf(findProject({ cwd: join(cwd, "api") }))).toEqual([
      expect.stringMatching(/MANIFEST_SYNTAX$/),
    ]);
  });

  it("an unknown one is refused, with what was meant", async () => {
    const cwd = await folderWith(FILES);
    const error = await errorOf(findProject({ cwd, appling: "wroker" }));
    expect(error).toBeInstanceOf(UsageError);
    const near = await errorOf(findProject({ cwd, appling: "apo" }));
    expect(near).toMatchObject({ code: "USAGE_UNKNOWN", hint: "did you mean api?" });
  });

  it("one without a manifest says where it was looked for", async () => {
    const cwd = await folderWith({ "iterapp.toml": 'applings = ["gone"]' });
    const error = await errorOf(findProject({ cwd, appling: "gone" }));
    expect(error).toMatchObject({
      code: "MANIFEST_NOT_FOUND",
      place: { file: "gone/iterapp.toml" },
    });
  });
});

describe("paths", () => {
  it("a manifest behind a symbolic link is read; its folder is that of the link", async () => {
    const cwd = await folderWith({ "shared/real.toml": "port = 1", "app/x": "" });
    await symlink("../shared/real.toml", join(cwd, "app/iterapp.toml"));
    const project = await findProject({ cwd: join(cwd, "app") });
    expect(project.folder).toBe(join(cwd, "app"));
  });
});
