import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { BuildError } from "../../../../src/errors.ts";
import type { ContentInspector } from "../../../../src/session/filesync/service.ts";
import { heldBytes } from "../../../support/memory.ts";
import { makeWorld, type World } from "../../../support/temp.ts";
import { packet, receive } from "./receiver.ts";

const FIN = packet(3);
/** `npm run test:slow` */
const SLOW = (process.env["SLOW"] ?? "") !== "";

let world: World;
beforeEach(async () => {
  world = await makeWorld();
  onTestFinished(async () => world[Symbol.asyncDispose]());
});

describe("DiffCopy", () => {
  it("lists, sends what is asked for, and ends", async () => {
    await world.write("a/b", "content");
    await world.write("empty", "");
    const big = Buffer.alloc(1_000_003, "0123456789abcdefg");
    await world.write("big", big);
    const call = await receive({ root: world.cwd });
    await call.listed();
    expect(call.stats.map(({ path, size }) => [path, size])).toEqual([
      ["a", 0],
      ["a/b", 7],
      ["big", big.length],
      ["empty", 0],
    ]);
    const [content, whole, empty] = await Promise.all([call.ask(1), call.ask(2), call.ask(3)]);
    expect(content.toString()).toBe("content");
    expect(whole.equals(big)).toBe(true);
    expect(empty).toHaveLength(0);
    call.send(FIN);
    expect(await call.ended()).toEqual({ status: "0", message: "", error: "" });
    expect(call.failures).toEqual([]);
  });

  it("a dir that is not offered is not found, and said to nobody else", async () => {
    const call = await receive({ root: world.cwd }, { headers: { "dir-name": 'x"y' } });
    const { status, message } = await call.ended();
    expect([status, message]).toEqual(["5", 'no access allowed to dir "x\\"y"']);
    expect(call.failures).toEqual([]);
  });

  it("a folder that is not there, and a malformed pattern, before anything is sent", async () => {
    for (const call of [
      await receive({ root: join(world.cwd, "no") }),
      await receive({ root: world.cwd }, { headers: { "exclude-patterns": ["ok", "[a"] } }),
    ]) {
      expect((await call.ended()).status).toBe("9");
      expect(call.failures).toEqual([expect.objectContaining({ code: "BUILD_CONTEXT" })]);
    }
  });

  it("a file from memory stands in for one on disk", async () => {
    await world.write("Dockerfile", "on disk");
    await world.write("other", "x");
    const content = Buffer.from("in memory");
    const virtual = new Map([
      ["Dockerfile", content],
      ["new/deep/file", content],
    ]);
    const call = await receive({ root: world.cwd, virtual });
    await call.listed();
    const paths = ["Dockerfile", "new", "new/deep", "new/deep/file", "other"];
    expect(call.stats.map(({ path }) => path)).toEqual(paths);
    expect((await call.ask(0)).toString()).toBe("in memory");
    expect((await call.ask(3)).toString()).toBe("in memory");
  });
});

describe("an inspector", () => {
  it("sees every byte of a file on disk, in order, and none of one in memory", async () => {
    const big = randomBytes(700_001);
    await world.write("a/big", big);
    await world.write("empty", "");
    const seen = new Map<string, Buffer[]>();
    const ended: string[] = [];
    const inspector: ContentInspector = {
      open(dir, path) {
        const chunks: Buffer[] = [];
        seen.set(`${dir}:${path}`, chunks);
        return {
          write: (chunk) => void chunks.push(Buffer.from(chunk)),
          end: () => void ended.push(path),
        };
      },
    };
    const virtual = new Map([["virtual", Buffer.from("in memory")]]);
    const call = await receive({ root: world.cwd, virtual }, { inspector });
    await call.listed();
    expect((await call.ask(1)).equals(big)).toBe(true);
    expect([await call.ask(2), (await call.ask(3)).toString()]).toEqual([
      Buffer.alloc(0),
      "in memory",
    ]);
    expect([...seen.keys()]).toEqual(["context:a/big", "context:empty"]);
    expect(Buffer.concat(seen.get("context:a/big") ?? []).equals(big)).toBe(true);
    expect(ended).toEqual(["a/big", "empty"]);
  });

  it.each(["open", "write", "end"] as const)(
    "that throws in %s ends the call; nothing of the chunk is sent",
    async (where) => {
      await world.write("file", "fd7a-canary-of-the-file");
      const refuse = (at: typeof where): void => {
        if (at === where) throw new BuildError("BUILD_CONTEXT", "file holds a secret");
      };
      const inspector: ContentInspector = {
        open() {
          refuse("open");
          return { write: () => refuse("write"), end: () => refuse("end") };
        },
      };
      const call = await receive({ root: world.cwd }, { inspector, count: true });
      await call.listed();
      call.send(packet(1, { id: 0 }));
      const { status, error } = await call.ended();
      expect([status, error]).toEqual(["2", "file holds a secret"]);
      expect(call.failures).toEqual([expect.objectContaining({ code: "BUILD_CONTEXT" })]);
      expect(call.received.get(0) ?? 0).toBe(where === "end" ? 23 : 0);
    },
  );

  it("that throws for a later chunk: the ones before were sent", async () => {
    await world.write("big", Buffer.alloc(1_000_000));
    let seen = 0;
    const inspector: ContentInspector = {
      open: () => ({
        write(chunk) {
          seen += chunk.length;
          if (seen > 400_000) throw new BuildError("BUILD_CONTEXT", "big holds a secret");
        },
        end: () => expect.unreachable(),
      }),
    };
    const call = await receive({ root: world.cwd }, { inspector, count: true });
    await call.listed();
    call.send(packet(1, { id: 0 }));
    expect((await call.ended()).error).toBe("big holds a secret");
    const sent = call.received.get(0) ?? 0;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(400_000);
  });
});

describe("what an engine should not do", () => {
  it.each<[string, Buffer[]]>([
    ["an id twice", [packet(1, { id: 1 }), packet(1, { id: 1 })]],
    ["an id out of range", [packet(1, { id: 7 })]],
    ["a folder's content", [packet(1, { id: 0 })]],
  ])("asks for %s: the call fails", async (_name, packets) => {
    await world.write("a/b", "content");
    const call = await receive({ root: world.cwd });
    await call.listed();
    for (const one of packets) call.send(one);
    const { status, error } = await call.ended();
    expect([status, error]).toEqual(["2", expect.stringMatching(/^the engine asked for file \d/)]);
    expect(call.failures).toHaveLength(1);
  });

  it.each<[string, Buffer, string]>([
    ["a compressed packet", Buffer.from([1, 0, 0, 0, 0]), "12"],
    ["a packet of 2 GB", Buffer.from([0, 0x7f, 0, 0, 0]), "8"],
    ["no packet", Buffer.from([0, 0, 0, 0, 1, 0x80]), "2"],
  ])("sends %s", async (_name, bytes, status) => {
    const call = await receive({ root: world.cwd });
    await call.listed();
    call.send(bytes);
    expect((await call.ended()).status).toBe(status);
  });

  it.each<[string, (call: Awaited<ReturnType<typeof receive>>) => void]>([
    ["gives up", (call) => call.send(packet(4, { text: "no space left" }))],
    ["ends its half", (call) => void call.stream.end()],
    ["resets the call", (call) => call.stream.close(8)],
  ])("%s in the middle of a file: nothing of ours has failed", async (_name, act) => {
    await world.write("big", Buffer.alloc(30 << 20));
    const call = await receive({ root: world.cwd }, { count: true });
    await call.listed();
    call.send(packet(1, { id: 0 }));
    while (call.received.size === 0) await new Promise((resolve) => setImmediate(resolve));
    act(call);
    await call.ended();
    expect(call.failures).toEqual([]);
  });
});

describe("a file that is not what was announced", () => {
  const file = (): string => join(world.cwd, "file");

  it.each<[string, () => void]>([
    ["vanished", () => rmSync(file())],
    ["shrank", () => truncateSync(file(), 3)],
    ["was changed", () => appendFileSync(file(), "x")],
    ["was replaced", () => (rmSync(file()), mkdirSync(file()))],
  ])("%s: an error packet, and an error that names it", async (how, act) => {
    await world.write("file", "content");
    const call = await receive({ root: world.cwd });
    await call.listed();
    act();
    call.send(packet(1, { id: 0 }));
    const { status, error } = await call.ended();
    const text = `file in the build context ${how} while the build read it`;
    expect([status, error]).toEqual(["2", text]);
    expect(call.failures).toEqual([
      expect.objectContaining({ code: "BUILD_CONTEXT", message: text }),
    ]);
  });

  it("was written to while it was read", async () => {
    await world.write("file", Buffer.alloc(40 << 20));
    const call = await receive({ root: world.cwd }, { count: true });
    await call.listed();
    call.send(packet(1, { id: 0 }));
    while (call.received.size === 0) await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(file(), "x", { flag: "r+" });
    expect((await call.ended()).error).toContain("file in the build context was changed");
  });

  it("can't be read: neither a file nor a folder passes for an empty one", async () => {
    await world.write("file", "content", 0o000);
    await world.write("folder/x", "content");
    chmodSync(join(world.cwd, "folder"), 0o000);
    for (const path of [world.root, world.cwd]) chmodSync(path, 0o755);
    asNobody();
    const whole = await receive({ root: world.cwd });
    expect((await whole.ended()).error).toContain(
      "can't read folder in the build context (EACCES)",
    );
    const headers = { "exclude-patterns": "folder" };
    const call = await receive({ root: world.cwd }, { headers });
    await call.listed();
    call.send(packet(1, { id: 0 }));
    expect((await call.ended()).error).toBe("can't read file in the build context (EACCES)");
    expect(call.failures).toHaveLength(1);
    // folder is ignored, and looked into only for exceptions: as docker, that may fail
    const exceptions = { "exclude-patterns": ["folder", "!folder/y"] };
    const quiet = await receive({ root: world.cwd }, { headers: exceptions });
    await quiet.listed();
    expect(quiet.stats.map(({ path }) => path)).toEqual(["file"]);
  });
});

/** Root may read anything, so a test of what may not be read steps down until it is over. */
function asNobody(): void {
  if (process.geteuid?.() !== 0) return;
  process.seteuid?.(65534);
  onTestFinished(() => process.seteuid?.(0));
}

describe(`size${SLOW ? "" : ", a tenth of it without SLOW=1"}`, () => {
  it("100,000 files in flat memory, all listed and sent", async () => {
    const count = SLOW ? 100_000 : 10_000;
    for (let folder = 0; folder < 100; folder += 1) {
      mkdirSync(join(world.cwd, `d${folder}`));
      for (let name = 0; name < count / 100; name += 1) {
        writeFileSync(join(world.cwd, `d${folder}/f${name}`), "0123456789");
      }
    }
    const call = await receive({ root: world.cwd }, { count: true });
    await call.listed();
    expect(call.stats).toHaveLength(count + 100);
    const asked = call.stats.flatMap(({ size }, id) => (size > 0 ? [packet(1, { id })] : []));
    const before = process.memoryUsage().rss;
    call.send(Buffer.concat(asked));
    while (call.received.size < count) await new Promise((resolve) => setImmediate(resolve));
    expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
    call.send(FIN);
    expect((await call.ended()).status).toBe("0");
  }, 120_000);

  it("a file of 4 GB in flat memory, however slowly it is taken", async () => {
    const size = SLOW ? 4 * 2 ** 30 : 400 * 2 ** 20;
    writeFileSync(join(world.cwd, "huge"), "");
    truncateSync(join(world.cwd, "huge"), size);
    const call = await receive({ root: world.cwd }, { count: true });
    await call.listed();
    const before = await heldBytes();
    const received = (): number => call.received.get(0) ?? 0;
    const heldAt = async (bytes: number): Promise<number> => {
      while (received() < bytes) await new Promise((resolve) => setImmediate(resolve));
      call.stream.pause();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const held = await heldBytes();
      call.stream.resume();
      return held - before;
    };
    call.send(packet(1, { id: 0 }));
    for (const part of [0, 0.25, 0.5, 0.75]) {
      expect(await heldAt(Math.max(1, part * size))).toBeLessThan(8 << 20);
    }
    while (received() < size) await new Promise((resolve) => setImmediate(resolve));
    expect((await heldBytes()) - before).toBeLessThan(8 << 20);
  }, 60_000);
});
