/** The engine over a socket, a Windows pipe or plain TCP: node's own HTTP client, nothing around it. */
import type { Agent, ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import process from "node:process";
import { stringify } from "node:querystring";
import type { Duplex } from "node:stream";

import { DEFAULT_TYPE, presentQuery, type Query, type Wire, type WireRequest } from "./wire.ts";

/** Where the engine listens: for `node:net`. */
export interface HttpTarget {
  readonly socketPath?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** As node's default agent: a connection is kept for the next request, and keeps no process alive. */
const KEEPING = { keepAlive: true, scheduling: "lifo", timeout: 5_000 } as const;

/** Requests by `node:http`, which is loaded when there is an engine: it costs 3 ms. */
export class HttpWire implements Wire {
  readonly #target: HttpTarget;
  readonly #agent: Agent;

  /** @param agent - an own one: node's default one may go through a proxy (`NODE_USE_ENV_PROXY`) */
  constructor(target: HttpTarget, agent?: Agent) {
    this.#target = target;
    this.#agent = agent ?? new (process.getBuiltinModule("node:http").Agent)(KEEPING);
  }

  async exchange(call: WireRequest): Promise<IncomingMessage | Duplex> {
    return new Promise((resolve, reject) => {
      const { method, signal } = call;
      const path = withQuery(call.path, call.query);
      const headers = headersOf(call);
      // a name for TLS, or node looks for one in every header (4 ms for its first pattern)
      const to = { ...this.#target, agent: this.#agent, servername: "" };
      const { request } = process.getBuiltinModule("node:http");
      const sent = request({ ...to, method, path, headers, ...(signal && { signal }) });
      sent.on("response", resolve).on("error", reject);
      if (call.upgrade)
        sent.on("upgrade", (_response, socket, head) => {
          if (head.length > 0) socket.unshift(head);
          resolve(socket);
        });
      sendBody(sent, call.body);
    });
  }
}

/** As docker-modem writes it. */
function withQuery(path: string, query: Query | undefined): string {
  const given = presentQuery(query);
  return given === undefined ? path : `${path}?${stringify(given)}`;
}

function headersOf({ headers, body }: WireRequest): OutgoingHttpHeaders {
  const type = body === undefined ? {} : { "Content-Type": DEFAULT_TYPE };
  const size = Buffer.isBuffer(body) ? { "Content-Length": body.length } : {};
  const own = Object.entries(headers).map(([name, value]): [string, string | string[]] => [
    name,
    typeof value === "string" ? value : [...value],
  ]);
  return { ...type, ...Object.fromEntries(own), ...size };
}

function sendBody(sent: ClientRequest, body: WireRequest["body"]): void {
  if (body === undefined || Buffer.isBuffer(body)) {
    sent.end(body);
    return;
  }
  body.on("error", (error: Error) => sent.destroy(error));
  body.pipe(sent);
}
