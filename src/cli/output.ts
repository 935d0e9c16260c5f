import type { Host, HostOutput } from "./host.ts";

/** Replaces every known secret in a text; the library's `Mask` is one. */
export interface TextMask extends Disposable {
  text(text: string): string;
}

/**
 * Where a command writes. stdout carries data only; progress, prompts and warnings go to stderr.
 * Once secrets were opened, {@link Output.protect} puts a mask over everything written after it.
 */
export class Output implements Disposable {
  /** Whether `--json` was given. */
  readonly isJson: boolean;
  readonly #host: Pick<Host, "stdout" | "stderr">;
  readonly #wantsColor: boolean;
  readonly #masks: TextMask[] = [];

  /** @param host - its streams are looked at when something is written, not before */
  constructor(
    host: Pick<Host, "stdout" | "stderr">,
    o: { readonly isJson: boolean; readonly wantsColor: boolean },
  ) {
    this.#host = host;
    this.isJson = o.isJson;
    this.#wantsColor = o.wantsColor;
  }

  get stdout(): HostOutput {
    return this.#host.stdout;
  }

  get stderr(): HostOutput {
    return this.#host.stderr;
  }

  /** Masks everything written from now on, errors included. */
  protect(mask: TextMask): void {
    this.#masks.push(mask);
  }

  /** A line of data. */
  data(line: string): void {
    this.stdout.write(`${this.mask(line)}\n`);
  }

  /** Data as JSON, for `--json` and plans. Masked string by string: numbers and form stay. */
  json(value: unknown): void {
    const text = JSON.stringify(value, octalModes, 2);
    const isMasked = this.mask(text) !== text;
    const shown = isMasked ? JSON.stringify(this.#masked(JSON.parse(text)), null, 2) : text;
    this.stdout.write(`${shown}\n`);
  }

  /** A line for a person: what was done. */
  note(line: string): void {
    this.stderr.write(`${this.mask(line)}\n`);
  }

  /** A line for a person: what may be wrong. */
  warn(message: string, hint?: string): void {
    this.note(`sealmount: ${this.paint("33", "warning:")} ${message}`);
    if (hint !== undefined) this.note(`sealmount: hint: ${hint}`);
  }

  /** Text as it is, without a newline of our own: a prompt, rendered help or errors. */
  raw(stream: "stdout" | "stderr", text: string): void {
    this[stream].write(this.mask(text));
  }

  /** Whether stderr shows colors. */
  get hasColor(): boolean {
    return this.#wantsColor && this.stderr.isTTY === true;
  }

  /** Whether data on stdout may have colors: a person reads it. */
  get dataHasColor(): boolean {
    return this.#wantsColor && this.stdout.isTTY === true;
  }

  /** Wraps a word in an SGR code, on a terminal that wants color. */
  paint(code: string, text: string): string {
    return this.hasColor ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  /** Applies every mask so far. */
  mask(text: string): string {
    return this.#masks.reduce((masked, mask) => mask.text(masked), text);
  }

  #masked(value: unknown): unknown {
    if (typeof value === "string") return this.mask(value);
    if (Array.isArray(value)) return value.map((item) => this.#masked(item));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([name, item]) => [this.mask(name), this.#masked(item)]));
  }

  /** Wipes the masks: nothing may be written after it. */
  [Symbol.dispose](): void {
    for (const mask of this.#masks) mask[Symbol.dispose]();
  }
}

/** A file mode as people write it, `"0440"`, not as the decimal number that it is. */
function octalModes(key: string, value: unknown): unknown {
  return key === "mode" && typeof value === "number" ? value.toString(8).padStart(4, "0") : value;
}
