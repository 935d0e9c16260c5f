import { LONGEST_COMMON, lowerCase, wordAt } from "./common.ts";

/**
 * Values with hardly any entropy, however long: made of nothing but words that people make
 * passwords of, sequences (`123`, `cba`), keyboard runs (`asdf`), repetitions and years.
 */

/** Rows of keyboards, and the slanted columns that people type; both directions count. */
const KEYBOARD = [
  "qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm 1q2w3e4r5t6y7u8i9o0p q1w2e3r4t5y6",
]
  .join(" ")
  .split(" ")
  .flatMap((row) => [Buffer.from(row), Uint8Array.from(Buffer.from(row)).toReversed()]);

/** Shortest run that is no accident; a repeated unit of up to 4 bytes has less than 8 of entropy. */
const RUN = 3;
const LONGEST_UNIT = 4;

/** True for a value whose presence in a file may be an accident although it is long enough. */
export function isPredictable(value: Buffer): boolean {
  if (value.length > LONGEST_COMMON) return isRepetition(value);
  const lower = lowerCase(value);
  try {
    return isRepetition(lower) || isDate(lower) || isMadeOfRuns(lower);
  } finally {
    lower.fill(0);
  }
}

/** One unit again and again: `abcabcabc`. */
function isRepetition(value: Buffer): boolean {
  for (let unit = 1; unit <= Math.min(LONGEST_UNIT, value.length / 2); unit++) {
    let at = unit;
    while (at < value.length && value[at] === value[at - unit]) at++;
    if (at === value.length) return true;
  }
  return false;
}

/** `20240131`, `2024-01-31`, `31.01.2024`: changelogs are full of them. */
function isDate(value: Buffer): boolean {
  const isWhole = value.length === 8;
  if (!isWhole && value.length !== 10) return false;
  const digits = value.filter(isDigit);
  if (digits.length !== 8 || value.some(isLetter)) return false;
  const number = (from: number, to: number): number =>
    digits.subarray(from, to).reduce((sum, digit) => sum * 10 + digit - 0x30, 0);
  if (isDay(number(0, 4), number(4, 6), number(6, 8))) return true;
  return !isWhole && isDay(number(4, 8), number(2, 4), number(0, 2));
}

function isDay(year: number, month: number, day: number): boolean {
  return isYear(year) && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

function isYear(year: number): boolean {
  return year >= 1970 && year < 2050;
}

/** True when runs, words and what stands between them are all there is. */
function isMadeOfRuns(value: Buffer): boolean {
  let isSomething = false;
  for (let at = 0; at < value.length;) {
    const length = Math.max(wordAt(value, at), runAt(value, at), yearAt(value, at));
    isSomething ||= length > 0;
    if (length > 0) at += length;
    else if (isSeparator(value[at] ?? 0) || isLoneDigit(value, at)) at++;
    else return false;
  }
  return isSomething;
}

/** Length of the run that begins here: equal, rising or falling, or along the keyboard. */
function runAt(value: Buffer, at: number): number {
  let longest = stepsAt(value, at);
  for (const row of KEYBOARD) longest = Math.max(longest, commonAt(value, at, row));
  return longest >= RUN ? longest : 0;
}

function stepsAt(value: Buffer, at: number): number {
  const step = (value[at + 1] ?? 0) - (value[at] ?? 0);
  if (Math.abs(step) > 1 || isSeparator(value[at] ?? 0)) return 0;
  let end = at + 1;
  while (end < value.length && isStep(value[end - 1] ?? 0, value[end] ?? 0, step)) end++;
  return end - at;
}

/** Zero and nine are neighbours, as on keyboards. */
function isStep(from: number, to: number, step: number): boolean {
  if (!isDigit(to) && !isLetter(to)) return false;
  return to - from === step || (isDigit(from) && isDigit(to) && to - from === -9 * step);
}

/** How far the value goes along a row, from wherever its first character is. */
function commonAt(value: Buffer, at: number, row: Uint8Array): number {
  const start = row.indexOf(value[at] ?? 0);
  if (start < 0) return 0;
  let length = 0;
  while (start + length < row.length && row[start + length] === value[at + length]) length++;
  return length;
}

function yearAt(value: Buffer, at: number): number {
  const digits = value.subarray(at, at + 4);
  const isWhole = digits.length === 4 && digits.every(isDigit) && !isDigit(value[at + 4] ?? 0);
  return isWhole && isYear(digits.reduce((sum, digit) => sum * 10 + digit - 0x30, 0)) ? 4 : 0;
}

/** `password1` is `password`. */
function isLoneDigit(value: Buffer, at: number): boolean {
  return isDigit(value[at] ?? 0) && !isDigit(value[at - 1] ?? 0) && !isDigit(value[at + 1] ?? 0);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isLetter(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a;
}

/** Neither letter nor digit, and ASCII: an umlaut is a letter. */
function isSeparator(byte: number): boolean {
  return !isDigit(byte) && !isLetter(byte) && byte < 0x80;
}
