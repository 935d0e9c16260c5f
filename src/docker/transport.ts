/** One HTTP call to the engine: its errors in our words, and an answer that is checked. */
import type { IncomingMessage } from "node:http";
import { addAbortSignal, Duplex } from "node:stream";

import type { Endpoint } from "./endpoint.ts";
import { fromRequest, refused } from "./errors.ts";
import { parseJson } from "./json.ts";
import type { Query, Wire, WireRequest } from "./wire.ts";

/** Largest JSON answer that is read into memory, in bytes. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** One request. */
export interface Call {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Absolute, escaped, without version prefix and query. */
  readonly path: string;
  readonly query?: Query | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: Buffer | NodeJS.ReadableStream | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Requests to one engine, all under one API version prefix. */
export class Transport {
  readonly #wire: Wire;
  readonly #endpoint: Endpoint;
  readonly #prefix: string;

  /** @param prefix - `/v1.45`, or empty before the version is negotiated */
  constructor(wire: Wire, endpoint: Endpoint, prefix: string) {
    this.#wire = wire;
    this.#endpoint = endpoint;
    this.#prefix = prefix;
  }

  /** Same engine, other version prefix. */
  withPrefix(prefix: string): Transport {
    return new Transport(this.#wire, this.#endpoint, prefix);
  }

  /**
   * Sends a request; resolves with the response of a 2xx or 304 status, body unread.
   *
   * @throws {@link DockerError} DOCKER_REFUSED, IMAGE_MISSING, DOCKER_UNREACHABLE
   * @throws {@link InterruptedError} when the signal fired
   */
  async send(call: Call): Promise<IncomingMessage> {
    const response = await this.#exchange({ ...call, headers: call.headers ?? {}, upgrade: false });
    if (response instanceof Duplex) throw notAsked(response);
    if (call.signal !== undefined) addAbortSignal(call.signal, response);
    return this.#checked(call, response);
  }

  /**
   * Asks for a protocol upgrade and returns the raw socket, early bytes included.
   *
   * Nothing is sent after the request, whose body has a length, before the 101 arrives: the engine
   * throws its read buffer away when it hands the connection over (so: Content-Length, never chunked).
   */
  async hijack(call: Call, protocol: string): Promise<Duplex> {
    const headers = {
      "Content-Type": "text/plain",
      ...call.headers,
      Connection: "Upgrade",
      Upgrade: protocol,
    };
    const upgraded = { ...call, headers, body: call.body ?? Buffer.alloc(0), upgrade: true };
    const answer = await this.#exchange(upgraded);
    if (answer instanceof Duplex) return answer;
    await this.#checked(call, answer);
    throw refused({
      call: callName(call),
      status: 200,
      message: "it did not upgrade the connection",
    });
  }

  async #exchange(request: WireRequest): Promise<IncomingMessage | Duplex> {
    try {
      return await this.#wire.exchange({ ...request, path: this.#prefix + request.path });
    } catch (error) {
      throw fromRequest(error, this.#endpoint.host, request.signal);
    }
  }

  async #checked(call: Call, response: IncomingMessage): Promise<IncomingMessage> {
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || status === 304) return response;
    const text = await this.text(response, call.signal);
    throw refused({ call: callName(call), status, message: messageOf(text) });
  }

  /** Reads a whole answer as text. */
  async text(response: IncomingMessage, signal?: AbortSignal): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) throw new Error(`answer over ${MAX_ANSWER_BYTES} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw fromRequest(error, this.#endpoint.host, signal);
    }
    return Buffer.concat(chunks).toString("utf8");
  }
}

function notAsked(connection: Duplex): Error {
  connection.destroy();
  return new TypeError("a connection was upgraded that should not be");
}

function callName(call: Call): string {
  return `${call.method} ${call.path}`;
}

/** Engine errors are `{"message": …}`; a proxy in between answers with anything. */
function messageOf(text: string): string {
  try {
    const { message } = parseJson<{ readonly message?: unknown }>(text);
    if (typeof message === "string") return message;
  } catch {
    // not JSON: shown as it is
  }
  return text;
}
