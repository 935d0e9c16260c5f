/** One small HTTP request, for talking to a registry's login. */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";

type Env = Readonly<Record<string, string | undefined>>;

/** A request; redirects are not followed, so that no credential goes where nobody checked. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** For the usual proxy variables, on a Node that knows them (22.21, 24.5). */
  readonly env?: Env | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer, whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** The engine waits 30 s for a login in all (buildkit, util/resolver), and there may be two requests. */
const TIMEOUT_MS = 10_000;
/** A token is a few KiB. */
const MAX_BODY_BYTES = 1024 * 1024;

/** @throws whatever the network throws; an Error for an answer of more than 1 MiB */
export async function request(url: URL, o: HttpRequest): Promise<HttpAnswer> {
  // TLS costs time to load, and most builds ask no registry for a token
  const http = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = o.signal === undefined ? timeout : AbortSignal.any([o.signal, timeout]);
  const { method, headers, body } = o;
  const agent = new http.Agent({ keepAlive: false, ...(o.env && { proxyEnv: { ...o.env } }) });
  return new Promise((resolve, reject) => {
    const options = { method, agent, signal, headers: { ...headers, Connection: "close" } };
    const sent = http.request(url, options, (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BODY_BYTES) sent.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      answer.on("error", reject);
      answer.on("end", () => {
        const { statusCode = 0 } = answer;
        resolve({ status: statusCode, headers: answer.headers, body: Buffer.concat(chunks) });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** True for a host of this machine, with or without a port: only there may HTTP carry a password. */
export function isLoopback(host: string): boolean {
  const name = URL.parse(`http://${host}`)?.hostname.replace(/^\[|\]$/g, "") ?? "";
  return name === "localhost" || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}
