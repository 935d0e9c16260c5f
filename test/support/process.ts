/** Runs a program as a process and keeps what it did. */
import { spawn } from "node:child_process";

export interface RunOptions {
  /** Bytes for its stdin, which is then closed; left out: an empty stdin. */
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  /** Its whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** It is sent `signal` as soon as its output holds `on`: a Ctrl-C at a known moment. */
  readonly interrupt?: { readonly on: string; readonly signal: NodeJS.Signals };
  /** Milliseconds until it is killed; 60,000 if left out. */
  readonly timeout?: number;
}

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout and stderr as they came, byte for byte. */
  readonly bytes: Buffer;
}

/** Runs `program` to its end. Never rejects because of an exit code. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Ran> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const all: Buffer[] = [];
  let { interrupt } = options;
  const collect = (stream: NodeJS.ReadableStream): Buffer[] => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      all.push(chunk);
      if (interrupt !== undefined && Buffer.concat(all).includes(interrupt.on)) {
        child.kill(interrupt.signal);
        interrupt = undefined; // once
      }
    });
    return chunks;
  };
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.stdin.on("error", () => undefined); // it may end before it has read its input
  child.stdin.end(options.stdin ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 60_000);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
      (resolve, reject) => {
        child.on("error", reject).on("close", (...ended) => resolve(ended));
      },
    );
    return {
      code,
      signal,
      stdout: textOf(stdout),
      stderr: textOf(stderr),
      bytes: Buffer.concat(all),
    };
  } finally {
    clearTimeout(timer);
  }
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString();
}
