import type { CommandSpec, OptionSpec } from "./spec.ts";
import { GLOBAL } from "./specs/options.ts";
import type { UsageProblem } from "./usage.ts";

/** What a call asks for, found without a parser: help must cost as little as it can. */
export type Found = { readonly wantsJson: boolean } & (
  | { readonly kind: "overview"; readonly asked: boolean }
  | { readonly kind: "version" }
  | { readonly kind: "group"; readonly group: string; readonly specs: readonly CommandSpec[] }
  | { readonly kind: "help"; readonly spec: CommandSpec }
  | { readonly kind: "command"; readonly spec: CommandSpec; readonly words: readonly string[] }
  | { readonly kind: "problem"; readonly problem: UsageProblem }
);

type Answer = Found extends infer F ? (F extends unknown ? Omit<F, "wantsJson"> : never) : never;

/**
 * Finds the command among the words. Options may stand in front of it; they are handed on with the
 * words after it. What was typed is never repeated: it may be a value in the wrong place.
 */
export function findCommand(argv: readonly string[], specs: readonly CommandSpec[]): Found {
  const at = firstOperand(argv, [...specs.flatMap(({ options }) => options), ...GLOBAL]);
  const front = argv.slice(0, at);
  const spec = specs.find(({ name }) => isPrefix(name.split(" "), argv.slice(at)));
  if (spec === undefined)
    return { ...noCommand(front, argv.slice(at), specs), wantsJson: hasJson(argv) };
  const rest = argv.slice(at + spec.name.split(" ").length);
  const own = ownWords(spec, rest);
  const wantsJson = hasJson([...front, ...own]);
  if ([...front, ...own].includes("--help")) return { kind: "help", spec, wantsJson };
  return { kind: "command", spec, words: [...front, ...rest], wantsJson };
}

function noCommand(
  front: readonly string[],
  words: readonly string[],
  specs: readonly CommandSpec[],
): Answer {
  const [first, ...rest] = words;
  if (front.includes("--help") || first === "help") return { kind: "overview", asked: true };
  if (front.includes("--version")) return { kind: "version" };
  if (first === undefined) return { kind: "overview", asked: false };
  const group = specs.filter(({ name }) => name.startsWith(`${first} `));
  if (group.length === 0) return { kind: "problem", problem: unknown(first, "", specs) };
  if (rest[0] === "--help") return { kind: "group", group: first, specs: group };
  return { kind: "problem", problem: unknown(`${first} ${rest[0] ?? ""}`, first, group) };
}

function unknown(typed: string, group: string, specs: readonly CommandSpec[]): UsageProblem {
  const parent = group === "" ? "sealmount" : `sealmount ${group}`;
  return {
    code: "USAGE_UNKNOWN",
    message: `${parent} has no such command`,
    hint: `${parent} --help`,
    guess: { typed, known: specs.map(({ name }) => name) },
  };
}

/** Index of the first word that is neither an option nor the value of one. */
function firstOperand(words: readonly string[], options: readonly OptionSpec[]): number {
  let at = 0;
  while (at < words.length && words[at]?.startsWith("-")) {
    const word = words[at] ?? "";
    at += takesNext(word, options) ? 2 : 1;
    if (word === "--") break;
  }
  return Math.min(at, words.length);
}

function takesNext(word: string, options: readonly OptionSpec[]): boolean {
  const valued = options.filter(({ value }) => value !== undefined);
  if (word.startsWith("--")) return valued.some(({ long }) => word === `--${long}`);
  // `-itv` takes the next word, `-vx` and `-v=x` have theirs
  const letters = valued.map(({ short = "" }) => short).join("");
  return letters !== "" && new RegExp(`^-[^${letters}]*[${letters}]$`).test(word);
}

/** The words that are ours: all of them up to `--`, or up to the first operand. */
function ownWords(spec: CommandSpec, words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  const before = end < 0 ? words : words.slice(0, end);
  if (!spec.stopAtOperand) return before;
  return before.slice(0, firstOperand(before, [...spec.options, ...GLOBAL]));
}

function isPrefix(name: readonly string[], words: readonly string[]): boolean {
  return name.every((part, i) => part === words[i]);
}

function hasJson(words: readonly string[]): boolean {
  return words.includes("--json");
}
