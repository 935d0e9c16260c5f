import { codeOf } from "./read-key-file.ts";

/** A program to run for its output. */
export interface CommandOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** `inherit`: it can ask its user something. `pipe`: collected, up to the limit. */
  readonly stderr: "inherit" | "pipe";
  /** The program is killed when it prints more bytes. */
  readonly maxBytes: number;
  readonly timeLimitMs: number;
}

/** How a program ended, and what it printed. */
export interface CommandOutcome {
  /** Why it could not start, such as ENOENT; the rest is then empty. */
  readonly notStarted?: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** We killed it. */
  readonly killed?: "time" | "size";
  /** The caller wipes it. */
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program without stdin and collects what it prints, in buffers that can be wiped. */
export async function runCommand(options: CommandOptions): Promise<CommandOutcome> {
  const { spawn } = await import("node:child_process");
  return new Promise((resolve) => {
    const child = spawn(options.program, options.args, {
      env: options.env,
      stdio: ["ignore", "pipe", options.stderr],
    });
    const stdout = new Chunks();
    const stderr = new Chunks();
    let killed: "time" | "size" | undefined;
    const kill = (why: "time" | "size"): void => {
      killed ??= why;
      child.kill("SIGKILL");
      // a process that it left behind may hold the pipe open for ever
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = setTimeout(() => kill("time"), options.timeLimitMs);
    for (const [stream, chunks] of [
      [child.stdout, stdout] as const,
      [child.stderr, stderr] as const,
    ]) {
      stream?.on("data", (chunk: Buffer) => {
        if (chunks.add(chunk) > options.maxBytes) kill("size");
      });
    }
    const finish = (end: Pick<CommandOutcome, "notStarted" | "code" | "signal">): void => {
      clearTimeout(timer);
      const output = { stdout: stdout.take(), stderr: String(stderr.take()) };
      resolve({ ...end, ...output, ...(killed === undefined ? {} : { killed }) });
    };
    child.on("error", (error) => finish({ notStarted: codeOf(error), code: null, signal: null }));
    child.on("close", (code, signal) => finish({ code, signal }));
  });
}

/** What came so far; wiped when it is put together. */
class Chunks {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** @returns bytes in all */
  add(chunk: Buffer): number {
    this.#chunks.push(chunk);
    return (this.#length += chunk.length);
  }

  take(): Buffer {
    const all = Buffer.alloc(this.#length);
    let at = 0;
    for (const chunk of this.#chunks.splice(0)) {
      all.set(chunk, at);
      at += chunk.length;
      chunk.fill(0);
    }
    this.#length = 0;
    return all;
  }
}
