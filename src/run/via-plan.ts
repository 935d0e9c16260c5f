/** The command line of `run --via`: docker's own flags, and names in place of values. Pure. */
import { UsageError } from "../errors.ts";
import type { Mount } from "./flags/mounts.ts";
import type { ContainerOptions, PlanOptions } from "./options.ts";
import { planRun } from "./plan.ts";
import type { PlannedVariable, RunPlan } from "./plan.ts";
import { secretOfPath } from "./variables.ts";
import { refuseReserved } from "./via-names.ts";

/** A command line for containers that takes docker's flags. */
export type RunTool = "docker" | "podman" | "nerdctl";

/** What to hand over, and to whom. */
export interface RunViaRequest extends Omit<PlanOptions, "image" | "command"> {
  readonly tool: RunTool;
  /** Options of the tool's own, the image and its command: passed on as they are. */
  readonly words: readonly string[];
  readonly strict?: boolean | undefined;
}

/** What is going to run. Names only: `--dry-run` prints it. */
export interface RunViaPlan {
  readonly program: string;
  readonly args: readonly string[];
  /** Names of variables that the tool takes from its own environment. */
  readonly variables: readonly string[];
  readonly run: RunPlan;
}

/** What belongs to the files of a container. */
export interface ViaMounts {
  readonly mounts: readonly Mount[];
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Plans it without an engine. Where files will be mounted from is not known yet: `…` stands for it.
 *
 * @throws {@link UsageError} USAGE without an image, USAGE_CONFLICT for what only docker can do; also
 *   as {@link planRun}
 * @throws {@link PolicyError} POLICY for a variable that would change what the tool itself does
 */
export function planRunVia(request: RunViaRequest): RunViaPlan {
  refuseForeign(request);
  const image = imageOf(request.words);
  const run = planRun({ ...request, image, command: [] });
  const variables = run.env
    .filter(({ from }) => from === "secret" || from === "plain")
    .map(({ name }) => name);
  refuseReserved(variables, request.tool);
  const mounts = run.files.map(({ path }) => ({
    Type: "bind",
    Source: "…",
    Target: path,
    ReadOnly: true,
  }));
  const args = argumentsOf(request, run, { mounts, labels: {} });
  return { program: request.tool, args, variables, run };
}

/** All words after the program's name. */
export function argumentsOf(
  { container = {}, words }: RunViaRequest,
  run: RunPlan,
  { mounts, labels }: ViaMounts,
): string[] {
  return [
    "run",
    ...optionFlags(container),
    ...run.env.flatMap((variable) => variableFlag(variable, run)),
    ...mounts.map((mount) => `--mount=${mountRecord(mount)}`),
    ...Object.entries(labels).map(([name, value]) => `--label=${name}=${value}`),
    ...words,
  ];
}

function variableFlag({ name, from }: PlannedVariable, { files }: RunPlan): string[] {
  // it is among the flags already
  if (from === "option") return [];
  if (from === "path") {
    const path = files.find((file) => file.name === secretOfPath(name))?.path ?? "";
    return [`--env=${name}=${path}`];
  }
  // without a value, the tool takes it from its own environment: any byte, and nobody sees it
  return [`--env=${name}`];
}

/** Docker's flags in their long form, `--flag=value`, so that no value can be taken for a flag. */
export function optionFlags(options: ContainerOptions): string[] {
  return Object.entries(options).flatMap(([name, value]: [string, OptionValue]) =>
    [value ?? []].flat().map((one) => `--${flagOf(name)}=${String(one)}`),
  );
}

type OptionValue = string | boolean | readonly string[] | undefined;

/** `capAdd` is `--cap-add`: the names of the options are docker's. */
function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The value of `--mount`. */
export function mountRecord({ Type, Source, Target, ReadOnly, VolumeOptions = {} }: Mount): string {
  const { NoCopy, Subpath } = VolumeOptions;
  const fields = [
    `type=${Type}`,
    ...(Source === undefined ? [] : [`source=${Source}`]),
    `target=${Target}`,
    ...(ReadOnly === true ? ["readonly"] : []),
    ...(NoCopy === true ? ["volume-nocopy"] : []),
    ...(typeof Subpath === "string" ? [`volume-subpath=${Subpath}`] : []),
  ];
  return fields.map(csvField).join(",");
}

/** As in a line of CSV. */
function csvField(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The first word that is no option. Which options of the tool's own have a value in a word of its
 * own, only the tool knows.
 *
 * @throws {@link UsageError} USAGE when there is none, or one that can't be an image
 */
export function imageOf(words: readonly string[]): string {
  const image = words.find((word) => !word.startsWith("-"));
  if (image !== undefined && /^\w[\w.:/@-]*$/.test(image)) return image;
  const fact = image === undefined ? "there is no image" : "the first word is no image";
  throw new UsageError("USAGE", `${fact} behind the options for the other command`, {
    hint: OWN_OPTIONS,
  });
}

/** How options of the tool's own have to be written. */
export const OWN_OPTIONS = "write them as --name=value: run --via docker … -- --name=value IMAGE";

/** What needs the Engine API, or a create request of our own. */
function refuseForeign({ tool, delivery, strict, agent, variables }: RunViaRequest): void {
  if (variables === "hidden") {
    throw new UsageError("USAGE_CONFLICT", "--env-hidden can't be had with --via", {
      hint: "give each secret as a file: --env-as-file",
    });
  }
  if (tool === "docker") return;
  const asked = [
    ...(delivery === "volume" ? ["--delivery volume"] : []),
    ...(strict === true ? ["--strict"] : []),
    ...(agent === true ? ["--agent"] : []),
  ];
  const [first] = asked;
  if (first === undefined) return;
  throw new UsageError("USAGE_CONFLICT", `${first} can't be had with --via ${tool}`, {
    hint: "it needs docker's Engine API: leave it out, or use --via docker",
  });
}
