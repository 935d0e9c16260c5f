import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { compile, moduleOf, PROGRAMS } from "../../../scripts/wasm.ts";
import { startProgram } from "../../../src/wasm/program.ts";
import { SCAN_BASE64 } from "../../../src/wasm/scan.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "src", "wasm");

/** Bytes of a program: it is read whenever something is searched. */
const MOST = { scan: 512, inflate: 4096 };

afterEach(() => vi.unstubAllGlobals());

it.each(PROGRAMS)("%s is what its source makes, byte for byte", async (program) => {
  const bytes = await compile(program);
  expect(await readFile(join(FOLDER, `${program}.ts`), "utf8")).toBe(moduleOf(program, bytes));
  expect(bytes.length).toBeLessThan(MOST[program]);
});

it("has the memory that it needs, in whole pages", () => {
  expect(startProgram(SCAN_BASE64, 70_000)?.memory.byteLength).toBe(2 * 65_536);
});

it.each([
  ["there is no WebAssembly", undefined],
  ["there is no memory", { Memory: vi.fn<() => never>(failing) }],
])("does not start where %s", (_, wasm) => {
  vi.stubGlobal("WebAssembly", wasm);
  expect(startProgram(SCAN_BASE64, 1)).toBeNull();
});

function failing(): never {
  throw new RangeError("no memory");
}
