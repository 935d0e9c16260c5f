import type { ArgumentSpec, CommandSpec, ExitCode, OptionSpec } from "./spec.ts";
import { GLOBAL } from "./specs/options.ts";

/**
 * The words of `--help`, made from specs alone: pure, and the only thing that help loads.
 */

const WIDTH = 92;
const TAB = "  ";

/** What each exit code means, as design and README list them. */
export const EXIT_MEANING: Readonly<Record<ExitCode, string>> = {
  0: "done",
  1: "a bug of sealmount",
  2: "wrong usage",
  3: "manifest invalid, or a secret is missing",
  4: "no usable key",
  5: "a value does not open, or is bound elsewhere",
  6: "Docker engine unreachable or refused",
  7: "the build failed",
  8: "a leak was found",
  9: "refused by policy",
  125: "our own failure before the program started",
  126: "the program can't be executed",
  127: "there is no such program",
  130: "interrupted",
};

/** The page of `sealmount --help`. */
export function renderOverview(specs: readonly CommandSpec[], version: string): string {
  const rows = specs.map((spec): Row => [spec.name, spec.summary]);
  return page([
    [`sealmount ${version}: secrets for container builds and containers, sealed in git`],
    ["Usage:", `${TAB}sealmount [OPTIONS] COMMAND …`, `${TAB}docker sealmount COMMAND …`],
    ["Commands:", ...table(rows)],
    ["Options:", ...table([...GLOBAL.map(optionRow), ["--version", "show the version"]])],
    ["See also:", `${TAB}sealmount COMMAND --help: options, three examples, exit codes`],
  ]);
}

/** The page of `sealmount COMMAND --help`. */
export function renderCommand(spec: CommandSpec): string {
  const exits = spec.exits.map((code): Row => [String(code), EXIT_MEANING[code]]);
  const own = spec.options.filter(({ hidden }) => hidden !== true).map(optionRow);
  return page([
    [`sealmount ${spec.name}: ${spec.summary}`],
    ["Usage:", `${TAB}${usageOf(spec)}`],
    section("Arguments:", spec.arguments.map(argumentRow)),
    section("Options:", own),
    section("Options of every command:", GLOBAL.map(optionRow)),
    spec.notes === undefined ? [] : ["Notes:", ...spec.notes.flatMap((note) => wrap(note, TAB))],
    ["Examples:", ...spec.examples.flatMap(({ does, line }) => [`${TAB}# ${does}`, TAB + line])],
    section("Exit codes:", exits),
  ]);
}

/** The page of `sealmount key --help`: commands that share a first word. */
export function renderGroup(group: string, specs: readonly CommandSpec[]): string {
  return page([
    [`sealmount ${group}: ${specs.map(({ name }) => name.slice(group.length + 1)).join(", ")}`],
    section(
      "Commands:",
      specs.map((spec): Row => [spec.name, spec.summary]),
    ),
    ["See also:", `${TAB}sealmount ${group} COMMAND --help`],
  ]);
}

/** `sealmount set [OPTIONS] NAME`. */
export function usageOf(spec: CommandSpec): string {
  return ["sealmount", spec.name, "[OPTIONS]", ...spec.arguments.map(argumentName)].join(" ");
}

type Row = readonly [left: string, right: string];

function argumentName({ name, optional, repeat }: ArgumentSpec): string {
  const text = repeat ? `${name}…` : name;
  return optional ? `[${text}]` : text;
}

function argumentRow(argument: ArgumentSpec): Row {
  return [argumentName(argument), argument.about];
}

function optionRow(option: OptionSpec): Row {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const value = valueName(option);
  return [`${short}--${option.long}${value}`, option.about + tail(option)];
}

function valueName({ value, implied }: OptionSpec): string {
  if (value === undefined) return "";
  return implied === undefined ? ` ${value}` : `[=${value}]`;
}

function tail({ variable, fallback, repeat, choices }: OptionSpec): string {
  const parts = [
    choices === undefined ? "" : `one of: ${choices.join(", ")}`,
    repeat ? "may be repeated" : "",
    variable === undefined ? "" : `variable: ${variable}`,
    fallback === undefined ? "" : `default: ${fallback}`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` (${parts.join("; ")})`;
}

function section(title: string, rows: readonly Row[]): readonly string[] {
  return rows.length === 0 ? [] : [title, ...table(rows)];
}

function table(rows: readonly Row[]): string[] {
  const left = Math.min(26, Math.max(...rows.map(([name]) => name.length)));
  const indent = TAB + " ".repeat(left + 2);
  return rows.flatMap(([name, about]) => {
    const [first = "", ...more] = wrap(about, indent);
    // a long left column gets a line of its own
    if (name.length > left) return [TAB + name, first, ...more];
    return [TAB + name.padEnd(left + 2) + first.trimStart(), ...more];
  });
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

function page(sections: readonly (readonly string[])[]): string {
  const filled = sections.filter((lines) => lines.length > 0);
  return `${filled.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}
