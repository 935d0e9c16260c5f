/**
 * Splits the engine's multiplexed attach stream. Each frame: 1 byte stream (0 stdin, 1 stdout,
 * 2 stderr), 3 zero bytes, 4 bytes big-endian length, payload. Only used without a TTY.
 */
import { Writable } from "node:stream";

import { DockerError } from "../errors.ts";

const HEADER_BYTES = 8;

/** Where a demultiplexed stream goes. */
export interface Outputs {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/**
 * A sink for the raw attach stream, to be used with `pipeline`. Payload is passed on as it comes,
 * never collected; waits while an output is full. Does not end the outputs.
 *
 * @throws (as stream error) {@link DockerError} DOCKER_REFUSED when a frame names no known stream
 */
export function demux(outputs: Outputs): Writable {
  let header = Buffer.alloc(0);
  let left = 0;
  let target: NodeJS.WritableStream = outputs.stdout;

  /** Uses up a piece of the chunk, returns the rest. */
  function step(chunk: Buffer, settle: Settle): Buffer {
    if (left > 0) {
      const piece = chunk.subarray(0, left);
      left -= piece.length;
      // a broken output (a closed pipe) must not stop the container: its owner sees the error event
      target.write(piece, settle());
      return chunk.subarray(piece.length);
    }
    const missing = HEADER_BYTES - header.length;
    header = Buffer.concat([header, chunk.subarray(0, missing)]);
    if (header.length === HEADER_BYTES) {
      target = outputOf(header.readUInt8(0), outputs);
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
    }
    return chunk.subarray(missing);
  }

  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      // one for this call itself, so that `done` waits until the whole chunk is looked at
      let open = 1;
      const settled = (): void => {
        open -= 1;
        if (open === 0) done();
      };
      const settle: Settle = () => {
        open += 1;
        return settled;
      };
      try {
        for (let rest = chunk; rest.length > 0;) rest = step(rest, settle);
        settled();
      } catch (error) {
        done(error instanceof Error ? error : new Error("demux failed"));
      }
    },
  });
}

/** Announces one more write and gives its callback. */
type Settle = () => () => void;

function outputOf(kind: number, outputs: Outputs): NodeJS.WritableStream {
  if (kind === 0 || kind === 1) return outputs.stdout;
  if (kind === 2) return outputs.stderr;
  throw new DockerError("DOCKER_REFUSED", `the attach stream is not multiplexed (stream ${kind})`);
}
