import { INFLATE_BASE64 } from "../../wasm/inflate.ts";
import { startProgram } from "../../wasm/program.ts";
import type { Program } from "../../wasm/program.ts";

/** Most bytes of input, and of output. */
export const SMALL = 4 * 1024 * 1024;

/** Where the program has its tables, and what it may read and write behind input and output. */
const TABLES = 0x6000;
const READ_OVER = 16;
const WRITTEN_OVER = 300;

const OUTPUT = TABLES + SMALL + READ_OVER;
const MEMORY = OUTPUT + SMALL + WRITTEN_OVER;

/** Of wasm/assembly/inflate.ts. */
interface InflateExports {
  readonly inflate: (input: number, inputEnd: number, output: number, outputEnd: number) => number;
  readonly used: () => number;
  readonly written: () => number;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * Decodes deflate data in one step, in memory of its own: two thirds of what Node's zlib takes for the
 * small pieces that archives hold, and nothing for the collector. What comes out counts only with its
 * checksum.
 *
 * Memory: 8 MiB, as far as it is written.
 */
export class Inflater {
  readonly #program: Program<InflateExports>;
  readonly #memory: Buffer;

  private constructor(program: Program<InflateExports>) {
    this.#program = program;
    this.#memory = Buffer.from(program.memory);
  }

  /** @returns null where no WebAssembly runs */
  static start(): Inflater | null {
    const program = startProgram<InflateExports>(INFLATE_BASE64, MEMORY);
    return program === null ? null : new Inflater(program);
  }

  /**
   * @returns null when the data is broken, cut off or not small; else its output, which lasts until the
   *   next call, and how many bytes of the input it took
   */
  inflate(bytes: Buffer): { readonly output: Buffer; readonly used: number } | null {
    const { exports } = this.#program;
    const end = TABLES + bytes.length;
    if (bytes.length > SMALL) return null;
    this.#memory.set(bytes, TABLES);
    this.#memory.fill(0, end, end + READ_OVER);
    if (exports.inflate(TABLES, end, OUTPUT, OUTPUT + SMALL) !== 0) return null;
    const length = exports.written();
    const output = length === 0 ? NO_BYTES : this.#memory.subarray(OUTPUT, OUTPUT + length);
    return { output, used: exports.used() };
  }
}
