import { InterruptedError, UsageError } from "../index.ts";
import type { Host, HostInput } from "./host.ts";

/**
 * The hidden prompt. The value is read as bytes in raw mode, as a string could not be wiped, and
 * nothing that is typed is echoed.
 */

/** What a key does; every other byte below 0x20 but the tab is refused. */
const KEY = {
  interrupt: 0x03,
  end: 0x04,
  backspace: 0x08,
  tab: 0x09,
  lineFeed: 0x0a,
  enter: 0x0d,
  clear: 0x15,
  delete: 0x7f,
} as const;

/** Longest value by prompt in bytes; a terminal pastes no more in comfort, files take the rest. */
const MAX_BYTES = 64 * 1024;

/**
 * How long after Enter the terminal is read on and thrown away, in milliseconds: the further lines
 * of a pasted text would otherwise run as commands in the user's shell.
 */
const DRAIN_MS = 60;

const FAULT = {
  lines: "the value has several lines: the prompt takes one",
  control: "the value holds a control character, such as an arrow key",
  long: `the value is longer than the ${MAX_BYTES} bytes that the prompt takes`,
  empty: "no value was given",
} as const;

/**
 * Asks for a value on the terminal.
 *
 * @param question - written to stderr, without the colon
 * @param flags - the options that do without a terminal, for the hints
 * @returns the bytes typed, owned by the caller (wipe them); never empty
 * @throws UsageError USAGE_NO_TERMINAL, USAGE; InterruptedError on Ctrl-C or an aborted signal
 */
export async function promptHidden(host: Host, question: string, flags: string): Promise<Buffer> {
  const { stdin, stderr } = host;
  if (stdin.isTTY !== true || stdin.setRawMode === undefined)
    throw new UsageError("USAGE_NO_TERMINAL", "no terminal to ask for the value on", {
      hint: `use one of: ${flags}`,
    });
  const line = new HiddenLine();
  // raw mode first: whoever types at the sight of the question must not be echoed
  stdin.setRawMode(true);
  try {
    stderr.write(`${question} (hidden): `);
    const end = await readKeys(stdin, line, host.signal);
    if (end === "interrupt") throw new InterruptedError();
    return line.take(flags);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    line.wipe();
    stderr.write("\n");
  }
}

type End = "done" | "interrupt";

/** Feeds the line until Enter, Ctrl-D or Ctrl-C, then drains what a paste left behind. */
async function readKeys(stdin: HostInput, line: HiddenLine, signal: AbortSignal): Promise<End> {
  return new Promise<End>((resolve, reject) => {
    let end: End | null = null;
    const onData = (chunk: Buffer): void => {
      const before = end;
      end = line.feed(chunk, end);
      chunk.fill(0);
      if (before === null && end !== null) setTimeout(stop, end === "done" ? DRAIN_MS : 0);
    };
    const onAbort = (): void => {
      end = "interrupt";
      stop();
    };
    const onEnd = (): void => {
      end ??= "done";
      stop();
    };
    const stop = (): void => {
      stdin.off("data", onData).off("end", onEnd).off("error", reject);
      signal.removeEventListener("abort", onAbort);
      resolve(end ?? "interrupt");
    };
    stdin.on("data", onData).on("end", onEnd).on("error", reject);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    else stdin.resume();
  });
}

/** The bytes of one hidden line, edited by backspace and Ctrl-U. */
export class HiddenLine {
  readonly #bytes = Buffer.alloc(MAX_BYTES);
  #length = 0;
  #fault: keyof typeof FAULT | null = null;

  /**
   * Takes the next bytes.
   *
   * @param end - how the line ended already, if it did: what still comes is thrown away
   */
  feed(chunk: Uint8Array, end: End | null): End | null {
    let state = end;
    for (const byte of chunk) {
      if (byte === KEY.interrupt) return "interrupt";
      if (state !== null) this.#fault ??= isLineEnd(byte) ? this.#fault : "lines";
      else if (isLineEnd(byte) || byte === KEY.end) state = "done";
      else this.#key(byte);
    }
    return state;
  }

  /** A copy of the value, cut to its length. */
  take(flags: string): Buffer {
    const fault = this.#fault ?? (this.#length === 0 ? "empty" : null);
    if (fault !== null)
      throw new UsageError("USAGE", FAULT[fault], {
        hint: `type it again, or use one of: ${flags}`,
      });
    const value = Buffer.alloc(this.#length);
    this.#bytes.copy(value);
    return value;
  }

  /** Overwrites the line with zeros. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#length = 0;
  }

  #key(byte: number): void {
    if (byte === KEY.backspace || byte === KEY.delete) this.#backspace();
    else if (byte === KEY.clear) this.wipe();
    else if (byte < 0x20 && byte !== KEY.tab) this.#fault ??= "control";
    else if (this.#length === MAX_BYTES) this.#fault ??= "long";
    else this.#bytes[this.#length++] = byte;
  }

  /** Removes one character: a UTF-8 lead byte and the bytes that continue it. */
  #backspace(): void {
    let byte = 0x80;
    while (this.#length > 0 && (byte & 0xc0) === 0x80) {
      byte = this.#bytes[--this.#length] ?? 0;
      this.#bytes[this.#length] = 0;
    }
  }
}

function isLineEnd(byte: number): boolean {
  return byte === KEY.enter || byte === KEY.lineFeed;
}
