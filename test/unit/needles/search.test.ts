import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Needle } from "../../../src/needles/needle.ts";
import { findAll, NeedleSearch } from "../../../src/needles/search.ts";
import { NeedleTable } from "../../../src/needles/table.ts";

const needle = (bytes: string | Buffer): Needle => ({
  secret: "S",
  encoding: "raw",
  bytes: Buffer.from(bytes),
});

/** Every occurrence, by the plainest search there is. */
function truth(needles: readonly Needle[], text: Buffer): string[] {
  const found: string[] = [];
  for (const [i, { bytes }] of needles.entries()) {
    for (let at = text.indexOf(bytes); at >= 0; at = text.indexOf(bytes, at + 1)) {
      found.push(`${i}@${at}`);
    }
  }
  return found.toSorted();
}

function searchChunks(needles: readonly Needle[], chunks: readonly Buffer[]): string[] {
  const search = new NeedleSearch(needles);
  const found: string[] = [];
  for (const chunk of chunks) {
    // the chunk may be reused: a search that kept a view of it would read zeros
    const reused = Buffer.from(chunk);
    search.write(reused, (hit) => found.push(`${needles.indexOf(hit.needle)}@${hit.offset}`));
    reused.fill(0);
  }
  search.end();
  return found.toSorted();
}

function split(text: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((cut) => cut % (text.length + 1)), 0, text.length];
  places.sort((a, b) => a - b);
  return places.slice(1).map((end, i) => text.subarray(places[i], end));
}

/** Few byte values, so that needles overlap, repeat and contain each other. */
const alphabet = fc.constantFrom(0x61, 0x62, 0x00, 0xff);
const smallBytes = (o: { minLength: number; maxLength: number }): fc.Arbitrary<Buffer> =>
  fc.array(alphabet, o).map((bytes) => Buffer.from(bytes));

describe.each(["WebAssembly", "JavaScript"])("NeedleSearch in %s", (scanner) => {
  beforeEach(() => {
    if (scanner === "JavaScript") vi.stubGlobal("WebAssembly", undefined);
  });
  afterEach(() => vi.unstubAllGlobals());

  it("finds exactly what is there: small alphabet, overlapping needles, any chunks", () => {
    fc.assert(
      fc.property(
        fc.array(smallBytes({ minLength: 4, maxLength: 12 }), { minLength: 1, maxLength: 6 }),
        smallBytes({ minLength: 0, maxLength: 400 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (values, text, cuts) => {
          const needles = values.map(needle);
          expect(searchChunks(needles, split(text, cuts))).toEqual(truth(needles, text));
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("finds every needle planted anywhere, in one piece, in pieces and byte by byte", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 8, maxLength: 300 }), { minLength: 1, maxLength: 20 }),
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat()), { maxLength: 20 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        (values, parts, cuts) => {
          const needles = values.map((value) => needle(Buffer.from(value)));
          const text = Buffer.concat(
            parts.flatMap(([filler, i]) => [filler, values[i % values.length] ?? filler]),
          );
          const expected = truth(needles, text);
          expect(searchChunks(needles, split(text, cuts))).toEqual(expected);
          expect(
            searchChunks(
              needles,
              [...text].map((byte) => Buffer.from([byte])),
            ),
          ).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("finds a needle within a needle, equal needles, and repetitions", () => {
    const needles = ["abcabcabc", "bcabcab", "abcabcabc"].map(needle);
    const text = Buffer.from("xabcabcabcabcx");
    expect(searchChunks(needles, [text])).toEqual(truth(needles, text));
    expect(truth(needles, text)).toHaveLength(6);
  });

  it("crosses the borders of its own block", () => {
    const needles = [
      needle(randomBytes(16)),
      needle(randomBytes(9000)),
      needle(randomBytes(300_000)),
    ];
    const parts = needles.flatMap(({ bytes }) => [
      randomBytes(262_144 - 8),
      bytes,
      randomBytes(7),
      bytes,
    ]);
    const text = Buffer.concat(parts);
    for (const size of [text.length, 65_536, 10_007]) {
      const cuts = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => i * size);
      expect(searchChunks(needles, split(text, cuts))).toEqual(truth(needles, text));
    }
  });

  it("begins again after end", () => {
    const search = new NeedleSearch([needle("abcdefgh")]);
    const offsets: number[] = [];
    search.write(Buffer.from("xxabcd"), (hit) => offsets.push(hit.offset));
    search.end();
    search.write(Buffer.from("efgh abcdefgh"), (hit) => offsets.push(hit.offset));
    expect(offsets).toEqual([5]);
  });

  it("may be asked for another search of the same table by who takes a hit", () => {
    const table = new NeedleTable([needle("abcdefgh")]);
    const [search, other] = [new NeedleSearch(table), new NeedleSearch(table)];
    const offsets: number[] = [];
    for (const chunk of ["--abcdefgh--abcd", "efgh--", "abcdefgh"]) {
      search.write(Buffer.from(chunk), ({ offset }) => {
        offsets.push(offset);
        other.write(randomBytes(300_000), () => {});
        other.end();
        findAll(table, randomBytes(100_000));
      });
    }
    expect(offsets).toEqual([2, 12, 22]);
  });

  it("searches for nothing without needles", () => {
    expect(searchChunks([], [randomBytes(100_000)])).toEqual([]);
  });

  it("refuses a needle of fewer than 4 bytes", () => {
    expect(() => new NeedleTable([needle("abc")])).toThrow(RangeError);
  });

  it("shares a table, and finds nothing after it was wiped", () => {
    const table = new NeedleTable([needle("abcdefgh")]);
    expect(findAll(table, Buffer.from("--abcdefgh--abcdefgh")).map((hit) => hit.offset)).toEqual([
      2, 12,
    ]);
    table.wipe();
    expect(findAll(table, Buffer.from("--abcdefgh"))).toEqual([]);
  });
});

/** Of 64 characters. */
const BASE64 = "qR7cW0nrT2xkZ9bJ5vLmQe8sYhUaPf3dNgXo1iBtKCwEMzVr6GyDHuS4AljIOFp+";

describe("a needle that wraps", () => {
  const wrapping: Needle = { ...needle(BASE64), encoding: "base64", wraps: true };
  const table = new NeedleTable([wrapping, needle("8 bytes.")]);
  const search = new NeedleSearch(table);

  function found(text: string): string[] {
    const bytes = Buffer.from(text);
    const texts = findAll(table, bytes)
      .filter((hit) => hit.needle === wrapping)
      .map(({ offset, length }) => bytes.toString("latin1", offset, offset + length));
    const streamed: string[] = [];
    for (let at = 0; at < bytes.length; at += 5) {
      search.write(bytes.subarray(at, at + 5), ({ offset, length }) =>
        streamed.push(bytes.toString("latin1", offset, offset + length)),
      );
    }
    search.end();
    expect(streamed.toSorted()).toEqual(texts.toSorted());
    return texts;
  }

  const lines = (column: number, phase: number, separator: string): string => {
    const starts = [0];
    for (let at = phase; at < BASE64.length; at += column) starts.push(at);
    return starts.map((start, i) => BASE64.slice(start, starts[i + 1])).join(separator);
  };

  it.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
    ["indented, in YAML", "\n      "],
    ["tabs", "\n\t\t"],
    ["in JSON", "\\n"],
    ["CRLF in JSON", "\\r\\n"],
    ["in JSON in JSON", "\\\\n"],
    ["continued, in a shell or Dockerfile", "\\\n    "],
    ["continued, with CRLF", "\\\r\n"],
    ["an empty line", "\n\n"],
  ])("is found with lines of any length from 32, wherever they break: %s", (_, separator) => {
    for (const column of [32, 33, 60, 64, 76]) {
      for (let phase = 1; phase <= column && phase < BASE64.length; phase++) {
        const text = lines(column, phase, separator);
        expect(found(`x${text}x`)).toEqual([text]);
      }
    }
  });

  it("is found once where no line breaks", () => {
    expect(found(`${BASE64}${BASE64}`)).toEqual([BASE64, BASE64]);
  });

  it.each([
    ["other characters", BASE64.replace("xk", "x,\nk")],
    ["a backslash alone", BASE64.replace("xk", "x\\k")],
    ["65 separators", BASE64.replace("xk", `x${"\n".repeat(65)}k`)],
    ["a byte left out", BASE64.replace("xk", "x\n")],
  ])("is not found with %s between its bytes", (_, text) => {
    expect(found(text)).toEqual([]);
  });

  it("counts an escape's letter as a separator, and as the first byte", () => {
    const starting: Needle = { ...needle("nABCDEFGHIJKLMNOP"), wraps: true };
    const hits = findAll(new NeedleTable([starting]), Buffer.from("n\\nABCDEFGHIJKLMNOP"));
    expect(hits.map(({ offset, length }) => [offset, length]).toSorted()).toEqual([
      [0, 19],
      [2, 17],
    ]);
  });

  it("has no line breaks when its own bytes could be some", () => {
    const spaced: Needle = { ...needle("two words, and more"), wraps: true };
    const alone = new NeedleTable([spaced]);
    expect(findAll(alone, Buffer.from("two words, and more"))).toHaveLength(1);
    expect(findAll(alone, Buffer.from("two words,\n and more"))).toHaveLength(0);
  });

  it("may span as much text as the table says", () => {
    const gap = "\n".repeat(64);
    const text = BASE64.split("").join(gap);
    expect(table.longest).toBe(text.length);
    expect(new NeedleTable([needle("12345")]).longest).toBe(5);
  });
});
