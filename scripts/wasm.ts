/**
 * Makes the binaries of `src/wasm` from its `assembly`: `node scripts/wasm.ts`. A test makes them again
 * and compares every byte.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const call = promisify(execFile);

const ROOT = join(import.meta.dirname, "..");
const FOLDER = join(ROOT, "src", "wasm");

/** As a program: its types, for all files that import it, are those of another language. */
const COMPILER = join(ROOT, "node_modules", "assemblyscript", "bin", "asc.js");

/** Programs: `scan.ts` of `assembly` becomes `scan.ts` beside that folder. */
export const PROGRAMS = ["scan", "inflate"] as const;

/** No memory of their own, no runtime, no checks of the compiler's. */
const OPTIONS = ["-O3", "--converge", "--noAssert", "--runtime", "stub"];
const MEMORY = ["--importMemory", "--noExportMemory", "--enable", "bulk-memory"];

/**
 * Compiles a program.
 *
 * @throws Error with what the compiler says
 */
export async function compile(program: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "sealmount-wasm-"));
  try {
    const [input, output] = [`${program}.ts`, join(folder, "out.wasm")];
    const command = [COMPILER, input, "--outFile", output, ...OPTIONS, ...MEMORY];
    await call(process.execPath, command, { cwd: join(FOLDER, "assembly") });
    return await readFile(output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The TypeScript file, formatted as prettier would. */
export function moduleOf(program: string, bytes: Buffer): string {
  return [
    `/** assembly/${program}.ts as WebAssembly, ${bytes.length} bytes. Made by scripts/wasm.ts. */`,
    `export const ${program.toUpperCase()}_BASE64 = [`,
    ...(bytes.toString("base64").match(/.{1,88}/g) ?? []).map((part) => `  "${part}",`),
    '].join("");',
    "",
  ].join("\n");
}

if (import.meta.main) {
  for (const program of PROGRAMS) {
    await writeFile(join(FOLDER, `${program}.ts`), moduleOf(program, await compile(program)));
  }
}
