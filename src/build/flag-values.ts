/** Reads the values of docker's flags: CSV records of `key=value`, sizes, key-value lists. Pure. */
import { UsageError } from "../errors.ts";

/** A value such as `type=registry,ref=…`: its type, and the rest. */
export interface TypedValue {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * The fields of one CSV record, as the docker CLI reads its flags: a field in double quotes may
 * hold commas, and `""` for a quote.
 *
 * @throws {@link UsageError} USAGE for an open quote
 */
export function readRecord(text: string, flag: string): string[] {
  const fields: string[] = [];
  for (let rest = text; ;) {
    const quoted = /^"((?:[^"]|"")*)"(?:,|$)/.exec(rest);
    const plain = /^([^",]*)(?:,|$)/.exec(rest);
    const [all = "", field = ""] = quoted ?? plain ?? [];
    if (quoted === null && plain === null) throw malformed(flag);
    fields.push(quoted === null ? field : field.replaceAll('""', '"'));
    rest = rest.slice(all.length);
    if (!all.endsWith(",")) return fields;
  }
}

/**
 * The pairs of a record; keys in lower case.
 *
 * @throws {@link UsageError} USAGE for a field without `=`
 */
export function readPairs(text: string, flag: string): [string, string][] {
  return readRecord(text, flag).map((field) => {
    const [key, value] = splitPair(field);
    if (value === undefined) throw malformed(flag);
    return [key.trim().toLowerCase(), value];
  });
}

/** A record with a `type`. @throws {@link UsageError} USAGE when it has none */
export function readTyped(text: string, flag: string): TypedValue {
  const { type, ...attributes } = Object.fromEntries(readPairs(text, flag));
  if (type === undefined || type === "") throw malformed(flag);
  return { type, attributes };
}

/** True for what Go reads as true: `1`, `t`, `true`. */
export function isTrue(text = ""): boolean {
  return /^(?:1|t|true)$/i.test(text);
}

/** True for what Go reads as false: `0`, `f`, `false`. */
export function isFalse(text = ""): boolean {
  return /^(?:0|f|false)$/i.test(text);
}

/** Writes pairs as one record, quoting what holds a comma or a quote. */
export function writeRecord(pairs: readonly (readonly [string, string])[]): string {
  return pairs
    .map(([key, value]) => `${key}=${value}`)
    .map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(",");
}

/** `NAME=VALUE` in its two parts; the value is undefined where there is no `=`. */
export function splitPair(text: string): [string, string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

const UNITS = "bkmgtp";

/**
 * A size as docker writes it (`64m`, `1.5gb`, `4096`), in bytes; units count in 1024.
 *
 * @throws {@link UsageError} USAGE
 */
export function readSize(text: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgtp])?(?:i?b)?$/i.exec(text.trim());
  if (match === null) throw malformed(flag);
  const unit = UNITS.indexOf((match[2] ?? "b").toLowerCase());
  return Math.trunc(Number(match[1]) * 1024 ** unit);
}

/**
 * `nofile=1024:2048` or `nofile=1024` (then both limits), as BuildKit takes it.
 *
 * @throws {@link UsageError} USAGE
 */
export function readUlimit(text: string): string {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  const [, name, soft, hard = soft] = match ?? [];
  if (name === undefined || soft === undefined || hard === undefined) throw malformed("--ulimit");
  return `${name}=${soft}:${hard}`;
}

/** The error for a value that its flag can't take; it is not repeated, as it may be a secret. */
export function malformed(flag: string): UsageError {
  return new UsageError("USAGE", `${flag} can't take that value`, {
    hint: "see docker build --help: its flags mean the same here",
  });
}
