import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import { ContentWatch, PlaintextStop } from "../../../src/build/guard-watch.ts";
import { guardNeedles } from "../../../src/build/guard.ts";
import { wipeNeedles } from "../../../src/needles/needle.ts";
import { NeedleTable } from "../../../src/needles/table.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { makeWorld } from "../../support/temp.ts";

const VALUE = "canary-51d3-Walrus/Mango";
const KEY = `smk1_${"Qz9-".repeat(10)}abc`;
/** As long as the chunks of a transfer. */
const CHUNK = 128 * 1024 - 18;

interface Options {
  readonly root?: string;
  readonly allow?: boolean;
  readonly value?: string;
}

function watchFor({
  root = "/nonexistent",
  allow = false,
  value = VALUE,
}: Options = {}): ContentWatch {
  const needles = guardNeedles([Secret.take("S", Buffer.from(value))]);
  const table = new NeedleTable(needles);
  onTestFinished(() => wipeNeedles(needles));
  return new ContentWatch({ table, roots: new Map([["context", root]]), allow });
}

/** Sends a file as a transfer does. @returns how many bytes left, and whether it was stopped */
function send(
  watch: ContentWatch,
  path: string,
  bytes: Buffer,
): { sent: number; stopped: boolean } {
  let sent = 0;
  try {
    const file = watch.open("context", path);
    const memory = Buffer.alloc(CHUNK);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      const length = bytes.copy(memory, 0, at, at + CHUNK);
      file.write(memory.subarray(0, length));
      sent += length;
    }
    file.end();
    return { sent, stopped: false };
  } catch (error) {
    expect(error).toBeInstanceOf(PlaintextStop);
    return { sent, stopped: true };
  }
}

describe("IT3: files on their way", () => {
  it.each([
    ["a value", VALUE],
    ["its base64", Buffer.from(`x${VALUE}`).toString("base64")],
    ["a key", KEY],
  ])("%s stops a small file before its first byte", (_name, text) => {
    expect(send(watchFor(), "a", Buffer.from(`one\ntwo ${text} three`))).toEqual({
      sent: 0,
      stopped: true,
    });
  });

  it.each([
    ["a value", VALUE],
    ["a key", KEY],
  ])(
    "%s over the border of two chunks is seen before its first half leaves",
    async (_name, text) => {
      await using world = await makeWorld();
      for (let cut = 1; cut < text.length; cut += 1) {
        const bytes = Buffer.alloc(3 * CHUNK, "-");
        bytes.write(text, 2 * CHUNK - cut);
        await writeFile(join(world.cwd, "large"), bytes);
        const made = send(watchFor({ root: world.cwd }), "large", bytes);
        expect([cut, made]).toEqual([cut, { sent: CHUNK, stopped: true }]);
      }
    },
  );

  it("where the file can't be read ahead, the chunk that completes it does not leave", () => {
    const bytes = Buffer.alloc(3 * CHUNK, "-");
    bytes.write(VALUE, 2 * CHUNK - 5);
    expect(send(watchFor(), "large", bytes)).toEqual({ sent: 2 * CHUNK, stopped: true });
  });

  it("finds a value anywhere in a large file, and nothing where there is none", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 * CHUNK - 24 }), fc.boolean(), (at, whole) => {
        const bytes = Buffer.alloc(3 * CHUNK, "some text\n");
        bytes.write(whole ? VALUE : VALUE.slice(1), at);
        return send(watchFor(), "large", bytes).stopped === whole;
      }),
      { numRuns: 60 },
    );
  });

  it("a value that is longer than two chunks is found", () => {
    const value = randomBytes(150_000).toString("hex");
    const bytes = Buffer.concat([Buffer.alloc(1000), Buffer.from(value), Buffer.alloc(10)]);
    expect(send(watchFor({ value }), "large", bytes).stopped).toBe(true);
  });

  it("a name that holds a value stops its file", () => {
    expect(send(watchFor(), `a/${encodeURIComponent(VALUE)}/b`, Buffer.from("x"))).toEqual({
      sent: 0,
      stopped: true,
    });
  });

  it("when it is allowed, everything leaves and is remembered once", () => {
    const watch = watchFor({ allow: true });
    const text = Buffer.from(VALUE);
    for (const path of ["a", "a", "b"]) expect(send(watch, path, text).sent).toBe(text.length);
    send(watch, ".env", Buffer.from("A=1"));
    send(watch, ".env.example", Buffer.from("A=1"));
    send(watch, "clean.key", Buffer.from("clean"));
    send(watch, "tls.key", Buffer.from("-----BEGIN EC PRIVATE KEY-----\nAAAA\n"));
    expect(watch.seen.map(({ path, hit }) => [path, hit?.secret])).toEqual([
      ["a", "S"],
      ["b", "S"],
      [".env", undefined],
      ["tls.key", undefined],
    ]);
  });
});

describe("IT3: a tar on its way", () => {
  async function passed(watch: ContentWatch, chunks: readonly string[]): Promise<string> {
    let text = "";
    const source = async function* (): AsyncGenerator<Buffer> {
      for (const chunk of chunks) yield Buffer.from(chunk);
    };
    await expect(async () => {
      for await (const chunk of watch.stream("stdin", source())) text += chunk.toString();
    }).rejects.toThrow(PlaintextStop);
    return text;
  }

  it("stops one chunk early: no half of a value leaves", async () => {
    const chunks = ["first", "second", `third${VALUE.slice(0, 9)}`, `${VALUE.slice(9)}rest`];
    expect(await passed(watchFor(), chunks)).toBe("firstsecond");
  });

  it("passes everything on when it is clean or allowed", async () => {
    const source = async function* (): AsyncGenerator<Buffer> {
      for (const chunk of ["a", "b", VALUE, "c"]) yield Buffer.from(chunk);
    };
    const watch = watchFor({ allow: true });
    let text = "";
    for await (const chunk of watch.stream("stdin", source())) text += chunk.toString();
    expect([text, watch.seen.length]).toEqual([`ab${VALUE}c`, 1]);
  });
});
