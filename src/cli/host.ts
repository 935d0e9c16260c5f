import type { Readable, Writable } from "node:stream";

/**
 * The outside world as the command line sees it. Only `main.ts` fills it from `process`; a test
 * fills it with buffers and a folder of its own.
 */

/** Environment variables, read once at the start. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Standard input. `setRawMode` exists on a terminal only. */
export interface HostInput extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

/** Standard output or error; `columns` and `rows` in characters, on a terminal only. */
export interface HostOutput extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Everything that a command may touch of the process it runs in. */
export interface Host {
  readonly env: Env;
  readonly cwd: string;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly stdin: HostInput;
  readonly stdout: HostOutput;
  readonly stderr: HostOutput;
  /** Aborted by the first SIGINT, SIGTERM, SIGHUP or SIGQUIT that no command asked to get itself. */
  readonly signal: AbortSignal;
  /** Whether the reader of stdout or stderr went away: there is nobody left to tell anything. */
  readerIsGone(this: void): boolean;
  /**
   * Hands signals to a command that passes them on to a program, instead of aborting it.
   *
   * @param more - signals beside those that would abort it
   * @returns stops it again
   */
  onSignal(
    this: void,
    listener: (signal: NodeJS.Signals) => void,
    more?: readonly NodeJS.Signals[],
  ): () => void;
  /** Base name of the program file as it was called: `docker-sealmount` makes us a docker plugin. */
  readonly program: string;
  /** Version of this package. */
  version(): string;
}
