import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { PassThrough } from "node:stream";

import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";

import { fileSendService } from "../../src/session/filesend/service.ts";
import { tarFile, tarStream, type OutputTarget } from "../../src/session/filesend/targets.ts";
import { makeWorld } from "../support/temp.ts";
import { BASE } from "./build-harness.ts";
import { sessionBuild, type SessionBuilt } from "./session-build.ts";

const MAKE = [
  "mkdir -p /out/bin /out/deep/er /out/zoo",
  "printf tool > /out/bin/tool; chmod 4755 /out/bin/tool",
  "ln /out/bin/tool /out/bin/twin",
  "ln -s ../bin/tool /out/deep/link",
  "ln -s /etc/passwd /out/deep/outside",
  "printf empty-not > /out/deep/er/text; : > /out/deep/er/empty",
  "head -c 3000000 /dev/zero > /out/zoo/big",
  "chmod 0555 /out/zoo; printf uni > /out/ünïcode-~",
  "touch -d '2001-02-03 04:05:06' /out/deep/er/text /out/deep",
].join(" && ");

const DOCKERFILE = `FROM ${BASE} AS make\nRUN ${MAKE}\nFROM scratch\nCOPY --from=make /out /\n`;

async function output(
  target: OutputTarget,
  type: string,
  dockerfile = DOCKERFILE,
): Promise<SessionBuilt & { readonly failures: readonly Error[] }> {
  const failures: Error[] = [];
  const onFailure = (error: Error): void => void failures.push(error);
  const services = [fileSendService(new Map([[0, target]]), { onFailure })];
  return { ...(await sessionBuild({ dockerfile, services, outputs: [{ Type: type }] })), failures };
}

describe("type=local", () => {
  it("writes the files as they are in the image", async () => {
    await using world = await makeWorld();
    const dir = join(world.cwd, "new", "out");
    const { error, failures } = await output({ kind: "local", dir }, "local");
    expect(failures).toEqual([]);
    expect(error).toBeNull();
    expect((await readdir(dir)).toSorted()).toEqual(["bin", "deep", "zoo", "ünïcode-~"]);
    expect(await readFile(join(dir, "bin", "tool"), "utf8")).toBe("tool");
    const tool = await lstat(join(dir, "bin", "tool"));
    expect((tool.mode & 0o7777).toString(8)).toBe("4755");
    expect((await lstat(join(dir, "bin", "twin"))).ino).toBe(tool.ino);
    expect(await readlink(join(dir, "deep", "link"))).toBe("../bin/tool");
    // a link that points out is written, and never followed
    expect(await readlink(join(dir, "deep", "outside"))).toBe("/etc/passwd");
    expect((await readFile(join(dir, "deep", "er", "empty"))).length).toBe(0);
    const big = await readFile(join(dir, "zoo", "big"));
    expect([big.length, big.every((byte) => byte === 0)]).toEqual([3_000_000, true]);
    expect(((await lstat(join(dir, "zoo"))).mode & 0o777).toString(8)).toBe("555");
    for (const name of ["deep", "deep/er/text"]) {
      expect((await lstat(join(dir, name))).mtime.toISOString()).toBe("2001-02-03T04:05:06.000Z");
    }
    await chmod(join(dir, "zoo"), 0o755);
  });

  it("replaces what comes again, keeps the rest, and follows no link that is there", async () => {
    await using world = await makeWorld();
    const dir = join(world.cwd, "out");
    const outside = join(world.cwd, "outside");
    await mkdir(dir);
    await mkdir(outside);
    await writeFile(join(outside, "tool"), "theirs");
    await symlink(outside, join(dir, "bin"));
    await symlink(join(outside, "tool"), join(dir, "ünïcode-~"));
    await writeFile(join(dir, "kept"), "kept");
    const { error, failures } = await output({ kind: "local", dir }, "local");
    expect([error, failures]).toEqual([null, []]);
    expect(await readdir(outside)).toEqual(["tool"]);
    expect(await readFile(join(outside, "tool"), "utf8")).toBe("theirs");
    expect((await lstat(join(dir, "bin"))).isDirectory()).toBe(true);
    expect(await readFile(join(dir, "ünïcode-~"), "utf8")).toBe("uni");
    expect(await readFile(join(dir, "kept"), "utf8")).toBe("kept");
    await chmod(join(dir, "zoo"), 0o755);
  });

  it("brings many files", async () => {
    await using world = await makeWorld();
    const dir = join(world.cwd, "out");
    const make = "mkdir /out; i=0; while [ $i -lt 1500 ]; do echo $i > /out/f$i; i=$((i+1)); done";
    const many = `FROM ${BASE} AS make\nRUN ${make}\nFROM scratch\nCOPY --from=make /out /\n`;
    expect((await output({ kind: "local", dir }, "local", many)).error).toBeNull();
    expect((await readdir(dir)).length).toBe(1500);
    expect(await readFile(join(dir, "f1234"), "utf8")).toBe("1234\n");
  });

  it("says what can't be written, and the build fails", async () => {
    await using world = await makeWorld();
    const dir = await world.write("a-file", "not a folder");
    const { error, failures } = await output({ kind: "local", dir }, "local");
    expect(error).not.toBeNull();
    expect(failures).toMatchObject([{ code: "BUILD_OUTPUT" }]);
    expect(failures[0]?.message).not.toContain(world.root);

    const fifo = `FROM ${BASE}\nRUN mkfifo /0pipe\n`;
    const piped = await output({ kind: "local", dir: join(world.cwd, "out") }, "local", fifo);
    expect(piped.error).not.toBeNull();
    expect(piped.failures[0]?.message).toMatch(/device, pipe or socket/);
  });
});

describe("type=tar", () => {
  it("streams a tar", async () => {
    const stream = new PassThrough();
    const all = buffer(stream);
    const { error, failures } = await output(tarStream(stream), "tar");
    stream.end();
    expect([error, failures]).toEqual([null, []]);
    const names: string[] = [];
    const reader = extract();
    reader.on("entry", (header, entry, next) => {
      names.push(header.name);
      entry.resume();
      entry.on("end", next);
    });
    reader.end(await all);
    await new Promise<void>((resolve) => reader.on("finish", () => resolve()));
    expect(names).toContain("deep/er/text");
    expect(names).toContain("zoo/big");
  });

  it("writes a file that appears when it is whole, and nothing when the build fails", async () => {
    await using world = await makeWorld();
    const path = join(world.cwd, "sub", "out.tar");
    expect((await output(tarFile(path), "tar")).error).toBeNull();
    expect(await readdir(join(world.cwd, "sub"))).toEqual(["out.tar"]);
    expect((await lstat(path)).size).toBeGreaterThan(3_000_000);

    const other = join(world.cwd, "none", "out.tar");
    const failing = await output(tarFile(other), "tar", `FROM ${BASE}\nRUN false\n`);
    expect(failing.error).toMatch(/exit code: 1/);
    expect(await readdir(world.cwd)).toEqual(["sub"]);
  });

  it("says why a file can't be written", async () => {
    await using world = await makeWorld();
    const file = await world.write("file", "");
    const { error, failures } = await output(tarFile(join(file, "out.tar")), "tar");
    expect(error).not.toBeNull();
    expect(failures).toMatchObject([{ code: "BUILD_OUTPUT" }]);
  });
});
