import { describe, expect, it } from "vitest";

import type { Needle } from "../../../src/needles/needle.ts";
import { Tails } from "../../../src/needles/tails.ts";

const needle = (text: string, wraps = false): Needle => ({
  secret: "S",
  encoding: "raw",
  bytes: Buffer.from(text),
  wraps,
});

const LINE = "0123456789abcdefghijklmnopqrstuvwxyz";

describe("Tails", () => {
  it.each([
    ["nothing", "xxx", 3],
    ["the first byte", "xxx0", 3],
    ["all but the last byte", `xx${LINE.slice(0, -1)}`, 2],
    ["nothing after a whole needle", `xx${LINE}`, 2 + LINE.length],
    ["the longer one of two", "xx01230123", 6],
    ["nothing with a line break", "xx0123\n45", 9],
  ])("sees where a needle may begin: %s", (_, text, start) => {
    expect(new Tails([needle(LINE), needle("9999")]).start(Buffer.from(text))).toBe(start);
  });

  it.each([
    ["a line break", "xx0123\n45", 2],
    ["half of an escape", "xx0123\\", 2],
    ["an indentation at the end", "xx0123\r\n    ", 2],
    ["one too deep", `xx0123\n${" ".repeat(64)}`, 2 + 4 + 65],
    ["another character", "xx0123\n46", 9],
    ["nothing after a whole needle", `xx${LINE.replace("b", "b\n")}`, 2 + LINE.length + 1],
  ])("sees where a needle that wraps may begin: %s", (_, text, start) => {
    expect(new Tails([needle(LINE, true)]).start(Buffer.from(text))).toBe(start);
  });

  it("looks back as far as a needle with its line breaks goes", () => {
    const tails = new Tails([needle("ab".repeat(500), true)]);
    const wrapped = "ab".repeat(500).replaceAll(/.{32}/g, `$&\n${" ".repeat(63)}`);
    expect(tails.longest).toBeGreaterThan(wrapped.length);
    expect(tails.start(Buffer.from(`x${wrapped.slice(0, -1)}`))).toBe(1);
  });

  it("sees nothing without needles", () => {
    const tails = new Tails([]);
    expect([tails.longest, tails.start(Buffer.from("abc"))]).toEqual([0, 3]);
  });
});
