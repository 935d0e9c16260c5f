/** A connection over the standard streams of an `ssh` process. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { Socket } from "node:net";
import { Duplex } from "node:stream";

import { DockerError, errnoOf } from "../errors.ts";
import { escapeControl } from "./errors.ts";

/** What to run. */
export interface SshCall {
  /** The host as the user knows it, for errors. */
  readonly shown: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How much of ssh's own words an error quotes, in characters: the last ones. */
const MAX_WORDS = 1_000;
/** How long a connection without a request is kept, in ms. */
const KEEP_MS = 5_000;

/** Lives as long as the process, and the process as long as it. */
export class SshConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #shown: string;
  #words = "";
  #idle: NodeJS.Timeout | undefined;

  constructor({ shown, args, env }: SshCall) {
    super();
    this.#shown = shown;
    // a session of its own, as docker does it: ^C is for us, who close the connection when all is done
    const child = spawn("ssh", [...args], { env: { ...env }, stdio: "pipe", detached: true });
    this.#child = child;
    child.on("error", (error) => this.destroy(this.#noProgram(error)));
    child.on("close", (code) => this.#ended(code));
    // how the process ends tells more
    child.stdin.on("error", () => undefined);
    child.stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#words = (this.#words + text).slice(-MAX_WORDS);
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    this.#child.stdin.write(chunk, encoding, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#child.kill();
    done(error);
  }

  /** Called when a request takes it; together with {@link unref} what node's Agent asks of sockets. */
  ref(): this {
    clearTimeout(this.#idle);
    this.#child.ref();
    for (const pipe of this.#pipes) pipe.ref();
    return this;
  }

  /** Called when no request has it: the process may end then, ours too. */
  unref(): this {
    this.#child.unref();
    for (const pipe of this.#pipes) pipe.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.destroy(), KEEP_MS).unref();
    return this;
  }

  /** Node's Agent calls these; ssh sees to its connection itself. */
  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  get #pipes(): readonly Socket[] {
    const { stdin, stdout, stderr } = this.#child;
    return [stdin, stdout, stderr].filter((pipe) => pipe instanceof Socket);
  }

  #ended(code: number | null): void {
    if (code === 0) this.push(null);
    else this.destroy(this.#failed());
  }

  #failed(): DockerError {
    const words = escapeControl(this.#words.trim().replace(/\r?\n/g, "; "));
    const said = words === "" ? "" : `: ${words}`;
    const message = `ssh could not connect to the docker engine at ${escapeControl(this.#shown)}${said}`;
    return new DockerError("DOCKER_UNREACHABLE", message, {
      hint: "make ssh to this host work without questions: ssh HOST docker version",
    });
  }

  #noProgram(error: Error): DockerError {
    const what = `ssh can't be started (${errnoOf(error)}) to reach ${escapeControl(this.#shown)}`;
    return new DockerError("DOCKER_UNREACHABLE", what, { hint: "install the OpenSSH client" });
  }
}
