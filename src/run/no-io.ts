/** For programs whose output does not come here. */
import { Writable } from "node:stream";

import type { RunIo } from "./options.ts";

/** Streams that take everything and keep nothing. */
export function noIo(): RunIo {
  return { stdout: nowhere(), stderr: nowhere() };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
