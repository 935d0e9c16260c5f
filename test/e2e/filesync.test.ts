import { execFile, execFileSync } from "node:child_process";
import { appendFileSync, rmSync, symlinkSync, truncateSync, utimesSync } from "node:fs";
import { link, mkdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { makeWorld, type World } from "../support/temp.ts";
import { BASE } from "./build-harness.ts";
import { buildx, expectSame, filesIn, syncBuild } from "./filesync-harness.ts";

const run = promisify(execFile);

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
});

/** A step that is in no cache yet, so that tests don't help each other. */
let unique = "";
beforeEach(async () => {
  unique = `smtest-${process.pid}-${performance.now()}`;
});

async function dockerfile(...lines: readonly string[]): Promise<void> {
  await world.write("Dockerfile", [`FROM ${BASE}`, `LABEL t="${unique}"`, ...lines, ""].join("\n"));
}

/** Every kind of entry that a context may have, with names in awkward order. */
async function awkwardContext(): Promise<void> {
  await world.write("src/a/file.txt", unique);
  await world.write("src/a.txt", "after a/");
  await world.write("src/a-b/x", "before a/");
  await world.write("src/😀", "beyond the basic plane");
  await world.write("src/～", "in it, and yet before");
  await world.write("src/日本語/ä ö.txt", "unicode");
  await world.write("src/run.sh", "#!/bin/sh\n", 0o755);
  await world.write("src/setuid", "x", 0o755);
  await run("chmod", ["6755", join(world.cwd, "src/setuid")]);
  await mkdir(join(world.cwd, "src/sticky"));
  await run("chmod", ["1777", join(world.cwd, "src/sticky")]);
  await world.write("src/empty", "");
  await link(join(world.cwd, "src/a/file.txt"), join(world.cwd, "src/hard"));
  await link(join(world.cwd, "src/a/file.txt"), join(world.cwd, "src/0-hard"));
  await symlink("a/file.txt", join(world.cwd, "src/soft"));
  await symlink("/nowhere/😀", join(world.cwd, "src/dangling"));
  await world.write("src/big", Buffer.alloc(700_001, unique));
  await utimes(join(world.cwd, "src/empty"), -5.25, -5.25);
  await utimes(join(world.cwd, "src/a.txt"), 1, 1234567890.123456);
}

describe("the same as buildx", () => {
  it("every kind of entry: equal image id and nothing rebuilt, buildx first", async () => {
    await awkwardContext();
    await run("mkfifo", [join(world.cwd, "src/fifo")]);
    await dockerfile("COPY . /all", "COPY src/soft src/a* /some/");
    const theirs = await buildx(world.cwd);
    const ours = await syncBuild({ context: world.cwd });
    expectSame(theirs, ours);
  });

  it("and sealmount first", async () => {
    await awkwardContext();
    await dockerfile("COPY . /all", "COPY src/soft src/a* /some/");
    const ours = await syncBuild({ context: world.cwd });
    expectSame(ours, await buildx(world.cwd));
  });

  it("a socket is an empty file", async () => {
    await world.write("src/file", unique);
    const server = createServer().listen(join(world.cwd, "src/socket"));
    onTestFinished(() => void server.close());
    await dockerfile("COPY src /src");
    const ours = await syncBuild({ context: world.cwd });
    expect(await filesIn(ours.imageId ?? "", "/src")).toEqual(["file", "socket"]);
    expectSame(ours, await buildx(world.cwd));
  });

  it.each<[string, string[], string[]]>([
    ["exceptions", ["*", "!keep", "keep/no", "!**/yes"], ["keep/a", "other/yes", "no/no"]],
    ["a comma and a space", ["a, b", "c d,e"], ["a", "b", "a, b", "c d,e", "c d"]],
    ["unicode", ["日本*", "😀"], ["日本語", "😀", "～"]],
    ["percent and plus", ["a+b", "a%20b", "é+"], ["a+b", "a b", "a%20b", "é+", "é "]],
    ["classes and escapes", ["[a-c]x", "d\\d", "e\\[x"], ["ax", "dx", "d1", "dd", "e[x", "f"]],
    ["120 patterns", many(120), ["x1", "x119", "x120", "sub/x1"]],
    ["3,000 patterns", many(3000), ["x1", "x2999", "x3000", "sub/x1"]],
    ["3,000 patterns with a !", [...many(2999), "!x7"], ["x1", "x7", "x2998", "y"]],
  ])("ignore file with %s", async (_name, patterns, paths) => {
    for (const path of paths) await world.write(path, unique);
    await world.write(".dockerignore", `${patterns.join("\n")}\n!Dockerfile\n`);
    await dockerfile("COPY . /c");
    const theirs = await buildx(world.cwd);
    const ours = await syncBuild({ context: world.cwd });
    expectSame(theirs, ours);
    expect((await filesIn(ours.imageId ?? "", "/c")).length).toBeGreaterThan(1);
  });

  it.each([
    'COPY ["sp ace", "a1", "/c/"]',
    "COPY a* /c/",
    "COPY link/x /c/",
    "COPY loop* up /c/",
    "COPY d/*/x /c/",
  ])("followed paths: %s", async (line) => {
    await world.write("a1", unique);
    await world.write("sp ace", unique);
    await world.write("d/e/x", unique);
    await world.write("up", unique);
    await world.write("loop1", unique);
    await symlink("../../d/e", join(world.cwd, "link"));
    await symlink("/d/../up", join(world.cwd, "a2"));
    await symlink("a2", join(world.cwd, "a3"));
    await symlink("loop3", join(world.cwd, "loop2-not"));
    await dockerfile(line.includes("loop") ? "COPY loop1 up /c/" : line);
    const theirs = await buildx(world.cwd);
    const ours = await syncBuild({ context: world.cwd });
    expectSame(theirs, ours);
  });
});

function many(count: number): string[] {
  return Array.from({ length: count }, (_none, index) => `x${index}`);
}

describe("incremental", () => {
  it("a second build sends nothing, and then only what has changed", async () => {
    await awkwardContext();
    await dockerfile("COPY . /all");
    const first = await syncBuild({ context: world.cwd });
    expect(first.error).toBe("");
    expect(first.files.get("context")).toBeGreaterThan(10);
    const second = await syncBuild({ context: world.cwd });
    expectSame(first, second);
    // the Dockerfile is asked for every time: the engine does not even compare it
    expect([second.files.get("context"), second.bytes.get("context")]).toEqual([0, 0]);
    await world.write("src/a.txt", "changed");
    await rm(join(world.cwd, "src/soft"));
    const third = await syncBuild({ context: world.cwd });
    expect(third.files.get("context")).toBe(1);
    expect(third.bytes.get("context")).toBe(7);
    expect(await filesIn(third.imageId ?? "", "/all/src")).not.toContain("soft");
    expectSame(third, await buildx(world.cwd));
  });

  it("only the paths that the Dockerfile uses", async () => {
    await world.write("used", unique);
    await world.write("unused", Buffer.alloc(1 << 20));
    await dockerfile("COPY used /used");
    const built = await syncBuild({ context: world.cwd });
    expect(built.error).toBe("");
    expect(built.files.get("context")).toBe(1);
  });
});

describe("a Dockerfile from memory", () => {
  it("is served beside the folder, and noticed when it changes", async () => {
    await world.write("file", unique);
    const context = { root: world.cwd };
    const build = async (text: string) =>
      syncBuild({
        context: world.cwd,
        dirs: new Map([
          ["context", context],
          ["dockerfile", memory(text)],
        ]),
      });
    const first = await build(`FROM ${BASE}\nCOPY file /a/\n`);
    expect(await filesIn(first.imageId ?? "", "/a")).toEqual(["file"]);
    const second = await build(`FROM ${BASE}\nCOPY file /b/\n`);
    expect(second).toMatchObject({ error: "", failures: [] });
    expect(second.imageId).not.toBe(first.imageId);
  });
});

function memory(text: string) {
  const virtual = new Map([["Dockerfile", Buffer.from(text)]]);
  return { root: join(world.cwd, "nowhere"), only: ["Dockerfile"], virtual };
}

function replaceByPipe(): void {
  rmSync(join(world.cwd, "file"));
  execFileSync("mkfifo", [join(world.cwd, "file")]);
}

function replaceByLink(): void {
  rmSync(join(world.cwd, "file"));
  symlinkSync("/etc/hostname", join(world.cwd, "file"));
}

describe("bad context", () => {
  it("a name that is not UTF-8", async () => {
    await dockerfile("COPY . /c");
    await writeFile(Buffer.concat([Buffer.from(join(world.cwd, "x")), Buffer.from([0xff])]), "");
    const { imageId, error, failures } = await syncBuild({ context: world.cwd });
    expect(imageId).toBeNull();
    expect(error).toContain("a file name is not UTF-8: x\ufffd");
    expect(failures).toEqual([expect.objectContaining({ code: "BUILD_CONTEXT" })]);
  });

  it.each<[string, () => void]>([
    ["vanished", () => rmSync(join(world.cwd, "file"))],
    ["shrank", () => truncateSync(join(world.cwd, "file"), 10)],
    ["was changed", () => appendFileSync(join(world.cwd, "file"), "more")],
    ["was changed", () => utimesSync(join(world.cwd, "file"), 1, 1)],
    ["was replaced", replaceByPipe],
    ["was replaced", replaceByLink],
  ])("a file that %s after the engine was told of it", async (how, onRequest) => {
    await dockerfile("COPY . /c");
    await world.write("file", Buffer.alloc(1 << 20, unique));
    const { imageId, error, failures } = await syncBuild({ context: world.cwd, onRequest });
    const text = `file in the build context ${how} while the build read it`;
    expect(imageId).toBeNull();
    // 20.10 may see the end of the stream before the words that came with it
    expect(error).toMatch(new RegExp(`${text}|^EOF$`));
    expect(failures).toEqual([expect.objectContaining({ code: "BUILD_CONTEXT", message: text })]);
  });

  it("a directory that is not served", async () => {
    await dockerfile("COPY . /c");
    const dirs = new Map([["dockerfile", { root: world.cwd }]]);
    const { imageId, error, failures } = await syncBuild({ context: world.cwd, dirs });
    expect(imageId).toBeNull();
    // which of its two errors the engine reports is a race of its own
    expect(error).toMatch(/no access allowed to dir "context"|context canceled/);
    expect(failures).toEqual([]);
  });
});
