import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { FrameReader } from "../../../src/session/frames.ts";
import { frameOf } from "../../../src/session/grpc.ts";

describe("messages of a byte stream", () => {
  it("come out as they went in, in pieces of any size", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 500 }), (given, size) => {
        const bytes = Buffer.concat(given.map((one) => frameOf(Buffer.from(one))));
        const frames = new FrameReader(300);
        const read: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) {
          read.push(...frames.push(bytes.subarray(at, at + size)).map((one) => Buffer.from(one)));
        }
        expect(read).toEqual(given.map((one) => Buffer.from(one)));
        expect(frames.isHalfway).toBe(false);
      }),
    );
  });

  it("are put together in the same memory when they are lent", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 500 }), (given, size) => {
        const bytes = Buffer.concat(given.map((one) => frameOf(Buffer.from(one))));
        const frames = new FrameReader(300, { isLending: true });
        const read: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) {
          // what comes may be gone as well
          const piece = Buffer.from(bytes.subarray(at, at + size));
          read.push(...frames.push(piece).map((one) => Buffer.from(one)));
        }
        expect(read).toEqual(given.map((one) => Buffer.from(one)));
      }),
    );
    const frames = new FrameReader(300, { isLending: true });
    const memories = Array.from({ length: 10 }, () => {
      const frame = frameOf(Buffer.alloc(300));
      frames.push(frame.subarray(0, 100));
      return frames.push(frame.subarray(100))[0]?.buffer;
    });
    expect(new Set(memories).size).toBe(1);
  });

  it("a long message in many pieces takes time in proportion to its length", () => {
    const whole = frameOf(Buffer.alloc(32 << 20));
    const frames = new FrameReader(32 << 20);
    const start = performance.now();
    let read = 0;
    for (let at = 0; at < whole.length; at += 4096)
      read += frames.push(whole.subarray(at, at + 4096)).length;
    expect(read).toBe(1);
    // joined again with each piece it would copy 128 GB
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it.each([
    ["compressed", [1, 0, 0, 0, 0], 12],
    ["over-long", [0, 0, 0, 0, 11], 8],
    ["of 4 GB", [0, 255, 255, 255, 255], 8],
  ])("refuses one that is %s, before it is there", (_name, prefix, status) => {
    const frames = new FrameReader(10);
    expect(() => frames.push(Buffer.from(prefix))).toThrow(expect.objectContaining({ status }));
  });

  it("knows that it is in the middle of one", () => {
    const frames = new FrameReader(10);
    expect([frames.push(Buffer.from([0, 0, 0, 0, 2, 1])), frames.isHalfway]).toEqual([[], true]);
    expect(frames.push(Buffer.from([2]))).toEqual([Buffer.from([1, 2])]);
    expect(frames.isHalfway).toBe(false);
  });
});
