import { randomBytes } from "node:crypto";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Inflater, SMALL } from "../../../src/wasm/inflater.ts";

const { constants } = zlib;
const inflater = Inflater.start();

/** What it gives, in memory of its own. */
function inflate(bytes: Buffer): { readonly output: Buffer; readonly used: number } | null {
  const decoded = inflater?.inflate(bytes) ?? null;
  return decoded === null ? null : { ...decoded, output: Buffer.from(decoded.output) };
}

/** What Node's zlib makes of the same bytes. */
function inflateByNode(bytes: Buffer): { readonly output: Buffer; readonly used: number } | null {
  try {
    const { buffer, engine } = zlib.inflateRawSync(bytes, { info: true }) as unknown as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
    return { output: buffer, used: engine.bytesWritten };
  } catch {
    return null;
  }
}

const STRATEGIES = [
  constants.Z_DEFAULT_STRATEGY,
  constants.Z_FILTERED,
  constants.Z_HUFFMAN_ONLY,
  constants.Z_RLE,
  constants.Z_FIXED,
];

/** Contents that lead to all kinds of blocks, lengths and distances. */
const CONTENTS: readonly (readonly [what: string, content: Buffer])[] = [
  ["nothing", Buffer.alloc(0)],
  ["a byte", Buffer.from("a")],
  ["a run", Buffer.alloc(100_000, "a")],
  ["runs of each short distance", Buffer.from(shortDistances())],
  ["a long way back", Buffer.concat([randomBytes(32_768), randomBytes(10), Buffer.alloc(32_500)])],
  ["noise", randomBytes(200_000)],
  ["text", Buffer.from(words(200_000))],
  ["rare and common bytes", skewed(300_000)],
  ["as much as is small", Buffer.concat([Buffer.alloc(SMALL - 72_000), randomBytes(70_000)])],
];

describe("Inflater", () => {
  it.each(CONTENTS)("gives %s as it was, with every level and strategy", (_what, content) => {
    for (const level of [0, 1, 6, 9]) {
      for (const strategy of STRATEGIES) {
        const packed = zlib.deflateRawSync(content, { level, strategy });
        const decoded = inflate(packed);
        expect(decoded?.output.equals(content)).toBe(true);
        expect(decoded?.used).toBe(packed.length);
      }
    }
  });

  it("says where it ended, whatever follows", () => {
    const packed = zlib.deflateRawSync(Buffer.from(words(5000)));
    for (const rest of [Buffer.alloc(1), Buffer.alloc(1, 0xff), randomBytes(100)]) {
      expect(inflate(Buffer.concat([packed, rest]))?.used).toBe(packed.length);
    }
  });

  it("leaves nothing of one for the next", () => {
    const contents = CONTENTS.map(([, content]) => content);
    const packed = contents.map((content) => zlib.deflateRawSync(content));
    for (const first of packed) {
      for (const [i, second] of packed.entries()) {
        inflate(first);
        inflate(first.subarray(0, first.length / 2));
        expect(inflate(second)?.output.equals(contents[i] ?? Buffer.alloc(0))).toBe(true);
      }
    }
  });

  it("gives nothing of what is cut off, at whatever byte", () => {
    for (const content of [Buffer.from(words(3000)), randomBytes(500), Buffer.alloc(90, "x")]) {
      for (const level of [0, 1, 9]) {
        const packed = zlib.deflateRawSync(content, { level });
        for (let end = 0; end < packed.length; end++) {
          expect(inflate(packed.subarray(0, end))).toBeNull();
        }
      }
    }
  });

  it("gives nothing of more than 4 MiB", () => {
    expect(inflate(zlib.deflateRawSync(Buffer.alloc(SMALL)))?.output).toHaveLength(SMALL);
    expect(inflate(zlib.deflateRawSync(Buffer.alloc(SMALL + 1)))).toBeNull();
    expect(inflate(zlib.deflateRawSync(randomBytes(SMALL + 1), { level: 0 }))).toBeNull();
    const stored = zlib.deflateRawSync(randomBytes(SMALL - 1000), { level: 0 });
    expect(inflate(stored)?.used).toBe(stored.length);
  });

  it("says of broken data what zlib says of it", () => {
    const samples = [words(600), words(60), "a", "ab".repeat(300)].flatMap((text) =>
      STRATEGIES.map((strategy) => zlib.deflateRawSync(Buffer.from(text), { strategy })),
    );
    const broken = fc.record({
      sample: fc.constantFrom(...samples),
      flips: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(broken, ({ sample, flips }) => {
        const bytes = Buffer.from(sample);
        for (const bit of flips) {
          const at = (bit >> 3) % bytes.length;
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
        }
        expectSame(bytes);
      }),
      { numRuns: 20_000 },
    );
  });

  it("says of any bytes what zlib says of them", () => {
    const arbitrary = fc.uint8Array({ minLength: 0, maxLength: 120 });
    fc.assert(
      fc.property(arbitrary, (bytes) => expectSame(Buffer.from(bytes))),
      { numRuns: 20_000 },
    );
  });
});

function expectSame(bytes: Buffer): void {
  const [ours, theirs] = [inflate(bytes), inflateByNode(bytes)];
  expect(ours?.output.toString("hex")).toBe(theirs?.output.toString("hex"));
  expect(ours?.used).toBe(theirs?.used);
}

/** Text of few letters, with repeats near and far. */
function words(length: number): string {
  let text = "";
  for (let i = 1; text.length < length; i = (i * 48_271) % 2_147_483_647) {
    text += `${(i % 977).toString(36)} `;
  }
  return text.slice(0, length);
}

function shortDistances(): string {
  return Array.from({ length: 40 }, (_, i) => words(i + 1).repeat(30)).join("|");
}

/** So uneven that codes are of all lengths up to 15 bits, which need further tables. */
function skewed(length: number): Buffer {
  const bytes = randomBytes(length);
  for (let i = 0; i < length; i++)
    bytes[i] =
      Math.clz32(bytes.readUInt32LE(Math.min(i, length - 4))) * 8 +
      ((bytes[i] ?? 0) & (i % 97 === 0 ? 7 : 0));
  return bytes;
}
