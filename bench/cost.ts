/** What a whole process costs: wall time, CPU time and memory, as the kernel counts them. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** One run of a whole process. */
export interface Cost {
  /** Milliseconds. */
  readonly wall: number;
  /** Milliseconds, user and system, of the process and its children. */
  readonly cpu: number;
  /** Of the largest process, in MB. */
  readonly memory: number;
}

/** A process that can be measured. */
export interface Measurable {
  readonly command: readonly string[];
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Milliseconds after which a program counts as one that does not end. */
const LONGEST = 300_000;

/** Runs it once, its output thrown away. @throws Error when it does not end, or does not exit 0 */
export async function costOf({ command, cwd, env }: Measurable): Promise<Cost> {
  const script = join(import.meta.dirname, "rusage.py");
  const ran = await promisify(execFile)("/usr/bin/python3", [script, "1", ...command], {
    cwd,
    env: { ...env },
    timeout: LONGEST,
  });
  const [cpu = 0, wall = 0, memory = 0] = ran.stdout.trim().split(" ").map(Number);
  return { cpu: cpu / 1000, wall: wall / 1000, memory: memory / 1024 };
}

/** The middle value; of two in the middle, their mean. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}
