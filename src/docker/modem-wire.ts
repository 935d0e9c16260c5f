/**
 * The engine through docker-modem, dockerode's transport: for TLS, and for people who bring a
 * dockerode of their own. Its conveniences stay unused: it copies bodies into the URL, buffers
 * answers into a debug log, and reads the environment behind our back. So every call names its path,
 * query and body apart (`_query`, `file`) and takes the raw response.
 */
import type { IncomingMessage } from "node:http";
import process from "node:process";
import { Duplex } from "node:stream";

import type { DockerOptions } from "./endpoint.ts";
import { DEFAULT_TYPE, presentQuery, type Wire, type WireRequest } from "./wire.ts";

/** The one method of docker-modem that is used. */
export interface Modem {
  dial(options: object, done: (error: Error | null, result: unknown) => void): void;
}

/** Requests by `modem.dial`. */
export class ModemWire implements Wire {
  readonly #modem: Modem;

  constructor(modem: Modem) {
    this.#modem = modem;
  }

  async exchange(call: WireRequest): Promise<IncomingMessage | Duplex> {
    const query = presentQuery(call.query);
    const options = {
      isStream: true,
      ...(call.upgrade && { hijack: true }),
      method: call.method,
      path: call.path + (query === undefined ? "" : "?"),
      headers: {
        ...(call.body !== undefined && { "Content-Type": DEFAULT_TYPE }),
        ...call.headers,
      },
      ...(query === undefined ? {} : { options: { _query: query, _body: {} } }),
      ...(call.body === undefined ? {} : { file: call.body }),
      ...(call.signal === undefined ? {} : { abortSignal: call.signal }),
      // every status is handed to us: its own error texts would quote the answer unescaped
      statusCodes: ANY_STATUS,
    };
    const answer = await new Promise((resolve, reject) => {
      this.#modem.dial(options, (error, result) =>
        error === null ? resolve(result) : reject(error),
      );
    });
    // only here: it costs 3 ms to load, and whoever reads archives loads this file too
    const { IncomingMessage: Message } = process.getBuiltinModule("node:http");
    if (answer instanceof Message || answer instanceof Duplex) return answer;
    throw new TypeError("docker-modem gave no response");
  }
}

/**
 * A dockerode of our own for an endpoint with TLS. It costs 190 ms of CPU to load.
 *
 * @throws what docker-modem throws: it reads DOCKER_HOST and its certificates even when it is given a host
 */
export async function tlsModem(options: DockerOptions): Promise<Modem> {
  const [{ default: Docker }, { Agent }] = await Promise.all([
    import("dockerode"),
    import("node:https"),
  ]);
  const { ca, cert, key } = options;
  const pem = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const isUnchecked = options.rejectUnauthorized === false;
  const agent = isUnchecked ? new Agent({ ...pem, rejectUnauthorized: false }) : undefined;
  // every key that it would otherwise take from DOCKER_HOST and its relatives is set, so that an
  // explicit endpoint never mixes with the environment
  const all = {
    socketPath: undefined,
    protocol: "https" as const,
    host: options.host,
    port: options.port,
    pathPrefix: "/",
    username: undefined,
    ca,
    cert,
    key,
    timeout: undefined,
    version: undefined,
    agent,
    sshOptions: {},
  };
  return new Docker(all).modem;
}

const ANY_STATUS: object = new Proxy({}, { get: () => true });
