import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  bytesOf,
  numberOf,
  readFields,
  textOf,
  WireError,
  writeFields,
  writeVarint,
} from "../../../src/session/protobuf.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("varints", () => {
  it.each([
    [0, "00"],
    [1, "01"],
    [127, "7f"],
    [128, "8001"],
    [300, "ac02"],
    [2 ** 31, "8080808008"],
    [2 ** 32 - 1, "ffffffff0f"],
    [2 ** 53 - 1, "ffffffffffffff0f"],
  ])("%d is %s", (value, bytes) => {
    expect(writeVarint(value).toString("hex")).toBe(bytes);
    expect([...readFields(Buffer.concat([hex("08"), hex(bytes)]))]).toEqual([{ number: 1, value }]);
  });

  it("reads a negative 64-bit number as negative", () => {
    expect([...readFields(hex("08 ffffffffffffffffff01"))]).toEqual([{ number: 1, value: -1 }]);
  });
});

describe("messages", () => {
  it("round-trips any fields", () => {
    const value = fc.oneof(
      fc.nat(),
      fc.maxSafeNat(),
      fc.string({ unit: "grapheme" }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    );
    const field = fc.tuple(fc.integer({ min: 1, max: 2 ** 29 - 1 }), value);
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const read = [...readFields(writeFields(fields))];
        expect(read.map((one) => one.number)).toEqual(fields.map(([number]) => number));
        for (const [index, one] of read.entries()) {
          const written = fields[index]?.[1];
          if (typeof written === "number") expect(numberOf(one.value)).toBe(written);
          else if (typeof written === "string") expect(textOf(one.value)).toBe(written);
          else expect(bytesOf(one.value)).toEqual(written);
        }
      }),
    );
  });

  it("leaves out undefined, and reads the wrong kind as empty", () => {
    expect(writeFields([[1, undefined]])).toHaveLength(0);
    expect(textOf(5)).toBe("");
    expect(bytesOf(5)).toHaveLength(0);
    expect(numberOf(Buffer.from("x"))).toBe(0);
  });

  it("skips fixed-width fields of newer messages", () => {
    const fields = [...readFields(hex("0d 01020304 11 0102030405060708 18 05"))];
    expect(fields.map((one) => one.number)).toEqual([1, 2, 3]);
    expect(fields[2]?.value).toBe(5);
  });

  it.each([
    ["a cut-off varint", "08 80"],
    ["a varint of eleven bytes", "08 ffffffffffffffffffff01"],
    ["a cut-off text", "0a 05 6162"],
    ["a length of 2^63", "0a ffffffffffffffff7f 00"],
    ["a negative length", "0a ffffffffffffffffff01 00"],
    ["a group", "0b"],
    ["a cut-off fixed32", "0d 0102"],
  ])("refuses %s", (_name, bytes) => {
    expect(() => [...readFields(hex(bytes))]).toThrow(WireError);
  });

  it("never does anything but read or throw WireError, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          for (const field of readFields(Buffer.from(bytes)))
            expect(field.number).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
    );
  });
});
