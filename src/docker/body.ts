/** The body of a request: bytes and streams go as they are, everything else as JSON. */

/** Undefined for what is neither a Buffer nor a stream. */
export function rawBody(body: unknown): Buffer | NodeJS.ReadableStream | undefined {
  return Buffer.isBuffer(body) || isStream(body) ? body : undefined;
}

/** A buffer that the caller wipes: it may hold an environment. */
export function jsonBody(body: unknown): Buffer {
  return Buffer.from(JSON.stringify(body));
}

function isStream(body: unknown): body is NodeJS.ReadableStream {
  return typeof body === "object" && body !== null && "pipe" in body;
}
