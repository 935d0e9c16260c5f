import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { demux } from "../../../src/docker/demux.ts";

function frame(kind: number, payload: Buffer): Buffer {
  const header = Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

function sink(delay = 0): { readonly stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    highWaterMark: 4,
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      setTimeout(done, delay);
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString("latin1") };
}

/** Cuts a buffer at the given places, in any order and number. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set([0, ...places.map((at) => at % (bytes.length + 1)), bytes.length])];
  sorted.sort((a, b) => a - b);
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

describe("demux", () => {
  it("splits streams wherever the chunks are cut", async () => {
    const payload = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    const frames = fc.array(fc.tuple(fc.constantFrom(0, 1, 2), payload), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(frames, fc.array(fc.nat(300)), async (list, places) => {
        const whole = Buffer.concat(list.map(([kind, bytes]) => frame(kind, bytes)));
        const out = sink();
        const err = sink();
        await pipeline(
          Readable.from(cut(whole, places)),
          demux({ stdout: out.stream, stderr: err.stream }),
        );
        const of = (wanted: (kind: number) => boolean): string =>
          Buffer.concat(list.filter(([kind]) => wanted(kind)).map(([, bytes]) => bytes)).toString(
            "latin1",
          );
        expect(out.text()).toBe(of((kind) => kind !== 2));
        expect(err.text()).toBe(of((kind) => kind === 2));
      }),
      { numRuns: 50 },
    );
  });

  it("waits for a slow output", async () => {
    const out = sink(2);
    const frames = Array.from({ length: 20 }, (_none, index) =>
      frame(1, Buffer.from([65 + index])),
    );
    await pipeline(
      Readable.from([Buffer.concat(frames)]),
      demux({ stdout: out.stream, stderr: out.stream }),
    );
    expect(out.text()).toBe("ABCDEFGHIJKLMNOPQRST");
  });

  it("goes on when an output is broken", async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    broken.on("error", () => undefined);
    const out = sink();
    const frames = [
      frame(2, Buffer.from("x")),
      frame(1, Buffer.from("y")),
      frame(2, Buffer.from("z")),
    ];
    await pipeline(Readable.from(frames), demux({ stdout: out.stream, stderr: broken }));
    expect(out.text()).toBe("y");
  });

  it("refuses a stream that is not multiplexed", async () => {
    const out = sink();
    const run = pipeline(
      Readable.from([Buffer.from("hello, world")]),
      demux({ stdout: out.stream, stderr: out.stream }),
    );
    await expect(run).rejects.toMatchObject({ code: "DOCKER_REFUSED" });
  });
});
