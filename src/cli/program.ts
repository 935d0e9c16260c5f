import { resolve } from "node:path";
import { bugOf, type Failure, renderJson, renderText } from "./render-error.ts";
import { findCommand, type Found } from "./find-command.ts";
import { renderCommand, renderGroup, renderOverview } from "./help.ts";
import type { Env, Host } from "./host.ts";
import { Output } from "./output.ts";
import { parseWords } from "./parse.ts";
import { isPluginCall, METADATA_WORD, pluginMetadata, stripPluginWords } from "./plugin.ts";
import type { Context } from "./spec.ts";
import { SPECS } from "./specs.ts";
import { GLOBAL } from "./specs/options.ts";
import type { UsageProblem } from "./usage.ts";
import { Values } from "./values.ts";

const WRONG_USAGE = 2;
const BEFORE_START = 125;

/** Codes that `run` and `exec` keep; every other failure of ours is 125 there, as with docker. */
const KEPT_CODES: readonly number[] = [1, 2, 3, 4, 5, 9, 126, 127, 130];

/**
 * The command line without the process: words in, exit code out. Nothing here exits, reads
 * `process`, or prints anywhere but to the host's streams. `--help` loads specs and no library.
 *
 * @param argv - the words after the program's name
 * @returns the exit code
 */
export async function run(argv: readonly string[], host: Host): Promise<number> {
  if (argv[0] === METADATA_WORD) {
    host.stdout.write(pluginMetadata(host.version()));
    return 0;
  }
  const call = isPluginCall(host.program, host.env, argv)
    ? stripPluginWords(argv, host.env)
    : { argv, env: host.env };
  const found = findCommand(call.argv, SPECS);
  const out = new Output(host, {
    isJson: found.wantsJson,
    wantsColor: (call.env["NO_COLOR"] ?? "") === "" && !call.argv.includes("--no-color"),
  });
  try {
    return await answer(found, host, { env: call.env, out });
  } catch (error) {
    return fail(bugOf(error, false), out);
  } finally {
    out[Symbol.dispose]();
  }
}

/** What holds for one call: the environment after docker's flags, and where it writes. */
interface Call {
  readonly env: Env;
  readonly out: Output;
}

/** Help, version or a wrong word are answered here; a command goes on. */
async function answer(found: Found, host: Host, call: Call): Promise<number> {
  const { out } = call;
  switch (found.kind) {
    case "overview":
      out.raw(found.asked ? "stdout" : "stderr", renderOverview(SPECS, host.version()));
      return found.asked ? 0 : WRONG_USAGE;
    case "version":
      out.data(host.version());
      return 0;
    case "group":
      out.raw("stdout", renderGroup(found.group, found.specs));
      return 0;
    case "help":
      out.raw("stdout", renderCommand(found.spec));
      return 0;
    case "problem":
      return refuse(found.problem, out);
    case "command":
      return perform(found, host, call);
  }
}

async function perform(
  { spec, words }: Found & { kind: "command" },
  host: Host,
  { env, out }: Call,
): Promise<number> {
  const options = [...spec.options, ...GLOBAL];
  const result = await parseWords(spec, options, words);
  if ("problem" in result) return refuse(result.problem, out);
  const values = new Values(options, result.parsed, env);
  const context: Context = {
    host,
    cwd: resolve(host.cwd, values.get("cwd") ?? "."),
    env,
    values,
    operands: result.operands,
    out,
  };
  try {
    const { handle } = await spec.load();
    return await handle(context);
  } catch (error) {
    const { failureOf } = await import("./failure.ts");
    const debug = values.flag("debug");
    const failure = failureOf(error, debug) ?? bugOf(error, debug);
    if (failure.code === "INTERRUPTED" && host.readerIsGone()) return failure.exitCode;
    return fail(spec.exits.includes(BEFORE_START) ? asDocker(failure) : failure, out);
  }
}

/** A wrong call, with the library's help for a word that is nearly right. */
async function refuse(problem: UsageProblem, out: Output): Promise<number> {
  const { usageFailure } = await import("./failure.ts");
  return fail(usageFailure(problem), out);
}

function asDocker(failure: Failure): Failure {
  const exitCode = KEPT_CODES.includes(failure.exitCode) ? failure.exitCode : BEFORE_START;
  return { ...failure, exitCode };
}

function fail(failure: Failure, out: Output): number {
  const text = out.isJson
    ? renderJson(failure)
    : renderText(failure, (word) => out.paint("1;31", word));
  out.raw("stderr", text);
  return failure.exitCode;
}
