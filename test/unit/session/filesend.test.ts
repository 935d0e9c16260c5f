import {
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import { EntryOrder } from "../../../src/session/filesend/entry-order.ts";
import { fileSendService } from "../../../src/session/filesend/service.ts";
import { tarFile, tarStream, type OutputTarget } from "../../../src/session/filesend/targets.ts";
import { numberOf, readFields, writeFields } from "../../../src/session/protobuf.ts";
import { makeWorld } from "../../support/temp.ts";
import { Conversation, served } from "./served.ts";

const DIFF_COPY = "/moby.filesync.v1.FileSend/DiffCopy";
const DIR = 2 ** 31 + 0o755;
const LINK = 2 ** 27 + 0o777;
const FILE = 0o644;

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly link?: string;
}

const packet = (type: number, ...fields: [number, number | Buffer | string][]): Buffer =>
  writeFields([[1, type], ...fields]);

function stat({ path, mode, link }: Entry): Buffer {
  return packet(0, [
    2,
    writeFields([
      [1, path],
      [2, mode],
      [6, 1e18],
      [7, link],
    ]),
  ]);
}

const end = packet(0);
const fin = packet(3);
const data = (id: number, text: string): Buffer => packet(2, [3, id], [4, text]);

/** A malicious or well-behaved engine, over an output folder with a neighbour to attack. */
async function receiving(headers?: Record<string, string>): Promise<{
  readonly call: Conversation;
  readonly out: string;
  readonly neighbour: string;
  readonly failures: Error[];
}> {
  const world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
  const out = join(world.cwd, "out");
  const neighbour = join(world.cwd, "neighbour");
  await mkdir(neighbour);
  await writeFile(join(neighbour, "file"), "theirs");
  const failures: Error[] = [];
  const targets = new Map<number, OutputTarget>([[0, { kind: "local", dir: out }]]);
  const service = fileSendService(targets, { onFailure: (error) => failures.push(error) });
  return { call: new Conversation(served(service), DIFF_COPY, headers), out, neighbour, failures };
}

/** Plays an honest sender: answers every request from `content`, then FIN. */
async function sendAll(
  call: Conversation,
  entries: readonly Entry[],
  content: Readonly<Record<number, string>>,
): Promise<void> {
  for (const entry of entries) call.send(stat(entry));
  call.send(end);
  for (;;) {
    const fields = new Map(
      [...readFields(await call.next())].map(({ number, value }) => [number, numberOf(value)]),
    );
    if (fields.get(1) === 3) break;
    const id = fields.get(3) ?? 0;
    const text = content[id] ?? "";
    // in two pieces, as a large file comes
    if (text !== "") call.send(data(id, text.slice(0, 1)));
    if (text.length > 1) call.send(data(id, text.slice(1)));
    call.send(data(id, ""));
  }
  call.send(fin);
}

describe("a folder", () => {
  it("is written, and the call ends well", async () => {
    const { call, out, failures } = await receiving();
    const entries = [
      { path: "a", mode: DIR },
      { path: "a/file", mode: FILE },
      { path: "a/twin", mode: FILE, link: "a/file" },
      { path: "b", mode: LINK, link: "/etc" },
      { path: "empty", mode: 0o400 },
    ];
    await sendAll(call, entries, { 1: "hello" });
    expect(await call.status()).toEqual({ status: "0", message: "" });
    expect(failures).toEqual([]);
    expect(await readFile(join(out, "a", "twin"), "utf8")).toBe("hello");
    expect(await readlink(join(out, "b"))).toBe("/etc");
    expect((await lstat(join(out, "empty"))).mode & 0o777).toBe(0o400);
    expect((await lstat(join(out, "a", "file"))).mtimeMs).toBe(1e12);
  });

  it("is made when there is nothing in it", async () => {
    const { call, out } = await receiving();
    await sendAll(call, [], {});
    expect((await call.status()).status).toBe("0");
    expect(await readdir(out)).toEqual([]);
  });

  it.each<[string, Entry[]]>([
    ["a path upwards", [{ path: "../neighbour/new", mode: FILE }]],
    [
      "a path upwards inside",
      [
        { path: "a", mode: DIR },
        { path: "a/../../neighbour/new", mode: FILE },
      ],
    ],
    ["an absolute path", [{ path: "/tmp/smtest-new", mode: FILE }]],
    ["no path", [{ path: "", mode: FILE }]],
    ["the folder itself", [{ path: ".", mode: DIR }]],
    ["an empty part", [{ path: "a//b", mode: FILE }]],
    ["a NUL", [{ path: "a\0b", mode: FILE }]],
    ["an entry without its parent", [{ path: "a/b", mode: FILE }]],
    [
      "an entry below a file",
      [
        { path: "a", mode: FILE },
        { path: "a/b", mode: FILE },
      ],
    ],
    [
      "an entry below a link",
      [
        { path: "a", mode: LINK, link: "../neighbour" },
        { path: "a/new", mode: FILE },
      ],
    ],
    [
      "a folder that becomes a link",
      [
        { path: "a", mode: DIR },
        { path: "a", mode: LINK, link: "../neighbour" },
      ],
    ],
    [
      "a folder that is entered again",
      [
        { path: "a", mode: DIR },
        { path: "b", mode: DIR },
        { path: "a/x", mode: FILE },
      ],
    ],
    [
      "an entry twice",
      [
        { path: "a", mode: FILE },
        { path: "a", mode: FILE },
      ],
    ],
    [
      "names out of order",
      [
        { path: "b", mode: FILE },
        { path: "a", mode: FILE },
      ],
    ],
    ["a hard link outwards", [{ path: "a", mode: FILE, link: "../neighbour/file" }]],
    [
      "a hard link to a link",
      [
        { path: "a", mode: LINK, link: "../neighbour/file" },
        { path: "b", mode: FILE, link: "a" },
      ],
    ],
    ["a device", [{ path: "a", mode: 2 ** 26 + 0o666 }]],
    ["a pipe", [{ path: "a", mode: 2 ** 25 + 0o666 }]],
  ])("refuses %s", async (_what, entries) => {
    const { call, out, neighbour, failures } = await receiving();
    for (const entry of entries) call.send(stat(entry));
    call.send(end);
    expect((await call.status()).status).toBe("13");
    expect(failures).toMatchObject([{ code: "BUILD_OUTPUT" }]);
    expect(await readdir(neighbour)).toEqual(["file"]);
    expect(await readFile(join(neighbour, "file"), "utf8")).toBe("theirs");
    // nothing beside the two
    expect((await readdir(join(out, ".."))).toSorted()).toEqual(["neighbour", "out"]);
  });

  it("does not write through a link that was put in a file's place", async () => {
    const { call, out, neighbour } = await receiving();
    call.send(stat({ path: "a", mode: FILE }));
    await call.next();
    await rename(join(out, "a"), join(out, "moved"));
    await symlink(join(neighbour, "file"), join(out, "a"));
    call.send(data(0, "ours"));
    expect((await call.status()).status).toBe("13");
    expect(await readFile(join(neighbour, "file"), "utf8")).toBe("theirs");
  });

  it("does not write to another file that was put in a file's place", async () => {
    const { call, out, failures } = await receiving();
    call.send(stat({ path: "a", mode: FILE }));
    await call.next();
    await rename(join(out, "a"), join(out, "moved"));
    await writeFile(join(out, "a"), "theirs");
    call.send(data(0, "ours"));
    await call.status();
    expect(failures[0]?.message).toMatch(/was replaced/);
    expect(await readFile(join(out, "a"), "utf8")).toBe("theirs");
  });

  it.each([
    ["bytes that nobody asked for", [stat({ path: "a", mode: DIR }), data(0, "x")]],
    ["bytes of no file", [data(7, "x")]],
    ["bytes after the end of a file", [stat({ path: "a", mode: FILE }), data(0, ""), data(0, "x")]],
    ["an entry after the list", [end, stat({ path: "a", mode: FILE })]],
    ["a broken packet", [Buffer.from([0x0b])]],
  ])("refuses %s", async (_what, messages) => {
    const { call } = await receiving();
    for (const message of messages) call.send(message);
    expect((await call.status()).status).not.toBe("0");
  });

  it("leaves it to the engine to say why it gave up", async () => {
    const { call, failures } = await receiving();
    call.send(packet(4, [4, "no space\u001b[31m"]));
    expect(await call.status()).toEqual({ status: "13", message: "the engine gave up" });
    const cut = await receiving();
    cut.call.send(stat({ path: "a", mode: FILE }));
    cut.call.stream.end();
    expect((await cut.call.status()).status).toBe("13");
    expect([...failures, ...cut.failures]).toEqual([]);
  });

  it("refuses an over-long message before it takes memory for it", async () => {
    const { call } = await receiving();
    call.stream.write(Buffer.from([0, 0x7f, 0, 0, 0]));
    expect((await call.status()).status).toBe("8");
  });
});

describe("the order of entries", () => {
  it("takes any tree as it is walked", () => {
    const tree = fc.uniqueArray(
      fc.array(fc.constantFrom("a", "b", "ab", "é", "😀", "～"), { minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(tree, (paths) => {
        const dirs = new Set(
          paths.flatMap((path) => path.map((_, at) => path.slice(0, at + 1).join("/"))),
        );
        const walked = [...dirs].toSorted((a, b) => compare(a.split("/"), b.split("/")));
        const order = new EntryOrder();
        for (const path of walked) order.add(path, "dir");
      }),
    );
  });
});

function compare(a: readonly string[], b: readonly string[]): number {
  for (const [at, part] of a.entries()) {
    if (at >= b.length) return 1;
    const found = Buffer.compare(Buffer.from(part), Buffer.from(b[at] ?? ""));
    if (found !== 0) return found;
  }
  return a.length - b.length;
}

describe("a stream", () => {
  const bytes = (text: string): Buffer => writeFields([[1, text]]);

  function streaming(targets: ReadonlyMap<number, OutputTarget>): {
    readonly open: (id?: string) => Conversation;
    readonly failures: Error[];
  } {
    const failures: Error[] = [];
    const client = served(fileSendService(targets, { onFailure: (error) => failures.push(error) }));
    const open = (id?: string): Conversation =>
      new Conversation(
        client,
        DIFF_COPY,
        id === undefined ? {} : { "buildkit-attachable-exporter-id": id },
      );
    return { open, failures };
  }

  it("goes to the exporter's own target", async () => {
    const [first, second] = [new PassThrough(), new PassThrough()];
    const { open } = streaming(
      new Map([
        [0, tarStream(first)],
        [1, tarStream(second)],
      ]),
    );
    for (const [id, text] of [
      ["1", "two"],
      [undefined, "one"],
    ] as const) {
      const call = open(id);
      call.send(bytes(text));
      call.stream.end();
      expect((await call.status()).status).toBe("0");
    }
    expect([String(first.read()), String(second.read())]).toEqual(["one", "two"]);
    expect((await open("2").status()).status).toBe("5");
    expect((await open("x").status()).status).toBe("5");
  });

  it("waits for a slow reader instead of filling memory", async () => {
    let written = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        written += chunk.length;
        setTimeout(done, 1);
      },
    });
    const call = streaming(new Map([[0, tarStream(slow)]])).open();
    for (let at = 0; at < 20; at += 1) call.send(bytes("x".repeat(1000)));
    call.stream.end();
    expect((await call.status()).status).toBe("0");
    expect(written).toBe(20_000);
  });

  it("a file takes the place of the old one when it is whole, and not before", async () => {
    await using world = await makeWorld();
    const path = await world.write("out.tar", "old");
    const { open, failures } = streaming(new Map([[0, tarFile(path)]]));
    const cut = open();
    cut.send(bytes("half"));
    cut.stream.end(Buffer.from([0, 0]));
    expect((await cut.status()).status).toBe("3");
    expect([await readFile(path, "utf8"), await readdir(world.cwd)]).toEqual(["old", ["out.tar"]]);
    const whole = open();
    whole.send(bytes("new"));
    whole.stream.end();
    expect((await whole.status()).status).toBe("0");
    expect([await readFile(path, "utf8"), await readdir(world.cwd)]).toEqual(["new", ["out.tar"]]);
    expect(failures).toEqual([]);
  });

  it("a reader that goes away is a failure with its name", async () => {
    const broken = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("/home/me/pipe"), { code: "EPIPE" }));
      },
    });
    const { open, failures } = streaming(new Map([[0, tarStream(broken)]]));
    const call = open();
    for (let at = 0; at < 5; at += 1) call.send(bytes("x".repeat(100_000)));
    call.stream.end();
    expect((await call.status()).status).toBe("13");
    expect(failures.map(({ message }) => message)).toEqual(["the output can't be written (EPIPE)"]);
  });
});
