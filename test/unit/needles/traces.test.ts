import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Matcher } from "../../../src/mask/matcher.ts";
import { type Traces, tracesOf } from "../../../src/needles/traces.ts";
import { needlesOf } from "../../../src/needles/variants.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { rsaKeyPair } from "../../support/key-pair.ts";

const formsOf = (value: Buffer, traces?: Traces): string[] => {
  const secret = Secret.take("S", Buffer.from(value), "deploybot");
  return needlesOf(secret, "mask", traces).map(({ bytes }) => bytes.toString("latin1"));
};

/** Every form must be made for a text that is nothing but this form; any other that holds it has more. */
function expectAllMade(value: Buffer): void {
  for (const form of formsOf(value)) {
    const made = formsOf(value, tracesOf(Buffer.from(form, "latin1")));
    expect(made.includes(form)).toBe(true);
  }
}

describe("traces", () => {
  it("of a form are enough for it to be made, whatever the value", () => {
    const special = fc.string({
      unit: fc.constantFrom(...Array.from("aZ0+/-_ \n\t'\"\\$`!&<>%=~#ü日😀\0")),
      minLength: 1,
      maxLength: 70,
    });
    const text = fc.oneof(special, fc.string({ maxLength: 60 }), fc.base64String());
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 60 });
    const value = fc.oneof(
      text.map((each) => Buffer.from(each)),
      bytes.map((each) => Buffer.from(each)),
    );
    fc.assert(fc.property(value, expectAllMade), { numRuns: 1500 });
  });

  it("of a form are enough for each of a key, which is broken into lines", () => {
    expectAllMade(Buffer.from(rsaKeyPair().privateKey));
  });

  it("of words ask for few forms", () => {
    const value = Buffer.from("a value of 32 bytes, with ' and ü");
    const traces = tracesOf(Buffer.from("nothing that can't be read: 48 members of 1.5 MB"));
    expect(traces).toEqual({ run: 7, hasEscapes: false, hasZeros: false });
    expect(formsOf(value, traces).length).toBeLessThan(formsOf(value).length / 5);
  });

  it("may grow from text to text: a mask hides what it hides with all forms", () => {
    const value = 'Kq8+/ü"#-x7';
    const texts = ["", value, "in words", encodeURIComponent(value), JSON.stringify(value)];
    const more = [Buffer.from(value).toString("hex"), Buffer.from(value).toString("base64")];
    const utf16 = Buffer.from(value, "utf16le").toString("latin1");
    const secrets = [Secret.take("S", Buffer.from(value))];
    const grown = new Matcher(secrets);
    for (const text of [...texts, ...more, utf16, ...texts]) {
      const whole = new Matcher(secrets);
      whole.tail(Buffer.from("has all forms made"));
      const bytes = Buffer.from(text, "latin1");
      expect(grown.ranges(bytes)).toEqual(whole.ranges(bytes));
    }
  });
});
