/**
 * An image as `docker save` writes it, over a bare socket: HTTP/1.0 has no chunks to take apart, and
 * one buffer serves for all that comes. Half of the CPU of node's own client (measured).
 */
import { connect, type Socket } from "node:net";

import type { Endpoint } from "./endpoint.ts";
import type { Engine } from "./engine.ts";
import { image } from "./paths.ts";

/** Bytes that are read at once, at most. */
const BUFFER_BYTES = 1024 * 1024;
/** Longest head of an answer; the engine's has some hundred bytes. */
const HEAD_LIMIT = 64 * 1024;

/** An archive that comes in. */
export interface ImageDownload {
  /** Each piece is overwritten when the next is asked for. */
  readonly pieces: AsyncIterable<Buffer>;
  /** Safe to repeat. */
  close(): void;
}

/**
 * Begins the download, or says by null that it can't be had in this way: another transport (TLS, ssh,
 * a pipe of Windows), a proxy in between, or any answer but 200. `engine.saveImage` tells why.
 *
 * The end of the connection is the end of the archive: whether that is complete, its content says.
 */
export async function downloadImage(
  engine: Engine,
  ref: string,
  signal?: AbortSignal,
): Promise<ImageDownload | null> {
  const target = targetOf(engine.endpoint);
  if (target === null) return null;
  const reader = new SocketReader(target);
  const close = (): void => reader.close();
  signal?.addEventListener("abort", close, { once: true });
  reader.onClose(() => signal?.removeEventListener("abort", close));
  if (signal?.aborted === true) close();
  reader.send(`GET /v${engine.version.api}${image(ref, "get")} HTTP/1.0\r\nHost: engine\r\n\r\n`);
  const rest = await headEnd(reader);
  if (rest === null) {
    close();
    return null;
  }
  return { pieces: piecesOf(rest, reader), close };
}

type Target = { readonly path: string } | { readonly host: string; readonly port: number };

function targetOf({ host: shown, options }: Endpoint): Target | null {
  const { socketPath, protocol, host, port } = options;
  if (socketPath !== undefined) return shown.startsWith("unix:") ? { path: socketPath } : null;
  if (protocol !== "http" || host === undefined || port === undefined) return null;
  return { host, port };
}

/** Reads the head; what came after it, or null when it is no plain 200. */
async function headEnd(reader: SocketReader): Promise<Buffer | null> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_LIMIT) {
    const piece = await reader.next().catch(() => null);
    if (piece === null) return null;
    head = Buffer.concat([head, piece]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const text = head.toString("latin1", 0, end);
    const isPlain = /^HTTP\/1\.[01] 200 /u.test(text) && !/^transfer-encoding:/imu.test(text);
    return isPlain ? head.subarray(end + 4) : null;
  }
  return null;
}

async function* piecesOf(first: Buffer, reader: SocketReader): AsyncGenerator<Buffer> {
  try {
    if (first.length > 0) yield first;
    for (let piece = await reader.next(); piece !== null; piece = await reader.next()) yield piece;
  } finally {
    reader.close();
  }
}

/** A socket that is read piece by piece into one buffer, and stands still in between. */
class SocketReader {
  readonly #socket: Socket;
  #piece: Buffer | null = null;
  #isEnded = false;
  #fault: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(target: Target) {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES),
      callback: (bytes: number, buffer: Uint8Array): boolean => {
        this.#piece = Buffer.from(buffer.buffer, buffer.byteOffset, bytes);
        this.#wake?.();
        return false;
      },
    };
    this.#socket = connect({ ...target, onread });
    this.#socket.on("error", (error) => {
      this.#fault = error;
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#wake?.();
    };
    this.#socket.on("end", end).on("close", end);
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** The next bytes; null at the end. */
  async next(): Promise<Buffer | null> {
    if (this.#piece === null && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#socket.resume();
      });
      this.#wake = undefined;
    }
    const piece = this.#piece;
    this.#piece = null;
    if (piece === null && this.#fault !== undefined) throw this.#fault;
    return piece;
  }

  onClose(done: () => void): void {
    this.#socket.once("close", done);
  }

  close(): void {
    this.#socket.destroy();
  }
}
