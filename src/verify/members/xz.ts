import type { Sink } from "../decompress.ts";
import { broken } from "./inflate.ts";
import { Unreadable } from "./limits.ts";
import type { MemoryBudget } from "./limits.ts";

/**
 * What xz-decompress is built around: xz-embedded in WebAssembly. Its stream is not used, because
 * it never says where the data ended, forgets what follows, and lets only one run at a time, while
 * an xz file may hold another.
 */
interface XzModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  create_context(): number;
  destroy_context(context: number): void;
  supply_input(context: number, length: number): void;
  get_next_output(context: number): number;
}

/** Names that the package keeps to itself: a version without them is one that can't be used. */
const MAKE = "_getModuleInstance";
const MADE = "_moduleInstance";

interface XzPackage {
  /** What a CommonJS package exports. */
  readonly default: {
    readonly XzReadableStream: {
      readonly [MAKE]?: () => Promise<void>;
      readonly [MADE]?: { readonly exports: XzModule };
    };
  };
}

/** 32-bit fields at the begin of a context. */
const FIELD = { size: 0, input: 1, inputAt: 2, inputEnd: 3, output: 4, outputAt: 5 };

const RESULT = { ok: 0, end: 1 };

/** Memory of the module never shrinks; one that grew further is given up when it is idle. */
const KEPT_MEMORY = 16 * 1024 * 1024;

/** A module, and how much of its memory is known to a budget. */
interface Instance {
  readonly module: XzModule;
  counted: number;
}

let kept: Instance | undefined;
let open = 0;

/**
 * Decodes one xz stream.
 *
 * @returns the bytes of the input that were used
 * @throws {@link Unreadable} when it is broken or cut off, or its dictionary too large; what came out
 *   before is in the sink
 */
export async function unxz(bytes: Buffer, sink: Sink, budget: MemoryBudget): Promise<number> {
  const instance = (kept ??= await load());
  const { module } = instance;
  open++;
  const context = module.create_context();
  let held = 0;
  const count = (): void => {
    const grown = module.memory.buffer.byteLength - instance.counted;
    if (grown === 0) return;
    budget.hold(grown);
    instance.counted += grown;
    held += grown;
  };
  try {
    return await decode(module, context, { bytes, sink, count });
  } catch (error) {
    throw broken(error);
  } finally {
    budget.release(held);
    module.destroy_context(context);
    open--;
    if (open === 0 && module.memory.buffer.byteLength > KEPT_MEMORY) kept = undefined;
  }
}

interface DecodeOptions {
  readonly bytes: Buffer;
  readonly sink: Sink;
  /** Called when the module may have taken memory; its pages are real only where it writes. */
  readonly count: () => void;
}

async function decode(
  module: XzModule,
  context: number,
  { bytes, sink, count }: DecodeOptions,
): Promise<number> {
  // memory moves when it grows: views are made anew for each use
  const fields = (): Uint32Array => new Uint32Array(module.memory.buffer, context, 7);
  const field = (index: number): number => fields()[index] ?? 0;
  const isUsedUp = (): boolean => field(FIELD.inputAt) === field(FIELD.inputEnd);
  const size = field(FIELD.size);
  const output = Buffer.alloc(size);
  for (let at = 0; ;) {
    if (isUsedUp()) {
      const piece = bytes.subarray(at, at + size);
      new Uint8Array(module.memory.buffer, field(FIELD.input), size).set(piece);
      module.supply_input(context, piece.length);
      at += piece.length;
    }
    const result = module.get_next_output(context);
    count();
    const length = field(FIELD.outputAt);
    // a copy: the next call overwrites it
    output.set(new Uint8Array(module.memory.buffer, field(FIELD.output), length));
    fields()[FIELD.outputAt] = 0;
    if (length > 0) await sink(output.subarray(0, length));
    if (result === RESULT.end) return at - (field(FIELD.inputEnd) - field(FIELD.inputAt));
    const isStuck = length === 0 && at === bytes.length && isUsedUp();
    if (result !== RESULT.ok || isStuck) {
      throw new Unreadable("the compressed data is broken or cut off");
    }
  }
}

/** An instance of its own: one that another part of the program uses is left alone. */
async function load(): Promise<Instance> {
  const unreadable = new Unreadable("xz can't be read by this Node");
  try {
    const { default: xz } = (await import("xz-decompress")) as unknown as XzPackage;
    const { XzReadableStream } = xz;
    await XzReadableStream[MAKE]?.();
    const instance = XzReadableStream[MADE];
    if (instance === undefined) throw unreadable;
    const module = instance.exports;
    return { module, counted: module.memory.buffer.byteLength };
  } catch {
    throw unreadable;
  }
}
