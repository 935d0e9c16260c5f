/** Draws how far a verification has read: one line on a terminal, nothing elsewhere. */
import { visibleLine } from "../../mask/visible.ts";
import { sizeText } from "./words.ts";

/** Where to draw: `process.stderr` has all of this. */
export interface VerifyOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** A view at work. */
export interface VerifyView {
  /** As of `VerifyOptions.onProgress`. */
  onProgress(this: void, bytes: number, total?: number): void;
  /** Takes the line away and stops. Call it in any case, also after an error. Safe to repeat. */
  end(this: void): void;
}

/** A line is drawn at most this often. */
const DRAW_MS = 100;
/** Shorter silence is not worth a word. */
const SILENCE_MS = 1_000;
const UNKNOWN_WIDTH = 80;
/** Cells of the bar between its brackets. */
const BAR = 24;

/** What a view says beside numbers. */
export interface VerifyViewOptions {
  /** What goes on while nothing comes; for an engine, that it prepares the image. */
  readonly silence?: string | undefined;
  /** Milliseconds; for tests. */
  readonly now?: (() => number) | undefined;
}

/**
 * Starts a view: bytes, rate, and a bar where the size is known. An engine may be silent for long
 * before the first byte, when it writes the whole image to its disk first; the line says so.
 *
 * @param image - as the report calls it
 */
export function verifyView(
  output: VerifyOutput,
  image: string,
  { silence = "waiting for the first bytes", now = Date.now }: VerifyViewOptions = {},
): VerifyView {
  if (output.isTTY !== true) return { onProgress: () => undefined, end: () => undefined };
  const name = visibleLine(image);
  const start = now();
  let drawn = start;
  let first: number | undefined;
  let read: Progress = { bytes: 0, total: undefined };
  let hasEnded = false;
  const draw = (): void => {
    drawn = now();
    const text = lineOf({ name, silence }, read, {
      waited: drawn - start,
      took: drawn - (first ?? drawn),
    });
    // to the beginning of the row; what the last line had more is erased
    // a terminal may not know its width; a line that wraps could not be taken away
    const { columns = 0 } = output;
    const width = columns > 0 ? columns : UNKNOWN_WIDTH;
    if (text !== "") output.write(`\r${text.slice(0, width - 1)}\u001b[K`);
  };
  const timer = setInterval(draw, DRAW_MS);
  timer.unref();
  return {
    onProgress(bytes, total) {
      first ??= now();
      read = { bytes, total };
      // a search that does not wait leaves the timer no turn
      if (now() - drawn >= DRAW_MS) draw();
    },
    end() {
      if (hasEnded) return;
      hasEnded = true;
      clearInterval(timer);
      output.write("\r\u001b[K");
    },
  };
}

interface Progress {
  readonly bytes: number;
  /** Bytes in all, as far as the source knows: what it says may be a little wrong. */
  readonly total: number | undefined;
}

interface Times {
  /** Milliseconds since the beginning, and since the first byte. */
  readonly waited: number;
  readonly took: number;
}

function lineOf(
  { name, silence }: { readonly name: string; readonly silence: string },
  { bytes, total }: Progress,
  { waited, took }: Times,
): string {
  if (bytes === 0) {
    if (waited < SILENCE_MS) return "";
    return `${name}: ${silence}, ${Math.floor(waited / 1000)} s`;
  }
  const rate = took < DRAW_MS ? "" : `  ${sizeText((bytes * 1000) / took)}/s`;
  if (total === undefined || total <= 0) return `${name}: read ${sizeText(bytes)}${rate}`;
  const part = Math.min(1, bytes / total);
  const percent = `${String(Math.floor(part * 100)).padStart(3)} %`;
  return `${name}: ${barOf(part)} ${percent}  ${sizeText(bytes)} of ${sizeText(total)}${rate}`;
}

function barOf(part: number): string {
  const full = Math.round(part * BAR);
  return `[${"=".repeat(full)}${" ".repeat(BAR - full)}]`;
}
