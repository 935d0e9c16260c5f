import type { OptionSpec } from "./spec.ts";
import type { Split } from "./split-words.ts";

/**
 * Splits the words of a call that is written plainly: known options, each value in a word of its own,
 * or after `=` of a long one. Loading commander costs half as much as starting Node, so it is left to
 * the calls that need it: mistakes, short options in one word, everything unusual.
 *
 * @returns null for a call that is not plain; otherwise exactly what commander would give
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
      const found = readOption(known, word, words[at + 1]);
      if (found === null) return null;
      parsed[found.long] = append(parsed[found.long], found.value);
      at += found.words;
    } else {
      if (stopAtOperand) return { parsed, operands: words.slice(at) };
      operands.push(word);
      at++;
    }
  }
  return { parsed, operands };
}

interface PlainOption {
  readonly long: string;
  /** Undefined for a switch. */
  readonly value?: string;
  /** How many words it takes. */
  readonly words: 1 | 2;
}

function readOption(
  known: ReadonlyMap<string, OptionSpec>,
  word: string,
  next: string | undefined,
): PlainOption | null {
  // what follows a short option's letter is its value, `=` included
  const [name = "", ...rest] = word.startsWith("--") ? word.split("=") : [word];
  const option = known.get(name);
  if (option === undefined) return null;
  const { long } = option;
  if (option.value === undefined) return rest.length > 0 ? null : { long, words: 1 };
  if (rest.length > 0) return { long, value: rest.join("="), words: 1 };
  return next === undefined ? null : { long, value: next, words: 2 };
}

function append(
  before: true | readonly string[] | undefined,
  value: string | undefined,
): true | readonly string[] {
  if (value === undefined) return true;
  return before === undefined || before === true ? [value] : [...before, value];
}
