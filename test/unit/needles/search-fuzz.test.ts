import { afterEach, describe, expect, it, vi } from "vitest";
import { Anchors } from "../../../src/needles/anchors.ts";
import type { Needle } from "../../../src/needles/needle.ts";
import type { Hit } from "../../../src/needles/search.ts";
import { findAll, NeedleSearch } from "../../../src/needles/search.ts";
import { NeedleTable } from "../../../src/needles/table.ts";
import { isPromised, naiveSearch } from "../../support/naive-search.ts";
import { Random } from "../../support/random.ts";

const SLOW = (process.env["SLOW"] ?? "") !== "";
/** Occurrences that are planted, by each scanner. */
const PLANTED = SLOW ? 100_000 : 6_000;
const SEED = Number(process.env["SEED"] ?? Date.now() % 1e9);

const BASE64 = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
/** What a separator may end with, and little else. */
const LETTERS = Buffer.from("nrnrnrab");
const ALPHABETS = {
  plain: [undefined, undefined, BASE64, Buffer.from([0, 0, 0xff, 0x61, 0x62])],
  wrapped: [BASE64, BASE64, Buffer.from("0123456789abcdef"), LETTERS],
  filler: [undefined, BASE64, LETTERS, Buffer.from("nr \t\r\n\\\\A="), Buffer.from([0, 0x61])],
};
const BREAKS = [
  "\n",
  "\r\n",
  "\\n",
  "\\r\\n",
  "\\\n",
  "\\\\n",
  "\n      ",
  "\r\n\t\t",
  " ",
  // the deepest indentation, and one too deep
  ...[63, 64].map((depth) => `\n${" ".repeat(depth)}`),
];

afterEach(() => vi.unstubAllGlobals());

describe.each(["WebAssembly", "JavaScript"])(`search in %s, SEED=${SEED}`, (scanner) => {
  it(`finds exactly what a naive search finds${SLOW ? "" : ", a part of it without SLOW=1"}`, () => {
    if (scanner === "JavaScript") vi.stubGlobal("WebAssembly", undefined);
    const random = new Random(SEED);
    let planted = 0;
    for (let round = 0; planted < PLANTED; round++) {
      const needles = randomNeedles(random);
      const { parts, count } = randomParts(random, needles);
      planted += count;
      compare(random, needles, { parts, round });
    }
  }, 1_800_000);
});

function compare(
  random: Random,
  needles: readonly Needle[],
  { parts, round }: { readonly parts: readonly Buffer[]; readonly round: number },
): void {
  const text = Buffer.concat(parts);
  const { window } = new Anchors(needles);
  const [promised, possible] = [new Set<string>(), new Set<string>()];
  for (const [index, needle] of needles.entries()) {
    for (const hit of naiveSearch(needle, text)) {
      const name = `${index}@${hit.offset}+${hit.length}`;
      possible.add(name);
      if (isPromised(needle, hit, window)) promised.add(name);
    }
  }
  const indices = new Map(needles.map((needle, index) => [needle, index]));
  const name = (hit: Hit): string => `${indices.get(hit.needle)}@${hit.offset}+${hit.length}`;
  const table = new NeedleTable(needles);
  const streamed = searchChunks(table, chunksOf(random, parts)).map(name);
  const fresh = new NeedleTable(needles);
  for (const found of [streamed, findAll(table, text).map(name), findAll(fresh, text).map(name)]) {
    const all = new Set(found);
    const missed = [...promised].filter((hit) => !all.has(hit));
    const wrong = [...all].filter((hit) => !possible.has(hit));
    const twice = found.length - all.size;
    expect({ round, missed, wrong, twice }).toEqual({ round, missed: [], wrong: [], twice: 0 });
  }
  // both ways see the same probes, so they agree also where nothing is promised
  expect(streamed.toSorted()).toEqual(findAll(table, text).map(name).toSorted());
}

function searchChunks(table: NeedleTable, chunks: readonly Buffer[]): Hit[] {
  const search = new NeedleSearch(table);
  const hits: Hit[] = [];
  let position = 0;
  for (const chunk of chunks) {
    const before = hits.length;
    search.write(chunk, (hit) => hits.push(hit));
    position += chunk.length;
    for (const { offset, length } of hits.slice(before)) {
      // in the write that brings the last byte, neither earlier nor later
      expect(offset + length).toBeLessThanOrEqual(position);
      expect(offset + length).toBeGreaterThan(position - chunk.length);
    }
  }
  search.end();
  return hits;
}

/** One inside another, equal ones under other names, and short ones. */
function randomNeedles(random: Random): Needle[] {
  const least = random.pick([4, 6, 8, 8, 8, 12, 16, 40]);
  const needles: Needle[] = [];
  for (let count = random.int(1, 24); count > 0; count--) {
    const known = needles.length > 0 && random.chance(0.2) ? random.pick(needles) : undefined;
    const bytes = known === undefined ? undefined : partOf(random, known.bytes, least);
    const secret = `S${needles.length}`;
    if (known !== undefined && bytes !== undefined) {
      needles.push({ ...known, secret, bytes });
      continue;
    }
    const wraps = random.chance(0.5);
    const alphabet = random.pick(wraps ? ALPHABETS.wrapped : ALPHABETS.plain);
    const most = random.chance(0.05) ? 5_000 : 120;
    const length = random.int(least, Math.max(least, random.chance(0.3) ? 20 : most));
    needles.push({ secret, encoding: "raw", bytes: random.bytes(length, alphabet), wraps });
  }
  return needles;
}

function partOf(random: Random, bytes: Buffer, least: number): Buffer {
  if (random.chance(0.3)) return Buffer.from(bytes);
  const length = random.int(least, bytes.length);
  const start = random.int(0, bytes.length - length);
  return Buffer.from(bytes.subarray(start, start + length));
}

/** Fillers and needles, some cut short, one after the other. */
function randomParts(
  random: Random,
  needles: readonly Needle[],
): { parts: Buffer[]; count: number } {
  const parts: Buffer[] = [];
  let count = 0;
  let room = random.int(10, 20_000);
  // rarely, for the borders of what is searched at once
  if (random.chance(0.02)) parts.push(random.bytes(262_144 - random.int(0, 200)));
  while (room > 0 && count < 60) {
    const filler = random.bytes(
      random.chance(0.5) ? random.int(0, 12) : random.int(0, 300),
      random.pick(ALPHABETS.filler),
    );
    const needle = random.pick(needles);
    const bytes = needle.wraps === true ? wrapped(random, needle.bytes) : needle.bytes;
    const isWhole = random.chance(0.9);
    parts.push(filler, isWhole ? bytes : bytes.subarray(0, random.int(0, bytes.length)));
    if (isWhole) count++;
    room -= filler.length + bytes.length;
  }
  return { parts, count };
}

function wrapped(random: Random, bytes: Buffer): Buffer {
  if (random.chance(0.2)) return bytes;
  const column = random.chance(0.8) ? random.int(32, 90) : random.int(1, 31);
  const separator = Buffer.from(random.pick(BREAKS));
  const lines: Buffer[] = [];
  let end = random.int(1, column);
  for (let start = 0; start < bytes.length; start = end, end += column) {
    if (start > 0) lines.push(separator);
    lines.push(bytes.subarray(start, end));
  }
  return Buffer.concat(lines);
}

/** Whole, in pieces of any size, byte by byte, and cut in the middle of needles. */
function chunksOf(random: Random, parts: readonly Buffer[]): Buffer[] {
  const text = Buffer.concat(parts);
  const way = random.int(0, 3);
  if (way === 0) return [text];
  const size = random.pick(text.length > 3_000 ? [1_000, 65_536] : [1, 7, 100]);
  const chunks: Buffer[] = [];
  let at = 0;
  if (way === 1) {
    for (const part of parts) {
      const cut = random.int(0, part.length);
      chunks.push(part.subarray(0, cut), part.subarray(cut));
    }
    return chunks;
  }
  while (at < text.length) {
    const length = way === 2 ? size : random.int(1, size);
    chunks.push(text.subarray(at, at + length));
    at += length;
  }
  return chunks;
}
