/**
 * Makes `src/run/gate/binaries.ts` from gate.c: `node scripts/gate.ts`. Needs Debian 12's compilers for
 * both machines (packages gcc and gcc-aarch64-linux-gnu); a test makes them again and compares every byte.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const SOURCES = join(import.meta.dirname, "..", "src", "run", "gate");

/** Prefixes of the tools by the name that images give the machine. */
export const MACHINES = { amd64: "x86_64-linux-gnu-", arm64: "aarch64-linux-gnu-" } as const;
export type Machine = keyof typeof MACHINES;

/** What the bytes in the repository were made with: other versions may choose other instructions. */
export const MADE_WITH = "gcc 12.2.0, ld 2.40";

const FLAGS = [
  ..."-std=c17 -Wall -Wextra -Werror -Os -ffreestanding -fno-builtin -nostdlib -static".split(" "),
  ..."-fno-pic -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables".split(" "),
  // whatever a distribution adds by default, and calls of functions that only a libc has
  ..."-mgeneral-regs-only -fno-tree-loop-distribute-patterns".split(" "),
  ..."-s -Wl,--build-id=none -Wl,-z,noexecstack".split(" "),
];
const OWN_FLAGS: Readonly<Record<Machine, readonly string[]>> = {
  amd64: ["-fcf-protection=none"],
  arm64: ["-mbranch-protection=none", "-mno-outline-atomics"],
};

/**
 * Versions of this machine's tools, worded as {@link MADE_WITH}.
 *
 * @returns null when they are not installed
 */
export async function toolsOf(machine: Machine): Promise<string | null> {
  const prefix = MACHINES[machine];
  try {
    const compiler = await run(`${prefix}gcc`, ["-dumpfullversion"]);
    const linker = await run(`${prefix}ld`, ["--version"]);
    const version = /(\d+\.\d+[.\d]*)$/m.exec(linker.stdout.split("\n")[0] ?? "")?.[1] ?? "";
    return `gcc ${compiler.stdout.trim()}, ld ${version}`;
  } catch {
    return null;
  }
}

/** Compiles and links the gate of one machine. */
export async function makeGate(machine: Machine): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "sealmount-gate-"));
  try {
    const output = join(folder, "gate");
    const script = `-Wl,-T,${join(SOURCES, "gate.ld")}`;
    const flags = [...FLAGS, ...OWN_FLAGS[machine], script];
    await run(`${MACHINES[machine]}gcc`, [...flags, join(SOURCES, "gate.c"), "-o", output]);
    return withoutSections(await readFile(output));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Offsets in the header of a 64-bit ELF file (elf(5)). */
const ELF = { phoff: 32, shoff: 40, shnum: 60, shstrndx: 62, phentsize: 54, phnum: 56 };
/** Offsets in one of its program headers. */
const SEGMENT = { offset: 8, filesz: 32 };

/** Cuts off what follows the last segment: only debuggers read the table of sections. */
function withoutSections(bytes: Buffer): Buffer {
  const headers = Array.from({ length: bytes.readUInt16LE(ELF.phnum) }, (_, index) =>
    bytes.subarray(
      Number(bytes.readBigUInt64LE(ELF.phoff)) + index * bytes.readUInt16LE(ELF.phentsize),
    ),
  );
  const ends = headers.map(
    (header) => header.readBigUInt64LE(SEGMENT.offset) + header.readBigUInt64LE(SEGMENT.filesz),
  );
  const cut = bytes.subarray(0, Math.max(...ends.map(Number)));
  cut.writeBigUInt64LE(0n, ELF.shoff);
  cut.writeUInt16LE(0, ELF.shnum);
  cut.writeUInt16LE(0, ELF.shstrndx);
  return cut;
}

/** The TypeScript file, formatted as prettier would. */
function moduleOf(gates: Readonly<Record<Machine, Buffer>>): string {
  const lines = Object.entries(gates).flatMap(([machine, bytes]) => [
    `  ${machine}: {`,
    `    // ${bytes.length} bytes`,
    `    sha256: "${createHash("sha256").update(bytes).digest("hex")}",`,
    "    base64: [",
    ...(bytes.toString("base64").match(/.{1,88}/g) ?? []).map((part) => `      "${part}",`),
    '    ].join(""),',
    "  },",
  ]);
  const head =
    "/** gate.c as programs, by the name that images give the machine. Made by scripts/gate.ts. */";
  return [head, "export const GATES = {", ...lines, "} as const;", ""].join("\n");
}

if (import.meta.main) {
  for (const machine of ["amd64", "arm64"] as const) {
    const tools = await toolsOf(machine);
    if (tools !== MADE_WITH)
      throw new Error(`${machine}: wants ${MADE_WITH}, has ${tools ?? "none"}`);
  }
  const gates = { amd64: await makeGate("amd64"), arm64: await makeGate("arm64") };
  await writeFile(join(SOURCES, "binaries.ts"), moduleOf(gates));
}
