import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";

import { gramAt, GramTable } from "../../../src/needles/grams.ts";
import type { Needle } from "../../../src/needles/needle.ts";
import { makeScanner, nextGram, plainScanner, wasmScanner } from "../../../src/needles/scanner.ts";
import { NeedleSearch } from "../../../src/needles/search.ts";
import { NeedleTable } from "../../../src/needles/table.ts";
import { Random } from "../../support/random.ts";

const SOURCES = join(import.meta.dirname, "..", "..", "..", "src", "needles");

const folder = await mkdtemp(join(tmpdir(), "smtest-scanner-"));
afterAll(async () => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllGlobals());

const noGrams = new GramTable(0);
const sizes = { stride: 5, reach: 9 };

describe("the scanner in WebAssembly", () => {
  it("is used where there is one", () => {
    expect(wasmScanner(new GramTable(0), sizes)).not.toBeNull();
    expect(makeScanner(new GramTable(0), sizes).text.buffer.byteLength % 65_536).toBe(0);
  });

  it.each([
    ["no WebAssembly", undefined],
    ["a WebAssembly that refuses", { ...WebAssemblyThatRefuses() }],
  ])("is not missed with %s", (_, wasm) => {
    vi.stubGlobal("WebAssembly", wasm);
    expect(wasmScanner(noGrams, sizes)).toBeNull();
    expect(makeScanner(noGrams, sizes).text.length).toBeGreaterThan(262_144);
  });

  it("sees the same grams as JavaScript does, of few and of many", () => {
    const random = new Random(1);
    for (const [count, stride] of [
      [1, 1],
      [50, 5],
      [5_000, 13],
      [200_000, 3],
    ] as const) {
      const text = random.bytes(100_000);
      const grams = new GramTable(count);
      for (let i = 0; i < count; i++) {
        const isThere = i % 50 === 0;
        const gram = isThere
          ? gramAt(text, random.int(0, 90_000))
          : random.int(-(2 ** 31), 2 ** 31);
        grams.put(gram | 0, i + 1);
      }
      const scanner = wasmScanner(grams, { stride, reach: 0 });
      text.copy(scanner!.text);
      for (let at = 0; at < 99_000; at += stride) {
        const next = scanner!.next(at, 99_000);
        expect(next).toBe(nextGram(grams, text, { from: at, end: 99_000, stride }));
        at += Math.floor((next - at) / stride) * stride;
      }
    }
  });

  it("leaves nothing of text and needles behind", () => {
    const needle: Needle = { secret: "S", encoding: "raw", bytes: new Random(2).bytes(40) };
    for (const wasm of [WebAssemblyOfNode(), undefined]) {
      vi.stubGlobal("WebAssembly", wasm);
      const table = new NeedleTable([needle]);
      const search = new NeedleSearch(table);
      search.write(Buffer.concat([Buffer.alloc(300_000, 1), needle.bytes]), () => {});
      search.write(needle.bytes.subarray(0, 20), () => {});
      const memory = Buffer.from(table.scanner().text.buffer);
      expect(memory.every((byte) => byte === 0)).toBe(false);
      search.end();
      expect(table.scanner().text.every((byte) => byte === 0)).toBe(true);
      table.wipe();
      expect(memory.every((byte) => byte === 0)).toBe(true);
    }
  });
});

describe("the scanner in JavaScript", () => {
  it("has memory of its own", () => {
    expect(plainScanner(noGrams, sizes).text.buffer.byteLength).toBe(
      plainScanner(noGrams, sizes).text.length,
    );
  });

  it("finds what there is in a process without WebAssembly", async () => {
    const made = await rolldown({
      input: { search: join(SOURCES, "search.ts") },
      platform: "node",
    });
    await made.write({ dir: folder, format: "cjs", entryFileNames: "[name].cjs" });
    await made.close();
    const script = `
      const { NeedleSearch } = require("./search.cjs");
      const needle = { secret: "S", encoding: "base64", bytes: Buffer.from("QUJDREVGR0hJSktM"), wraps: true };
      const search = new NeedleSearch([needle]);
      const text = Buffer.from("x".repeat(99999) + " QUJDREVGR0hJSktM QUJDREVG\\n  R0hJSktM ");
      search.write(text, ({ offset, length }) => console.log(typeof WebAssembly, offset, length));`;
    const found = execFileSync(process.execPath, ["--jitless", "-e", script], { cwd: folder });
    expect(found.toString().trim().split("\n").toSorted()).toEqual([
      "undefined 100000 16",
      "undefined 100017 19",
    ]);
  });
});

function WebAssemblyOfNode(): unknown {
  return (globalThis as { WebAssembly?: unknown }).WebAssembly;
}

function WebAssemblyThatRefuses(): object {
  const refuse = function refuse(): never {
    throw new RangeError("no memory");
  };
  return { Memory: refuse, Module: refuse, Instance: refuse };
}
