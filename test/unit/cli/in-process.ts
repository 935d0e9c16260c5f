import { PassThrough } from "node:stream";
import { run } from "../../../src/cli/program.ts";
import type { World } from "../../support/temp.ts";

/** What one call did. */
export interface Called {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: string;
  readonly signal?: AbortSignal;
}

/** Calls the command line in this process, in a world of its own. */
export async function call(
  world: World,
  argv: readonly string[],
  options: CallOptions = {},
): Promise<Called> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(options.stdin ?? "");
  const texts = [stdout, stderr].map((stream) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
    return () => Buffer.concat(chunks).toString();
  });
  const code = await run(argv, {
    env: { ...world.env, ...options.env },
    cwd: world.cwd,
    home: world.home,
    platform: "linux",
    stdin,
    stdout,
    stderr,
    signal: options.signal ?? new AbortController().signal,
    readerIsGone: () => false,
    onSignal: () => () => undefined,
    program: options.program ?? "sealmount",
    version: () => "1.2.3",
  });
  const [out = "", err = ""] = texts.map((text) => text());
  return { code, stdout: out, stderr: err };
}
