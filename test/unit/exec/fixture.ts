/**
 * A process that runs `exec` and ends with its exit code, as the command line does. Reads its
 * options as JSON from the file named by the first argument; values and files of a test only.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { SealmountError } from "../../../src/errors.ts";
import { exec, type ExecOptions } from "../../../src/exec/exec.ts";
import { Secret } from "../../../src/secret/secret.ts";

interface Options {
  readonly command: readonly string[];
  readonly entries: readonly {
    name: string;
    value: string;
    file?: { path: string; mode?: number };
  }[];
  readonly piped?: boolean;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the test beside it
const { command, entries, piped } = JSON.parse(
  readFileSync(process.argv[2] ?? "", "utf8"),
) as Options;

const options: ExecOptions = {
  command,
  entries: entries.map((entry) => ({
    ...entry,
    value: Secret.take(entry.name, Buffer.from(entry.value)),
  })),
  env: process.env,
  cwd: process.cwd(),
  stdio: piped === true ? { stdout: process.stdout, stderr: process.stderr } : "inherit",
};
process.stdout.on("error", () => undefined);

try {
  process.exitCode = (await exec(options)).exitCode;
} catch (error) {
  if (!(error instanceof SealmountError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
