import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Encoding, Needle } from "../../../src/needles/needle.ts";
import { NeedleSearch } from "../../../src/needles/search.ts";
import { needlesOf } from "../../../src/needles/variants.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { rsaKeyPair } from "../../support/key-pair.ts";
import { DISGUISES } from "./disguises.ts";

const needles = (value: string): Needle[] => needlesOf(Secret.take("S", Buffer.from(value)));

/** Names only, so that a failure prints no value. */
function foundIn(text: string, all: readonly Needle[]): Set<Encoding> {
  const search = new NeedleSearch(all);
  const found = new Set<Encoding>();
  search.write(Buffer.from(text), ({ needle }) => found.add(needle.encoding));
  search.end();
  return found;
}

it("any value of 16 bytes or more is found in lines of any length, however they end", () => {
  const wrapping = ["base64", "base64url", "base64-twice", "base32", "hex"];
  const disguises = DISGUISES.filter(({ encoding }) => wrapping.includes(encoding));
  fc.assert(
    fc.property(
      fc.integer({ min: 16, max: 400 }),
      fc.constantFrom(...disguises),
      fc.integer({ min: 40, max: 80 }),
      fc.tuple(fc.constantFrom("\n", "\r\n", "\n    ", "\\n"), fc.nat(79)),
      (length, { encoding, of }, column, [ending, before]) => {
        const value = randomBytes(length).toString("base64").slice(0, length);
        const text = "x".repeat(before % column) + String(of(value));
        const lines = text.match(new RegExp(`.{1,${column}}`, "gu")) ?? [];
        // what both alphabets write alike has one name
        const expected = encoding === "base64url" ? /^base64/u : new RegExp(`^${encoding}$`, "u");
        const found = foundIn(lines.join(ending), needles(value));
        expect([...found].some((each) => expected.test(each))).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

it("a key in a string of JSON is found in lines, and the other way round", () => {
  const { privateKey } = rsaKeyPair();
  const json = JSON.stringify({ private_key: privateKey });
  expect(foundIn(privateKey, needles(json)).has("pem")).toBe(true);
  expect(foundIn(privateKey.replaceAll("\n", "\n    "), needles(json)).has("pem")).toBe(true);
  expect(foundIn(json, needles(privateKey)).has("pem")).toBe(true);
});
