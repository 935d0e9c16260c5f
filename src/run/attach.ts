/** The container's streams: input, output, terminal and signals. */
import { Writable } from "node:stream";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

import { demux } from "../docker/demux.ts";
import type { Engine } from "../docker/engine.ts";
import { streamsOf } from "./create-body.ts";
import type { ContainerOptions, RunIo, Terminal } from "./options.ts";

/** A connection to a container's streams, made before it starts so that no byte is missed. */
export interface Attachment {
  /** All output was passed on. Rejects when the connection broke. */
  readonly ended: Promise<void>;
  /** The container is about to start: keys that answer its first line must be its own. */
  prepare(): void;
  /** The container runs: input and window size come alive. */
  begin(): void;
  /** Gives terminal and input back. Safe to repeat. */
  stop(): void;
}

/** What to attach. */
export interface AttachContext {
  readonly engine: Engine;
  readonly id: string;
  readonly io: RunIo;
  readonly container: ContainerOptions;
}

export async function attach(context: AttachContext): Promise<Attachment> {
  const { engine, id, io, container } = context;
  const streams = streamsOf(container);
  const { detachKeys } = container;
  const stream = await engine.attachContainer(id, {
    ...streams,
    ...(detachKeys === undefined || detachKeys === "" ? {} : { detachKeys }),
  });
  // a terminal has one stream and no frames
  const sink = container.tty === true ? passTo(io.stdout) : demux(io);
  const ended = pipeline(stream, sink);
  // looked at later; until then a broken connection must not be an unhandled rejection
  ended.catch(() => undefined);
  const undo: (() => void)[] = [() => stream.destroy()];
  return {
    ended,
    prepare() {
      if (container.tty === true && streams.stdin && io.terminal !== undefined) {
        undo.push(makeRaw(io.terminal));
      }
    },
    begin() {
      if (container.tty === true && io.terminal !== undefined) {
        undo.push(followSize(context, io.terminal));
      }
      if (streams.stdin && io.stdin !== undefined) undo.push(feed(io.stdin, stream));
    },
    stop() {
      for (const step of undo.splice(0).toReversed()) step();
    },
  };
}

/**
 * Not with `--sig-proxy=false`, and not with a terminal, whose keys reach the program anyway: a
 * window that is closed must not end what runs in it.
 */
export function passesSignals({ sigProxy, tty }: ContainerOptions): boolean {
  return sigProxy !== false && tty !== true;
}

/**
 * Passes signals on to the container where {@link passesSignals}. Those that come before it runs
 * are kept, then sent.
 *
 * @returns `begin` once it runs, `stop` at the end
 */
export function proxySignals({ engine, id, io, container }: AttachContext): {
  begin: () => void;
  stop: () => void;
} {
  const early: NodeJS.Signals[] = [];
  let running = false;
  const send = (signal: NodeJS.Signals): void => {
    // the container may have ended meanwhile: then nobody is left to tell
    engine.killContainer(id, signal).catch(() => undefined);
  };
  const listen = passesSignals(container) ? io.onSignal : undefined;
  const stop = listen?.((signal) => {
    if (running) send(signal);
    else early.push(signal);
  });
  return {
    begin() {
      running = true;
      early.splice(0).forEach(send);
    },
    stop: () => stop?.(),
  };
}

function makeRaw(terminal: Terminal): () => void {
  terminal.setRawMode(true);
  return () => terminal.setRawMode(false);
}

function followSize({ engine, id }: AttachContext, terminal: Terminal): () => void {
  const resize = (): void => {
    const { rows, columns } = terminal.size();
    if (rows === 0 || columns === 0) return;
    engine.resizeContainer(id, { h: rows, w: columns }).catch(() => undefined);
  };
  resize();
  return terminal.onResize(resize);
}

/** Its end becomes the program's end of file: the socket is half closed. */
export function feed(stdin: NodeJS.ReadableStream, stream: Duplex): () => void {
  stdin.pipe(stream);
  return () => {
    stdin.unpipe(stream);
    // an open standard input would keep the process alive
    stdin.pause();
  };
}

/** A closed output (`| head`) must not stop the container: its owner sees the error event. */
export function passTo(output: NodeJS.WritableStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      output.write(chunk, () => done());
    },
  });
}
