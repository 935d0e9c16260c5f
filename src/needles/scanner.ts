import type { GramTable } from "./grams.ts";
import { GRAM_LENGTH } from "./grams.ts";
import { SCAN_BASE64 } from "./wasm/binary.ts";

/** Bytes that are searched at once: measured best between 64 KiB and 1 MiB. */
export const BLOCK = 256 * 1024;

/** Finds grams of a table in text. */
export interface Scanner {
  /** Memory for the text: {@link BLOCK} bytes, and what a search keeps of the text before. */
  readonly text: Buffer;
  /**
   * Probes the text every `stride` bytes.
   *
   * @param from - index of the first probe
   * @param end - no probe falls on it or behind it; at most 3 bytes before the end of the text
   * @returns index of the first probe on a gram of a needle; when there is none, where the next one
   *   falls from `end` on
   */
  readonly next: (from: number, end: number) => number;
  /** Overwrites text and grams. */
  readonly wipe: () => void;
}

/** Sizes that a scanner needs to know. */
export interface ScannerSizes {
  readonly stride: number;
  readonly reach: number;
}

/** The fastest scanner that this process may have. Where it can, it takes the grams over: wipe it. */
export function makeScanner(grams: GramTable, sizes: ScannerSizes): Scanner {
  return wasmScanner(grams, sizes) ?? plainScanner(grams, sizes);
}

/** In JavaScript: a third of the speed. */
export function plainScanner(grams: GramTable, { stride, reach }: ScannerSizes): Scanner {
  const text = Buffer.alloc(textBytes({ stride, reach }));
  return {
    text,
    next: (from, end) => nextGram(grams, text, { from, end, stride }),
    wipe: () => text.fill(0),
  };
}

/** @returns null when this process has no WebAssembly (`node --jitless`), or no memory for it */
export function wasmScanner(grams: GramTable, sizes: ScannerSizes): Scanner | null {
  const { WebAssembly: wasm } = globalThis as { WebAssembly?: Wasm };
  if (wasm === undefined) return null;
  try {
    return startWasm(wasm, grams, sizes);
  } catch {
    return null;
  }
}

/** What {@link Scanner.next} does, in any bytes. */
export function nextGram(
  grams: GramTable,
  text: Buffer,
  o: { readonly from: number; readonly end: number; readonly stride: number },
): number {
  const view = new DataView(text.buffer, text.byteOffset, text.length);
  let at = o.from;
  while (at < o.end && grams.get(view.getInt32(at, true)) === 0) at += o.stride;
  return at;
}

function startWasm(wasm: Wasm, grams: GramTable, { stride, reach }: ScannerSizes): Scanner {
  const size = textBytes({ stride, reach });
  const pages = Math.ceil((grams.size + size) / PAGE);
  const memory = new wasm.Memory({ initial: pages, maximum: pages });
  compiled ??= new wasm.Module(Buffer.from(SCAN_BASE64, "base64"));
  const { exports } = new wasm.Instance(compiled, { scanner: { memory } });
  grams.moveTo(memory.buffer);
  const start = grams.size;
  const { filterShift, slots, slotShift, slotMask } = grams.layout;
  return {
    text: Buffer.from(memory.buffer, start, size),
    next: (from, end) =>
      exports.next(start + from, start + end, stride, filterShift, slots, slotShift, slotMask) -
      start,
    wipe: () => Buffer.from(memory.buffer).fill(0),
  };
}

/** Of WebAssembly. */
const PAGE = 65_536;

/** For all tables: code, no data. */
let compiled: object | undefined;

function textBytes({ stride, reach }: ScannerSizes): number {
  return BLOCK + reach + stride + GRAM_LENGTH;
}

/** The part of WebAssembly that is needed; Node's types leave it to those of browsers. */
interface Wasm {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly scanner: { readonly memory: object } },
  ) => { readonly exports: { readonly next: (...parameters: number[]) => number } };
}
