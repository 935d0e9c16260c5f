/** How secrets that are variables travel, as far as names tell: pure. */
import { UsageError } from "../errors.ts";
import type { VariableDelivery } from "../manifest/model.ts";
import { DEFAULT_FOLDER } from "./file-target.ts";
import { ENV_FILE, GATE_FOLDER } from "./gate/gate.ts";
import type { FileRequest, PlanEntry } from "./options.ts";
import { IMAGE_USER } from "./owner.ts";

/** What a mode is decided on. */
export interface VariableFacts {
  readonly entries: readonly PlanEntry[];
  /** Requests of `--file`. */
  readonly files: readonly FileRequest[];
  /** Names of `-e` and `--env-file`, which win. */
  readonly typed: ReadonlySet<string>;
}

const SUFFIX = "_FILE";

/** Mode of a file that stands for a variable. */
const FILE_MODE = 0o400;

/** The secret behind `NAME_FILE`. */
export function secretOfPath(name: string): string {
  return name.slice(0, -SUFFIX.length);
}

/** `NAME_FILE` of a secret. */
export function pathVariable(name: string): string {
  return `${name}${SUFFIX}`;
}

/**
 * The secrets that would be variables.
 *
 * @returns their names, in the order of the entries
 */
export function secretVariables({ entries, files, typed }: VariableFacts): string[] {
  const asked = new Set(files.map(({ name }) => name));
  const left = entries.filter(
    ({ name, sensitive, file }) =>
      sensitive && file === undefined && !asked.has(name) && !typed.has(name),
  );
  return left.map(({ name }) => name);
}

/**
 * File requests in place of variables: the program's own user reads them, nobody else.
 *
 * @throws {@link UsageError} USAGE_CONFLICT when an entry has the name that a path would get
 */
export function filesForVariables(
  facts: VariableFacts,
  names: readonly string[],
  defaults: { readonly owner?: string | undefined; readonly mode?: number | undefined },
): FileRequest[] {
  const { owner = IMAGE_USER, mode = FILE_MODE } = defaults;
  return names.map((name) => {
    const variable = pathVariable(name);
    const clash = facts.entries.some((entry) => entry.name === variable && !entry.sensitive);
    if (clash && !facts.typed.has(variable)) {
      throw new UsageError(
        "USAGE_CONFLICT",
        `${variable} would be the path of ${name}'s file, and is set`,
        {
          hint: `rename one of them, or give ${name} a path: --file ${name}=${DEFAULT_FOLDER}/${name}`,
        },
      );
    }
    return { name, owner, mode };
  });
}

/** Paths that no other file or mount can have. */
export function targetsOfVariables(mode: VariableDelivery, names: readonly string[]): string[] {
  return mode === "hidden" && names.length > 0 ? [ENV_FILE, GATE_FOLDER] : [];
}

/** How many names a line holds. */
const SHOWN = 5;

/** The one warning about plain variables; none when they were asked for. */
export function plainWarnings(
  asked: VariableDelivery | undefined,
  names: readonly string[],
): string[] {
  if (asked !== undefined || names.length === 0) return [];
  const rest = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return [
    `${names.slice(0, SHOWN).join(", ")}${rest} can be read in docker inspect, on the engine's disk ` +
      "(also after rm) and in a docker commit: hide with --env-hidden or --file, or say --env-plain",
  ];
}
