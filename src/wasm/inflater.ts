import { INFLATE_BASE64 } from "./inflate.ts";
import { startProgram } from "./program.ts";
import type { Program } from "./program.ts";

/** Most bytes of input, and of output, that are decoded in one step. */
export const SMALL = 4 * 1024 * 1024;

/** Where the program has its tables, and what it may read and write behind input and output. */
const TABLES = 0x6000;
const READ_OVER = 32;
const WRITTEN_OVER = 600;

/** How far back deflate copies: RFC 1951, 2. */
const WINDOW = 32 * 1024;

/** Of a stream: what is taken at a time, and given. */
const PIECE = { input: 64 * 1024, output: 256 * 1024 };

const NO_BYTES = Buffer.alloc(0);

/** Of assembly/inflate.ts. */
interface InflateExports {
  readonly begin: (output: number) => void;
  readonly run: (input: number, inputEnd: number, outputEnd: number, isAll: number) => number;
  readonly slide: (output: number) => void;
  readonly at: () => number;
  readonly end: () => number;
}

/** What `run` gives. */
const RESULTS = ["done", "broken", "full", "hungry"] as const;

/**
 * Decodes deflate data in one step, in memory of its own: two thirds of what Node's zlib takes for the
 * small pieces that archives hold, and nothing for the collector. What comes out counts only with its
 * checksum.
 *
 * Memory: 8 MiB, as far as it is written.
 */
export class Inflater {
  static readonly #output = TABLES + SMALL + READ_OVER;
  readonly #program: Program<InflateExports>;
  readonly #memory: Buffer;

  private constructor(program: Program<InflateExports>) {
    this.#program = program;
    this.#memory = Buffer.from(program.memory);
  }

  /** @returns null where no WebAssembly runs */
  static start(): Inflater | null {
    const program = startProgram<InflateExports>(
      INFLATE_BASE64,
      Inflater.#output + SMALL + WRITTEN_OVER,
    );
    return program === null ? null : new Inflater(program);
  }

  /**
   * @returns null when the data is broken, cut off or not small; else its output, which lasts until the
   *   next call, and how many bytes of the input it took
   */
  inflate(bytes: Buffer): { readonly output: Buffer; readonly used: number } | null {
    if (bytes.length > SMALL) return null;
    const { exports } = this.#program;
    const output = Inflater.#output;
    const end = TABLES + bytes.length;
    this.#memory.set(bytes, TABLES);
    this.#memory.fill(0, end, end + READ_OVER);
    exports.begin(output);
    if (exports.run(TABLES, end, output + SMALL, 1) !== RESULTS.indexOf("done")) return null;
    const outputEnd = exports.end();
    if (outputEnd > output + SMALL) return null;
    const content = outputEnd === output ? NO_BYTES : this.#memory.subarray(output, outputEnd);
    return { output: content, used: exports.at() - TABLES };
  }
}

/**
 * Decodes a stream of deflate data, piece by piece, in this thread: Node's zlib takes a half more of the
 * processor's time for it, and has whoever waits for a piece wait for another thread.
 *
 * Memory: 0.4 MiB.
 */
export class InflateStream {
  static readonly #output = TABLES + PIECE.input + READ_OVER + WINDOW;
  /** One that nobody uses: to make one for every stream would keep the collector busy. */
  static #idle: InflateStream | undefined;
  readonly #program: Program<InflateExports>;
  readonly #memory: Buffer;
  /** The input that was not used yet. */
  #start = TABLES;
  #end = TABLES;

  private constructor(program: Program<InflateExports>) {
    this.#program = program;
    this.#memory = Buffer.from(program.memory);
  }

  /** @returns null where no WebAssembly runs */
  static start(): InflateStream | null {
    const stream = InflateStream.#idle ?? InflateStream.#make();
    InflateStream.#idle = undefined;
    stream?.begin();
    return stream;
  }

  static #make(): InflateStream | null {
    const program = startProgram<InflateExports>(
      INFLATE_BASE64,
      InflateStream.#output + PIECE.output + WRITTEN_OVER,
    );
    return program === null ? null : new InflateStream(program);
  }

  /** Begins another stream, of which nothing has come yet. */
  begin(): void {
    this.#program.exports.begin(InflateStream.#output);
    this.#start = TABLES;
    this.#end = TABLES;
  }

  /** Takes input, as much as there is room for. @returns how many bytes */
  add(bytes: Buffer): number {
    this.#memory.copyWithin(TABLES, this.#start, this.#end);
    this.#end += TABLES - this.#start;
    this.#start = TABLES;
    const length = Math.min(bytes.length, TABLES + PIECE.input - this.#end);
    this.#end += bytes.copy(this.#memory, this.#end, 0, length);
    this.#memory.fill(0, this.#end, this.#end + READ_OVER);
    return length;
  }

  /**
   * Decodes on.
   *
   * @param isAll - no more input comes
   * @returns output, which lasts until the next call, and what to do: `full` call again, `hungry` add
   *   input, `done` see {@link rest}; `broken` it is, or cut off
   */
  next(isAll: boolean): { readonly output: Buffer; readonly result: (typeof RESULTS)[number] } {
    const { exports } = this.#program;
    const output = InflateStream.#output;
    exports.slide(output);
    const code = exports.run(this.#start, this.#end, output + PIECE.output, isAll ? 1 : 0);
    this.#start = Math.min(exports.at(), this.#end);
    const result = RESULTS[code] ?? "broken";
    return { output: this.#memory.subarray(output, exports.end()), result };
  }

  /** The input that stands behind the stream, when it is done. */
  rest(): Buffer {
    return Buffer.from(this.#memory.subarray(this.#start, this.#end));
  }

  /** Gives it to whoever starts the next one: it is not to be used any more. */
  release(): void {
    InflateStream.#idle ??= this;
  }
}
