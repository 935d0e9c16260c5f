import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Decompressor } from "../../../src/verify/decompress.ts";
import type { Decompression, Sink } from "../../../src/verify/decompress.ts";
import { Gunzip } from "../../../src/verify/gunzip.ts";

const MIB = 1024 * 1024;
const TEXT = Buffer.from("the cat sat on the mat, and on the hat\n".repeat(9000));

function start(sink: Sink): Decompression {
  const gunzip = Gunzip.start(sink);
  if (gunzip === null) throw new Error("no WebAssembly here");
  return gunzip;
}

/** What comes out, and whether it ended well. */
interface Outcome {
  readonly output: Buffer;
  readonly isWhole: boolean;
}

async function decompress(
  chunks: readonly Buffer[],
  make: (sink: Sink) => Decompression = start,
): Promise<Outcome> {
  const parts: Buffer[] = [];
  const decompression = make((bytes) => void parts.push(Buffer.from(bytes)));
  try {
    for (const chunk of chunks) await decompression.write(chunk);
    await decompression.end();
    return { output: Buffer.concat(parts), isWhole: true };
  } catch {
    return { output: Buffer.concat(parts), isWhole: false };
  } finally {
    decompression.destroy();
  }
}

function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}

/** With a name, a comment, an extra field and a checksum of the header. */
function withHeader(
  gzip: Buffer,
  texts: { readonly name: string; readonly comment: string },
): Buffer {
  const header = Buffer.from(gzip.subarray(0, 10));
  header[3] = 2 | 4 | 8 | 16;
  const extra = Buffer.from([3, 0, 7, 7, 7]);
  const fields = Buffer.from(`${texts.name}\0${texts.comment}\0`);
  return Buffer.concat([header, extra, fields, Buffer.alloc(2), gzip.subarray(10)]);
}

describe("Gunzip", () => {
  it.each([1, 7, 100, 4096, 65_536, 1_000_000])("in chunks of %i bytes", async (size) => {
    const contents = [TEXT, Buffer.alloc(0), Buffer.alloc(MIB), randomBytes(100_000)];
    for (const content of contents) {
      for (const level of [0, 1, 9]) {
        const whole = content.subarray(0, size === 1 ? 20_000 : content.length);
        const { output, isWhole } = await decompress(cut(gzipSync(whole, { level }), size));
        expect(isWhole).toBe(true);
        expect(output.equals(whole)).toBe(true);
      }
    }
  });

  it("of several members, with what a header may have and zeros between", async () => {
    const zeros = Buffer.alloc(700);
    const named = withHeader(gzipSync("two"), { name: "n".repeat(3000), comment: "c" });
    const all = [gzipSync("one"), zeros, named, gzipSync(TEXT), gzipSync(""), zeros];
    const bytes = Buffer.concat(all);
    for (const size of [1, 3, 512, bytes.length]) {
      const { output, isWhole } = await decompress(cut(bytes, size));
      expect(isWhole).toBe(true);
      expect(output.equals(Buffer.concat([Buffer.from("onetwo"), TEXT]))).toBe(true);
    }
  });

  it("that is cut off anywhere is an error, and gives what came before", async () => {
    const bytes = Buffer.concat([
      withHeader(gzipSync("one"), { name: "a", comment: "b" }),
      gzipSync(randomBytes(300)),
    ]);
    const between = bytes.length - gzipSync(randomBytes(300)).length;
    for (let end = 0; end < bytes.length; end++) {
      const { isWhole } = await decompress(cut(bytes.subarray(0, end), 50));
      expect([end, isWhole]).toEqual([end, end === between]);
    }
    const large = gzipSync(randomBytes(MIB));
    const { output } = await decompress(cut(large.subarray(0, large.length / 2), 10_000));
    expect(output.length).toBeGreaterThan(MIB / 2 - 1000);
  });

  it.each([
    ["a checksum that is wrong", flipped(gzipSync(TEXT), -8)],
    ["a size that is wrong", flipped(gzipSync(TEXT), -4)],
    ["anything but zeros behind it", Buffer.concat([gzipSync("a"), Buffer.from("more than this")])],
    ["a byte behind it", Buffer.concat([gzipSync("a"), Buffer.from("x")])],
    ["another method", flipped(gzipSync("a"), 2)],
    ["zeros before it", Buffer.concat([Buffer.alloc(5), gzipSync("a")])],
    ["nothing at all", Buffer.alloc(0)],
    [
      "a name without an end",
      withHeader(gzipSync("a"), { name: "x".repeat(2 * MIB), comment: "" }),
    ],
  ])("with %s is an error", async (_what, bytes) => {
    expect((await decompress(cut(bytes, 100_000))).isWhole).toBe(false);
  });

  it("says of broken gzip what Node's zlib says, in whatever chunks", async () => {
    const samples = [gzipSync(TEXT.subarray(0, 3000)), gzipSync(randomBytes(200)), gzipSync("a")];
    const byNode = (sink: Sink): Decompression => new Decompressor("gzip", sink);
    const broken = fc.record({
      sample: fc.constantFrom(...samples),
      // the flags of the header are not those of zlib: it checks what nobody else reads
      at: fc.nat().filter((at) => at % 4096 >= 10),
      bit: fc.nat({ max: 7 }),
      size: fc.integer({ min: 1, max: 300 }),
    });
    await fc.assert(
      fc.asyncProperty(broken, async ({ sample, at, bit, size }) => {
        const bytes = Buffer.from(sample);
        const place = Math.max(10, at % bytes.length);
        bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
        const [ours, theirs] = [
          await decompress(cut(bytes, size)),
          await decompress([bytes], byNode),
        ];
        expect(ours.isWhole).toBe(theirs.isWhole);
        if (theirs.isWhole) expect(ours.output.equals(theirs.output)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it("waits for the sink, and passes its errors on", async () => {
    let busy = 0;
    const gunzip = start(async () => {
      expect(++busy).toBe(1);
      await setImmediate();
      busy--;
    });
    for (const chunk of cut(gzipSync(Buffer.alloc(5 * MIB)), 1000)) await gunzip.write(chunk);
    await gunzip.end();
    const failing = start(() => Promise.reject(new Error("sink failed")));
    await expect(failing.write(gzipSync(TEXT))).rejects.toThrow("sink failed");
    failing.destroy();
  });

  it("is one of several at the same time, of which one is given up", async () => {
    const given = start(async () => {
      await setImmediate();
    });
    const giving = given.write(gzipSync(Buffer.alloc(3 * MIB)));
    given.destroy();
    const others = [TEXT, randomBytes(MIB), TEXT.subarray(5)];
    const outcomes = await Promise.all(others.map((one) => decompress(cut(gzipSync(one), 5000))));
    expect(outcomes.map(({ output }, i) => others[i]?.equals(output))).toEqual([true, true, true]);
    await expect(giving).rejects.toThrow("after its end");
  });
});

/** @param at - of the byte; counted from the end when it is negative */
function flipped(bytes: Buffer, at: number): Buffer {
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes;
}
