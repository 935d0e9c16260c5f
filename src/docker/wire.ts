/** What carries requests to an engine: the seam between the Engine API and a connection. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** Values of a query; arrays repeat their key, undefined ones are left out. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** What of a query has a value; undefined when nothing has. */
export function presentQuery(query: Query | undefined): Query | undefined {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** One request, as it travels. */
export interface WireRequest {
  readonly method: string;
  /** Absolute and escaped, with the version prefix, without the query. */
  readonly path: string;
  readonly query?: Query | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A stream goes in chunks. */
  readonly body?: Buffer | NodeJS.ReadableStream | undefined;
  /** Asks for the protocol that the `Upgrade` header names. */
  readonly upgrade: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A way to one engine. */
export interface Wire {
  /**
   * Sends a request. Any status is an answer, no error.
   *
   * @returns the response, body unread; or the raw connection when the engine upgraded it, early bytes
   *   included
   * @throws whatever the socket, the signal or the body's stream has to say
   */
  exchange(request: WireRequest): Promise<IncomingMessage | Duplex>;
}

/** Content type of a body that names none. */
export const DEFAULT_TYPE = "application/tar";
