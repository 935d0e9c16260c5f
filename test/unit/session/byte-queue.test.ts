import fc from "fast-check";
import { expect, it } from "vitest";

import { ByteQueue } from "../../../src/session/byte-queue.ts";

it("gives back what came, cut in any other way", () => {
  const chunk = fc.uint8Array({ maxLength: 20 });
  fc.assert(
    fc.property(fc.array(chunk), fc.array(fc.nat(15)), (chunks, sizes) => {
      const queue = new ByteQueue();
      for (const part of chunks) queue.push(Buffer.from(part));
      const all = Buffer.concat(chunks);
      let at = 0;
      for (const size of sizes) {
        const expected = all.length - at < size ? null : all.subarray(at, at + size);
        expect(queue.peek(size)).toEqual(expected);
        if (expected === null) continue;
        expect(queue.take(size)).toEqual(expected);
        at += size;
      }
      expect(queue.length).toBe(all.length - at);
      expect(queue.take(queue.length)).toEqual(all.subarray(at));
    }),
  );
});

it("refuses to give more than there is", () => {
  expect(() => new ByteQueue().take(1)).toThrow(RangeError);
});
