import type { OptionSpec } from "./spec.ts";
import type { Split } from "./split-words.ts";
import { isBoolean } from "./values.ts";

/**
 * Splits the words of a call without a mistake, as docker's own client does: a value in a word of its
 * own, after `=`, or right after a short option's letter; letters of switches in one word; switches
 * with `=true` and `=false`. Loading commander costs half as much as starting Node, so it is left to
 * find out what a mistake is.
 *
 * @returns null for a call with a mistake
 */
export function splitPlainWords(
  options: readonly OptionSpec[],
  words: readonly string[],
  stopAtOperand: boolean,
): Split | null {
  const known = new Map(
    options.flatMap((option): [string, OptionSpec][] => [
      [`--${option.long}`, option],
      ...(option.short === undefined ? [] : [[`-${option.short}`, option] as [string, OptionSpec]]),
    ]),
  );
  const parsed: Record<string, true | readonly string[]> = {};
  const operands: string[] = [];
  let at = 0;
  while (at < words.length) {
    const word = words[at] ?? "";
    if (word === "--") return { parsed, operands: [...operands, ...words.slice(at + 1)] };
    if (word.length > 1 && word.startsWith("-")) {
      const found = readWord(known, word, words[at + 1]);
      if (found === null) return null;
      for (const { long, value } of found.options) parsed[long] = append(parsed[long], value);
      at += found.words;
    } else {
      if (stopAtOperand) return { parsed, operands: words.slice(at) };
      operands.push(word);
      at++;
    }
  }
  return { parsed, operands };
}

/** The options that one word holds, with the word after it where that is a value. */
interface Found {
  readonly options: readonly PlainOption[];
  /** How many words it takes. */
  readonly words: 1 | 2;
}

interface PlainOption {
  readonly long: string;
  /** Undefined for a switch without one. */
  readonly value?: string;
}

type Known = ReadonlyMap<string, OptionSpec>;

function readWord(known: Known, word: string, next: string | undefined): Found | null {
  return word.startsWith("--") ? readLong(known, word, next) : readShort(known, word, next);
}

function readLong(known: Known, word: string, next: string | undefined): Found | null {
  const at = word.indexOf("=");
  const option = known.get(at < 0 ? word : word.slice(0, at));
  if (option === undefined) return null;
  const { long } = option;
  const value = at < 0 ? undefined : word.slice(at + 1);
  if (option.value === undefined) return readSwitch(long, value);
  return value === undefined ? readValue(long, next, 2) : readValue(long, value, 1);
}

function readSwitch(long: string, value: string | undefined): Found | null {
  if (value === undefined) return { options: [{ long }], words: 1 };
  return isBoolean(value) ? { options: [{ long, value }], words: 1 } : null;
}

/** `-it`, `-p80:80`, `-p=80:80`, `-itv /a:/b`, `-t=false`. */
function readShort(known: Known, word: string, next: string | undefined): Found | null {
  const options: PlainOption[] = [];
  for (let at = 1; at < word.length; at++) {
    const option = known.get(`-${word[at]}`);
    if (option === undefined) return null;
    const { long } = option;
    const rest = word.slice(at + 1);
    if (option.value === undefined && !rest.startsWith("=")) {
      options.push({ long });
      continue;
    }
    const value = rest.replace(/^=/, "");
    const last =
      option.value === undefined
        ? readSwitch(long, value)
        : readValue(long, rest === "" ? next : value, rest === "" ? 2 : 1);
    return last && { options: [...options, ...last.options], words: last.words };
  }
  return { options, words: 1 };
}

function readValue(long: string, value: string | undefined, words: 1 | 2): Found | null {
  return value === undefined ? null : { options: [{ long, value }], words };
}

function append(
  before: true | readonly string[] | undefined,
  value: string | undefined,
): true | readonly string[] {
  if (value === undefined) return true;
  return before === undefined || before === true ? [value] : [...before, value];
}
