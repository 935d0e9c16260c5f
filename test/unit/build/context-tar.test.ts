import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  link,
  mkdir,
  readdir,
  readlink,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";

import { extract, type Header } from "tar-stream";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { packContext } from "../../../src/build/context-tar.ts";
import { IgnoreFile } from "../../../src/build/ignore.ts";
import { makeWorld, type World } from "../../support/temp.ts";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  const made = world;
  onTestFinished(async () => made[Symbol.asyncDispose]());
});

interface Packed {
  readonly header: Header;
  readonly content: Buffer;
}

async function pack(patterns = "", keep?: string): Promise<Packed[]> {
  const ignore = new IgnoreFile(patterns, ".dockerignore");
  const stream = await packContext({ root: world.cwd, ignore, keep });
  const entries: Packed[] = [];
  const tar = extract();
  tar.end(await buffer(stream));
  for await (const entry of tar) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    entries.push({ header: entry.header, content: Buffer.concat(chunks) });
  }
  return entries;
}

async function names(patterns = "", keep?: string): Promise<string[]> {
  return (await pack(patterns, keep)).map((entry) => entry.header.name);
}

async function openFiles(): Promise<string[]> {
  const descriptors = await readdir("/proc/self/fd");
  return Promise.all(
    descriptors.map(async (fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
}

/** As an ordinary user: root may read everything. */
async function asUser<T>(work: () => Promise<T>): Promise<T> {
  const { geteuid, seteuid } = process;
  if (geteuid === undefined || seteuid === undefined || geteuid() !== 0) return work();
  seteuid(65534);
  try {
    return await work();
  } finally {
    seteuid(0);
  }
}

describe("what travels", () => {
  it("files, folders and links with content, mode and time, owned by root", async () => {
    await world.write("d/run.sh", "#!/bin/sh\n");
    await chmod(join(world.cwd, "d/run.sh"), 0o4755);
    await utimes(join(world.cwd, "d/run.sh"), 1_000_000_000, 1_000_000_000);
    await chmod(join(world.cwd, "d"), 0o1770);
    await symlink("../nowhere", join(world.cwd, "d/link"));
    await link(join(world.cwd, "d/run.sh"), join(world.cwd, "d/same"));
    const entries = await pack();
    const brief = entries.map(({ header: h, content }) =>
      [h.name, h.type, h.mode.toString(8), h.uid, h.gid, h.linkname ?? "", String(content)].join(
        " ",
      ),
    );
    expect(brief).toEqual([
      "d/ directory 1770 0 0  ",
      "d/link symlink 777 0 0 ../nowhere ",
      "d/run.sh file 4755 0 0  #!/bin/sh\n",
      "d/same file 4755 0 0  #!/bin/sh\n",
    ]);
    expect(entries[2]?.header.mtime).toEqual(new Date(1_000_000_000_000));
  });

  it("in the order of bytes, not of UTF-16", async () => {
    for (const name of ["😀", "～", "b", "B", "é"]) await world.write(name, "");
    expect(await names()).toEqual(["B", "b", "é", "～", "😀"]);
  });

  it("long names, empty files and a pipe; no socket", async () => {
    const long = `${"x".repeat(120)}/${"y".repeat(150)}`;
    await world.write(long, "");
    execFileSync("mkfifo", [join(world.cwd, "pipe")]);
    const server = createServer().listen(join(world.cwd, "s"));
    await once(server, "listening");
    const entries = await pack();
    server.close();
    expect(entries.map(({ header }) => header.name)).toEqual(["pipe", `${"x".repeat(120)}/`, long]);
    expect(entries[0]?.header.type).toBe("fifo");
  });

  it("a file of many chunks, whole", async () => {
    const content = Buffer.alloc(3_000_001, "0123456789");
    await world.write("big", content);
    expect((await pack())[0]?.content.equals(content)).toBe(true);
  });

  it("the same bytes for the same files", async () => {
    await world.write("a/b", "1");
    const ignore = new IgnoreFile("", "f");
    const both = [1, 2].map(async () => buffer(await packContext({ root: world.cwd, ignore })));
    const [one, two] = await Promise.all(both);
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
  });

  it("closes the file that it reads when nobody wants the rest", async () => {
    const path = await world.write("big", Buffer.alloc(8_000_000, 1));
    const stream = await packContext({ root: world.cwd, ignore: new IgnoreFile("", "f") });
    await once(stream, "readable");
    expect(await openFiles()).toContain(path);
    stream.destroy();
    await expect.poll(openFiles).not.toContain(path);
  });

  it("a file from outside, first", async () => {
    const extra = { name: ".sealmount.Dockerfile", content: Buffer.from("FROM x") };
    const stream = await packContext({ root: world.cwd, ignore: new IgnoreFile("", "f") }, extra);
    expect(String(await buffer(stream))).toContain("FROM x");
  });
});

describe("what is ignored", () => {
  beforeEach(async () => {
    for (const path of ["Dockerfile", "keep", "node_modules/a/x", "node_modules/b/x", ".env"]) {
      await world.write(path, "");
    }
  });

  it.each<[string, string[]]>([
    ["node_modules\n.env", ["Dockerfile", "keep"]],
    ["*\n!keep", ["keep"]],
    [
      "node_modules\n!node_modules/b\n.env",
      ["Dockerfile", "keep", "node_modules/", "node_modules/b/", "node_modules/b/x"],
    ],
    [
      "*\n!**/x",
      [
        "node_modules/",
        "node_modules/a/",
        "node_modules/a/x",
        "node_modules/b/",
        "node_modules/b/x",
      ],
    ],
    ["**", []],
  ])("%j", async (patterns, expected) => {
    expect(await names(patterns)).toEqual(expected);
  });

  it("the Dockerfile travels all the same, with the folders above it", async () => {
    expect(await names("*", "Dockerfile")).toEqual(["Dockerfile"]);
    expect(await names("*", "node_modules/a/x")).toEqual([
      "node_modules/",
      "node_modules/a/",
      "node_modules/a/x",
    ]);
  });

  it("an ignored folder is not even opened", async () => {
    await chmod(join(world.cwd, "node_modules"), 0o000);
    await chmod(world.root, 0o755);
    await chmod(world.cwd, 0o755);
    expect(await asUser(async () => names("node_modules"))).toEqual([".env", "Dockerfile", "keep"]);
  });
});

describe("what can't be read", () => {
  beforeEach(async () => {
    await chmod(world.root, 0o755);
    await chmod(world.cwd, 0o755);
  });

  it("a file is an error with its path, never an empty file", async () => {
    await world.write("a/secret.key", "canary-5aa1", 0o000);
    await expect(asUser(async () => pack())).rejects.toMatchObject({
      code: "BUILD_CONTEXT",
      message: "can't read a/secret.key in the build context (EACCES)",
    });
  });

  it("a folder is an error", async () => {
    await mkdir(join(world.cwd, "closed"), { mode: 0o000 });
    await expect(asUser(async () => pack())).rejects.toMatchObject({
      code: "BUILD_CONTEXT",
      message: "can't read closed in the build context (EACCES)",
    });
  });

  it("a name that is not UTF-8 is an error", async () => {
    await writeFile(Buffer.concat([Buffer.from(`${world.cwd}/`), Buffer.from([0x66, 0xff])]), "");
    await expect(pack()).rejects.toMatchObject({ code: "BUILD_CONTEXT" });
  });

  it("a file that shrinks while it is read is an error; one that grows is cut", async () => {
    const path = await world.write("big", Buffer.alloc(8_000_000, 1));
    const ignore = new IgnoreFile("", "f");
    const shrinking = await packContext({ root: world.cwd, ignore });
    const reader = shrinking[Symbol.asyncIterator]();
    await reader.next();
    await truncate(path, 10);
    const rest = (async () => {
      while ((await reader.next()).done !== true);
    })();
    await expect(rest).rejects.toMatchObject({
      code: "BUILD_CONTEXT",
      message: "big in the build context changed while it was read",
    });
    await truncate(path, 1_000_000);
    const growing = await packContext({ root: world.cwd, ignore });
    await truncate(path, 2_000_000);
    const size = (await buffer(growing)).length;
    expect(size % 512).toBe(0);
    expect((await stat(path)).size).toBe(2_000_000);
  });
});
