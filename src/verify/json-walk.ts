/**
 * Goes through the strings of a JSON text as it stands, without objects: of a few MiB that others wrote,
 * those fill any memory.
 *
 * @see RFC 8259
 */

/** A string of a JSON document: a value, or the name of a field. */
export class JsonText {
  /** Where it stands; for a name, the path of its field. */
  readonly path: readonly string[];
  /** What it is in UTF-8; most are nothing to make a string of. */
  readonly bytes: Buffer;
  readonly isName: boolean;

  constructor(path: readonly string[], bytes: Buffer, isName: boolean) {
    this.path = path;
    this.bytes = bytes;
    this.isName = isName;
  }

  get text(): string {
    return this.bytes.toString();
  }
}

/** Deepest nesting that is gone through; documents of images have less than 20. */
const DEPTH_LIMIT = 200;

/** Names of a path that are given. */
const LONGEST_PATH = 64;

/** The bytes are no JSON. */
class NoJsonError extends Error {}

/** They may be, but are nested too deep. Says so. */
export class DeepJsonError extends Error {
  constructor() {
    super(`JSON nested deeper than ${DEPTH_LIMIT}`);
  }
}

const [QUOTE, BACKSLASH, COMMA, COLON, UNICODE] = [0x22, 0x5c, 0x2c, 0x3a, 0x75];
const [ARRAY, ARRAY_END, OBJECT, OBJECT_END] = [0x5b, 0x5d, 0x7b, 0x7d];
const SPACES = new Set(Buffer.from(" \t\n\r"));
const ESCAPED = new Set(Buffer.from('"\\/bfnrtu'));
const OTHER_VALUE = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/u;
const HEX = /^[0-9a-fA-F]{4}$/u;

/** Bytes that end a number, `true`, `false` or `null`. */
const ENDS = new Set([...SPACES, COMMA, ARRAY_END, OBJECT_END]);

/** Where a string is, without its quotes. */
class Span {
  start = 0;
  end = 0;
  isEscaped = false;

  set(other: Span): void {
    this.start = other.start;
    this.end = other.end;
    this.isEscaped = other.isEscaped;
  }
}

/** An object or array that is not at its end yet. One for all of a depth: see {@link JsonWalk}. */
class Level {
  isArray = false;
  /** Of the element, in an array. */
  index = 0;
  /** Of the field's name, in an object. */
  readonly span = new Span();
  /** It decoded, once somebody has asked for it. */
  name: string | undefined;
}

/** What may come next: `first` is a name or value, or the end of what has just begun. */
type Wanted = "value" | "name" | "first" | "rest";

/**
 * @param which - `escaped` leaves out strings that stand there as they are
 * @throws {@link NoJsonError} and {@link DeepJsonError}, also when some strings have come
 */
export function* jsonTexts(bytes: Buffer, which: "all" | "escaped"): Generator<JsonText> {
  for (const walk = new JsonWalk(bytes); walk.next();) {
    if (which === "escaped" && !walk.isEscaped) continue;
    yield new JsonText(walk.path, walk.bytes, walk.isName);
  }
}

/**
 * Says whether bytes are JSON.
 *
 * @throws {@link DeepJsonError} when they are nested too deep to say
 */
export function isJson(bytes: Buffer): boolean {
  try {
    const walk = new JsonWalk(bytes);
    while (walk.next());
    return true;
  } catch (error) {
    if (error instanceof NoJsonError) return false;
    throw error;
  }
}

/** Makes nothing for each value: a million of them would leave the collector 100 MB. */
class JsonWalk {
  readonly #bytes: Buffer;
  readonly #levels: Level[] = [];
  #depth = 0;
  #at = 0;
  #wanted: Wanted = "value";
  readonly #span = new Span();
  #isName = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isName(): boolean {
    return this.#isName;
  }

  get isEscaped(): boolean {
    return this.#span.isEscaped;
  }

  /** Of the string. */
  get bytes(): Buffer {
    return this.#decoded(this.#span);
  }

  get path(): string[] {
    const levels = this.#levels.slice(0, Math.min(this.#depth, LONGEST_PATH));
    return levels.map((one) =>
      one.isArray ? String(one.index) : (one.name ??= this.#decoded(one.span).toString()),
    );
  }

  /** Goes to the next string. @returns false at the end */
  next(): boolean {
    for (let byte = this.#skipSpaces(); byte !== undefined; byte = this.#skipSpaces()) {
      if (this.#take(byte)) return true;
    }
    if (this.#wanted !== "rest" || this.#depth > 0) throw new NoJsonError();
    return false;
  }

  /** @returns true for a string */
  #take(byte: number): boolean {
    const level = this.#depth === 0 ? undefined : this.#levels[this.#depth - 1];
    if (this.#wanted === "rest") return this.#goOn(byte, level);
    if (this.#wanted === "first" && byte === endOf(level)) return this.#close();
    const isName =
      this.#wanted === "name" || (this.#wanted === "first" && level?.isArray === false);
    return isName ? this.#takeName(byte, level) : this.#takeValue(byte);
  }

  #skipSpaces(): number | undefined {
    let byte = this.#bytes[this.#at];
    while (byte !== undefined && SPACES.has(byte)) byte = this.#bytes[++this.#at];
    return byte;
  }

  /** Behind a value. */
  #goOn(byte: number, level: Level | undefined): false {
    if (level !== undefined && byte === endOf(level)) return this.#close();
    if (level === undefined || byte !== COMMA) throw new NoJsonError();
    this.#at++;
    level.index++;
    this.#wanted = level.isArray ? "value" : "name";
    return false;
  }

  #close(): false {
    this.#at++;
    this.#depth--;
    this.#wanted = "rest";
    return false;
  }

  #takeName(byte: number, level: Level | undefined): true {
    if (byte !== QUOTE || level === undefined) throw new NoJsonError();
    this.#takeString(true);
    level.span.set(this.#span);
    level.name = undefined;
    if (this.#skipSpaces() !== COLON) throw new NoJsonError();
    this.#at++;
    this.#wanted = "value";
    return true;
  }

  #takeValue(byte: number): boolean {
    if (byte === ARRAY || byte === OBJECT) {
      if (this.#depth === DEPTH_LIMIT) throw new DeepJsonError();
      this.#at++;
      const level = (this.#levels[this.#depth++] ??= new Level());
      level.isArray = byte === ARRAY;
      level.index = 0;
      this.#wanted = "first";
      return false;
    }
    this.#wanted = "rest";
    if (byte === QUOTE) this.#takeString(false);
    else this.#takeOther();
    return byte === QUOTE;
  }

  #takeString(isName: boolean): void {
    const start = this.#at + 1;
    let at = start;
    const span = this.#span;
    span.isEscaped = false;
    for (let byte = this.#bytes[at]; byte !== QUOTE; byte = this.#bytes[at]) {
      if (byte === undefined || byte < 0x20) throw new NoJsonError();
      span.isEscaped ||= byte === BACKSLASH;
      at += byte === BACKSLASH ? this.#escapeAt(at) : 1;
    }
    this.#at = at + 1;
    span.start = start;
    span.end = at;
    this.#isName = isName;
  }

  /** @returns its length */
  #escapeAt(at: number): number {
    const byte = this.#bytes[at + 1] ?? 0;
    if (!ESCAPED.has(byte)) throw new NoJsonError();
    if (byte !== UNICODE) return 2;
    if (!HEX.test(this.#bytes.toString("latin1", at + 2, at + 6))) throw new NoJsonError();
    return 6;
  }

  #takeOther(): void {
    const start = this.#at;
    let byte = this.#bytes[start];
    while (byte !== undefined && !ENDS.has(byte)) byte = this.#bytes[++this.#at];
    const text = this.#bytes.toString("latin1", start, this.#at);
    if (!OTHER_VALUE.test(text)) throw new NoJsonError();
  }

  #decoded({ start, end, isEscaped }: Span): Buffer {
    const bytes = this.#bytes.subarray(start, end);
    if (!isEscaped) return bytes;
    return Buffer.from(JSON.parse(`"${bytes.toString()}"`) as string);
  }
}

function endOf(level: Level | undefined): number {
  return level?.isArray === true ? ARRAY_END : OBJECT_END;
}
