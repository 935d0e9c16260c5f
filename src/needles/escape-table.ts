/** What replaces a byte; undefined: it stays. */
export type Replacement = (byte: number) => string | undefined;

/**
 * What an encoder writes for each byte value. It holds no secret, so its buffers may live in shared
 * memory. Entries are made when they are first asked for: the first output of many a command waits
 * for dozens of tables, and a value has a few special bytes.
 */
export class EscapeTable {
  readonly #replace: Replacement;
  readonly #entries: (Buffer | undefined)[] = [];
  readonly #isMade = new Uint8Array(256);

  constructor(replace: Replacement) {
    this.#replace = replace;
  }

  /** Undefined for a byte that stays as it is. The same text is the same buffer in all tables. */
  of(byte: number): Buffer | undefined {
    if (this.#isMade[byte] === 1) return this.#entries[byte];
    const text = this.#replace(byte);
    this.#isMade[byte] = 1;
    if (text !== undefined && !isItself(text, byte)) this.#entries[byte] = bufferOf(text);
    return this.#entries[byte];
  }
}

/** A table of some characters; all other bytes stay. */
export function tableOfCharacters(replacements: Readonly<Record<string, string>>): EscapeTable {
  return new EscapeTable((byte) => replacements[String.fromCharCode(byte)]);
}

/** The table that replaces by one table, and what came out by another one. */
export function composed(inner: EscapeTable, outer: EscapeTable): EscapeTable {
  return new EscapeTable((byte) => {
    const bytes = inner.of(byte) ?? Buffer.from([byte]);
    const parts = Array.from(bytes, (each) => outer.of(each) ?? Buffer.from([each]));
    return Buffer.concat(parts).toString("latin1");
  });
}

const known = new Map<string, Buffer>();

function bufferOf(text: string): Buffer {
  const buffer = known.get(text) ?? Buffer.from(text, "latin1");
  known.set(text, buffer);
  return buffer;
}

function isItself(text: string, byte: number): boolean {
  return text.length === 1 && text.charCodeAt(0) === byte;
}
