/** Numbers of docker's flags, read as its own client (written in Go) reads them. */
import { UsageError } from "../../errors.ts";

const POWERS = "kmgtp";
const NANO = 1_000_000_000n;

/** Nanoseconds in Go's units of time. The two signs for micro look alike and are both taken. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00B5s": 1_000n,
  "\u03BCs": 1_000n,
  ms: 1_000_000n,
  s: NANO,
  m: 60n * NANO,
  h: 3_600n * NANO,
};

/** Largest Go duration, an int64: 292 years. */
const LONGEST = 2n ** 63n - 1n;

/** The range of an integer flag, both ends included. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** An int64 as far as JSON carries it exactly. */
const ANY: Range = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };

/**
 * Reads an integer: decimal, `0x…`, `0b…`, `0o…`, or octal with a leading zero.
 *
 * @throws {@link UsageError} USAGE for another text, or a number out of range
 */
export function parseInteger(text: string, option: string, range: Range = ANY): number {
  const match = /^([+-])?(0x[\da-f]+|0b[01]+|0o?[0-7]+|0|[1-9]\d*)$/i.exec(text);
  const digits = match?.[2]?.replace(/^0(?=\d)/, "0o") ?? "";
  const value = match === null ? Number.NaN : Number(digits) * (match[1] === "-" ? -1 : 1);
  if (!(value >= range.min && value <= range.max)) {
    const wanted = range === ANY ? "" : ` from ${range.min} to ${range.max}`;
    throw new UsageError(
      "USAGE",
      `--${option} ${JSON.stringify(text)} is not a whole number${wanted}`,
    );
  }
  // minus zero is a zero
  return value + 0;
}

/**
 * Reads a size in docker's units: `512m`, `1.5g`, `1GiB`; powers of 1,024, a bare number is bytes.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseBytes(text: string, option: string): number {
  const match = /^(\d+(?:\.\d*)?|\.\d+) ?([kmgtp])?(?:i?b)?$/i.exec(text);
  const power = match?.[2] === undefined ? 0 : POWERS.indexOf(match[2].toLowerCase()) + 1;
  const bytes = Math.trunc(Number(match?.[1] ?? Number.NaN) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError("USAGE", `--${option} ${JSON.stringify(text)} is not a size`, {
      hint: "write a number with b, k, m or g, such as 512m",
    });
  }
  return bytes;
}

/** Reads `--memory-swap`: a size, or -1 for as much as there is. Throws as {@link parseBytes}. */
export function parseSwap(text: string): number {
  return text === "-1" ? -1 : parseBytes(text, "memory-swap");
}

/**
 * Reads `--cpus 1.5` into billionths of a CPU, exactly.
 *
 * @throws {@link UsageError} USAGE for no decimal number, or more than nine decimals
 */
export function parseCpus(text: string): number {
  const match = /^(\d{1,6})?(?:\.(\d{1,9})?0*)?$/.exec(text);
  if (match === null || text === "" || text === ".") {
    throw new UsageError("USAGE", `--cpus ${JSON.stringify(text)} is not a number of CPUs`, {
      hint: "write a decimal number with at most nine decimals, such as 1.5",
    });
  }
  const whole = BigInt(match[1] ?? "0") * NANO;
  return Number(whole + BigInt((match[2] ?? "").padEnd(9, "0")));
}

/**
 * Reads a Go duration, such as `1m30s` or `1.5h`, into nanoseconds. Fractions of one are cut off.
 *
 * @throws {@link UsageError} USAGE for another text, or a negative duration
 */
export function parseDuration(text: string, option: string): number {
  const parts = [
    ...text.replace(/^[+-]/, "").matchAll(/(\d+(?:\.\d*)?|\.\d+)([a-z\u00B5\u03BC]+)/gy),
  ];
  const units = parts.map(([, , unit = ""]) => UNITS[unit]);
  const isWhole = parts.map(([all]) => all).join("") === text.replace(/^[+-]/, "");
  if (!/^[+-]?0$/.test(text) && (parts.length === 0 || !isWhole || units.includes(undefined))) {
    throw new UsageError("USAGE", `--${option} ${JSON.stringify(text)} is not a duration`, {
      hint: "write numbers with ms, s, m or h, such as 1m30s",
    });
  }
  const sum = parts.reduce((total, [, number = ""], at) => total + times(number, units[at]), 0n);
  if ((text.startsWith("-") && sum > 0n) || sum > LONGEST) {
    throw new UsageError("USAGE", `--${option} can't be negative or above 292 years`);
  }
  return Number(sum);
}

/** A decimal number of units, in nanoseconds. */
function times(number: string, unit = 0n): bigint {
  const [whole = "", part = ""] = number.split(".");
  return BigInt(whole) * unit + (BigInt(part) * unit) / 10n ** BigInt(part.length);
}
