import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  parseBytes,
  parseCpus,
  parseDuration,
  parseInteger,
  parseSwap,
} from "../../../src/run/flags/numbers.ts";

const usage = expect.objectContaining({ code: "USAGE", exitCode: 2 }) as Error;

describe("--memory and its kind", () => {
  it.each([
    ["0", 0],
    ["1b", 1],
    ["1k", 1024],
    ["1 KB", 1024],
    ["1.k", 1024],
    [".5k", 512],
    ["1.5g", 1_610_612_736],
    ["2GiB", 2_147_483_648],
    ["1T", 1_099_511_627_776],
  ])("%s", (text, bytes) => {
    expect(parseBytes(text, "memory")).toBe(bytes);
  });

  it.each(["", "x", "-1", "1x", ".", "1bb", "1 k b", "9999999t"])("refuses %j", (text) => {
    expect(() => parseBytes(text, "memory")).toThrow(usage);
  });

  it("takes -1 for swap alone", () => {
    expect(parseSwap("-1")).toBe(-1);
    expect(parseSwap("1k")).toBe(1024);
    expect(() => parseSwap("-2")).toThrow(usage);
  });
});

describe("--cpus", () => {
  it.each([
    ["1", 1e9],
    ["1.", 1e9],
    [".5", 5e8],
    ["0.000000001", 1],
    ["0.1000000000", 1e8],
    ["0.0000000001", undefined],
    ["", undefined],
    [".", undefined],
    ["1,5", undefined],
    ["-1", undefined],
  ])("%j", (text, nano) => {
    if (nano === undefined) expect(() => parseCpus(text)).toThrow(usage);
    else expect(parseCpus(text)).toBe(nano);
  });

  it("is exact for every number of billionths", () => {
    fc.assert(
      fc.property(fc.nat(), (nano) => {
        const text = `${Math.floor(nano / 1e9)}.${String(nano % 1e9).padStart(9, "0")}`;
        expect(parseCpus(text)).toBe(nano);
      }),
    );
  });
});

describe("durations", () => {
  it.each([
    ["0", 0],
    ["+0", 0],
    ["0s", 0],
    ["5s", 5e9],
    ["+5s", 5e9],
    ["1m30s", 9e10],
    ["1.5h", 5.4e12],
    [".5s", 5e8],
    ["1.s", 1e9],
    ["100ms", 1e8],
    ["1us", 1000],
    ["1\u00b5s", 1000],
    ["1\u03bcs", 1000],
    ["1.9ns", 1],
    ["2h2h", 1.44e13],
  ])("%s", (text, nano) => {
    expect(parseDuration(text, "x")).toBe(nano);
  });

  it.each(["", "5", "s", "-", ".", "1d", "1 s", "1s ", "1S", "-1s", "1s-1s", "1e3s", "9999999h"])(
    "refuses %j",
    (text) => {
      expect(() => parseDuration(text, "x")).toThrow(usage);
    },
  );

  it("adds up whatever is written", () => {
    fc.assert(
      fc.property(fc.nat(90), fc.nat(99), fc.nat(99), (h, m, s) => {
        expect(parseDuration(`${h}h${m}m${s}s`, "x")).toBe((h * 3600 + m * 60 + s) * 1e9);
      }),
    );
  });
});

describe("whole numbers", () => {
  it.each([
    ["0", 0],
    ["-0", 0],
    ["12", 12],
    ["+12", 12],
    ["-12", -12],
    ["0x10", 16],
    ["0b11", 3],
    ["0o17", 15],
    ["017", 15],
  ])("%s", (text, number) => {
    expect(parseInteger(text, "x")).toBe(number);
  });

  it.each(["", "x", "1.5", "1e3", " 1", "--1", "08", "9007199254740993"])("refuses %j", (text) => {
    expect(() => parseInteger(text, "x")).toThrow(usage);
  });

  it("keeps to a range, and names it", () => {
    const range = { min: -1, max: 100 };
    expect(parseInteger("100", "x", range)).toBe(100);
    expect(() => parseInteger("101", "x", range)).toThrow("from -1 to 100");
    expect(() => parseInteger("-2", "x", range)).toThrow(usage);
  });
});
