import { basename } from "node:path";
import { UsageError } from "../errors.ts";

/** A value, as far as a plan needs it. */
export interface PlannedValue {
  readonly name: string;
  /** Delivered as a file. */
  readonly file?: { readonly path: string; readonly mode?: number } | undefined;
}

/** A file that the program gets, in a private folder on tmpfs. */
export interface ExecFile {
  readonly name: string;
  /** Variable that holds its path. */
  readonly variable: string;
  /** Path below the private folder. */
  readonly path: string;
  readonly mode: number;
}

/** What an exec will do: names only, never a value. */
export interface ExecPlan {
  readonly command: readonly string[];
  /** Variables that hold values. */
  readonly variables: readonly string[];
  readonly files: readonly ExecFile[];
}

const DEFAULT_MODE = 0o600;

/**
 * Plans a local program.
 *
 * The path of a `file` value belongs to a container: here, such a value becomes a file in a private
 * folder, and the variable `<NAME>_FILE` holds its path, as images on Docker Hub know it. Its owner
 * is whoever runs the program.
 *
 * @throws {@link UsageError} USAGE without a command; USAGE_CONFLICT when such a variable has the
 * name of another value
 */
export function planExec(options: {
  readonly command: readonly string[];
  readonly entries: readonly PlannedValue[];
}): ExecPlan {
  const { command, entries } = options;
  if (command[0] === undefined || command[0] === "") {
    const hint = "sealmount exec -- npm start";
    throw new UsageError("USAGE", "there is no program to run", { hint });
  }
  const variables = entries.filter(({ file }) => file === undefined).map(({ name }) => name);
  const files = entries.flatMap((entry) => planFile(entry) ?? []);
  refuseClashes(variables, files);
  return { command, variables, files };
}

function planFile({ name, file }: PlannedValue): ExecFile | null {
  if (file === undefined) return null;
  // what no variable may be called, such as a dash or the slash of a [[secret_files]] value
  const word = name.replaceAll(/[^A-Za-z0-9_]/gu, "_");
  // a folder for each keeps the file's own name, whose extension some programs look at
  const path = `${word}/${basename(file.path)}`;
  return { name, variable: `${word}_FILE`, path, mode: file.mode ?? DEFAULT_MODE };
}

function refuseClashes(variables: readonly string[], files: readonly ExecFile[]): void {
  const taken = new Map(variables.map((name) => [name, name]));
  for (const { name, variable } of files) {
    const other = taken.get(variable);
    if (other !== undefined) {
      const message = `the path of the file ${name} and ${other} would both be ${variable}`;
      throw new UsageError("USAGE_CONFLICT", message, { hint: `leave one out: --except ${name}` });
    }
    taken.set(variable, `the path of the file ${name}`);
  }
}
