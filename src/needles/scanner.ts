import type { GramTable } from "./grams.ts";
import { GRAM_LENGTH } from "./grams.ts";
import { startProgram } from "../wasm/program.ts";
import { SCAN_BASE64 } from "../wasm/scan.ts";

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

/** @returns null when this process has no WebAssembly, or no memory for it */
export function wasmScanner(grams: GramTable, { stride, reach }: ScannerSizes): Scanner | null {
  const size = textBytes({ stride, reach });
  const program = startProgram<ScanExports>(SCAN_BASE64, grams.size + size);
  if (program === null) return null;
  const { memory, exports } = program;
  grams.moveTo(memory);
  const start = grams.size;
  const { filterShift, slots, slotShift, slotMask } = grams.layout;
  return {
    text: Buffer.from(memory, start, size),
    next: (from, end) =>
      exports.next(start + from, start + end, stride, filterShift, slots, slotShift, slotMask) -
      start,
    wipe: () => Buffer.from(memory).fill(0),
  };
}

/** Of wasm/assembly/scan.ts. */
interface ScanExports {
  readonly next: (...parameters: number[]) => number;
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

function textBytes({ stride, reach }: ScannerSizes): number {
  return BLOCK + reach + stride + GRAM_LENGTH;
}
