/**
 * Makes `src/needles/wasm/binary.ts` from scan.wat: `node scripts/wasm.ts`. A test makes it again
 * and compares every byte.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import wabt from "wabt";

const FOLDER = join(import.meta.dirname, "..", "src", "needles", "wasm");

/** Compiles scan.wat, without names and other sections that only debuggers read. */
export async function makeScan(): Promise<Buffer> {
  const name = "scan.wat";
  const compiler = await wabt();
  const module = compiler.parseWat(name, await readFile(join(FOLDER, name), "utf8"));
  try {
    module.validate();
    return Buffer.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

/** The TypeScript file, formatted as prettier would. */
export function moduleOf(bytes: Buffer): string {
  return [
    `/** scan.wat as WebAssembly, ${bytes.length} bytes. Made by scripts/wasm.ts. */`,
    "export const SCAN_BASE64 = [",
    ...(bytes.toString("base64").match(/.{1,88}/g) ?? []).map((part) => `  "${part}",`),
    '].join("");',
    "",
  ].join("\n");
}

if (import.meta.main) await writeFile(join(FOLDER, "binary.ts"), moduleOf(await makeScan()));
