import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64, encodeBase64, encodedLength } from "../../../src/crypto/base64.ts";

const decode = (text: string): string | null =>
  decodeBase64(Buffer.from(text))?.toString("hex") ?? null;

describe("base64 on bytes", () => {
  it("writes what Buffer writes, in both alphabets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const url = encodeBase64(bytes, "url");
        const standard = encodeBase64(bytes, "standard");
        expect(url.toString()).toBe(Buffer.from(bytes).toString("base64url"));
        expect(standard.toString()).toBe(Buffer.from(bytes).toString("base64"));
        expect(url.length).toBe(encodedLength(bytes.length, "url"));
        expect(standard.length).toBe(encodedLength(bytes.length, "standard"));
      }),
    );
  });

  it("IT11: reads both alphabets, with padding and without", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const hex = Buffer.from(bytes).toString("hex");
        const standard = Buffer.from(bytes).toString("base64");
        const url = standard.replaceAll("+", "-").replaceAll("/", "_");
        for (const text of [standard, url]) {
          expect(decode(text)).toBe(hex);
          expect(decode(text.replaceAll("=", ""))).toBe(hex);
        }
      }),
    );
  });

  it.each([
    ["a character outside both alphabets", "AA*A"],
    ["a space", "AA A"],
    ["a newline at the end", "AAAA\n"],
    ["both alphabets mixed", "+-AA"],
    ["one character too many", "AAAAA"],
    ["unused bits that are not zero", "AB"],
    ["the same in three characters", "AAB"],
    ["padding that is too short", "AA="],
    ["padding that is too long", "AAA=="],
    ["padding where none belongs", "AAAA="],
    ["nothing but padding", "===="],
    ["padding inside", "AA=A"],
    ["a letter outside ASCII whose low byte is in the alphabet", "AAAŁ"],
  ])("refuses %s", (_, text) => {
    expect(decode(text)).toBeNull();
  });

  it("reads the empty text as no bytes", () => {
    expect(decode("")).toBe("");
  });
});
