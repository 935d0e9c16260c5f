/** Watches `/proc/PID/cmdline` of every process on the machine for secrets in arguments. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { formsOf } from "./canary.ts";
import { parseJson } from "./json.ts";

export interface ArgvWatch {
  /** Stops, and returns what was seen: `FORM in PROGRAM`; empty when no process had one. */
  stop(): Promise<readonly string[]>;
}

/**
 * Watches until it is stopped, in a process of its own so that a busy test does not blind it. The
 * needles go to it on stdin: in its arguments it would find itself.
 */
export async function watchArguments(canaries: readonly string[]): Promise<ArgvWatch> {
  const child = spawn("/usr/bin/python3", [join(import.meta.dirname, "argv-watch.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  for (const form of canaries.flatMap((value) => formsOf(value))) {
    child.stdin.write(`${JSON.stringify(Buffer.from(form).toString("hex"))}\n`);
  }
  child.stdin.write("\n");
  await once(child.stdout, "data");
  return {
    async stop() {
      child.stdin.end();
      await once(child, "close");
      const seen = parseJson<readonly (readonly [string, string])[]>(
        output.slice(output.indexOf("[")),
      );
      return seen.map(([hex, program]) => `${Buffer.from(hex, "hex").toString()} in ${program}`);
    },
  };
}
