import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALIGNMENTS, asciiJson, base64Inside, escape, hex } from "../../../src/needles/encode.ts";
import { JSON_TABLES, PERCENT_TABLES } from "../../../src/needles/escapes.ts";

const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
const surroundings = fc.record({ before: bytes, value: bytes, after: bytes });

describe("base64Inside", () => {
  it.each(["base64", "base64url"] as const)(
    "is in every %s text that has the value",
    (alphabet) => {
      fc.assert(
        fc.property(surroundings, ({ before, value, after }) => {
          const whole = Buffer.concat([before, value, after]).toString(alphabet);
          const alignment = ALIGNMENTS[before.length % 3] ?? 0;
          const inside = base64Inside(value, { alignment, alphabet }).toString();
          const at = Math.ceil((before.length * 8) / 6);
          expect(whole.slice(at, at + inside.length)).toBe(inside);
        }),
      );
    },
  );

  it("with its end kept is the unpadded encoding", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const options = { alignment: 0, alphabet: "base64url", keepEnd: true } as const;
        expect(base64Inside(value, options).toString()).toBe(value.toString("base64url"));
      }),
    );
  });
});

describe("hex", () => {
  it("is what Buffer gives, in both cases", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(hex(value, "lower").toString()).toBe(value.toString("hex"));
        expect(hex(value, "upper").toString()).toBe(value.toString("hex").toUpperCase());
      }),
    );
  });
});

describe("escape tables", () => {
  it("percent: the forms of encodeURIComponent, URLSearchParams and encodeURI are among them", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const forms = PERCENT_TABLES.map((table) => escape(Buffer.from(text), table).toString());
        expect(forms).toContain(encodeURIComponent(text));
        expect(forms).toContain(encodeURI(text));
        expect(forms).toContain(new URLSearchParams({ v: text }).toString().slice(2));
      }),
    );
  });

  it("percent: all reserved characters can be encoded, and hexadecimal digits be lower case", () => {
    const forms = PERCENT_TABLES.map((table) =>
      escape(Buffer.from("a!*'()~ü/ "), table).toString(),
    );
    expect(forms).toContain("a%21%2A%27%28%29~%C3%BC%2F%20");
    expect(forms).toContain("a%21%2a%27%28%29~%c3%bc%2f%20");
    expect(forms).toContain("a%21*%27%28%29%7E%C3%BC%2F+");
  });

  it("JSON: the form of JSON.stringify is among them, and each form parses back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const forms = JSON_TABLES.map((table) => escape(Buffer.from(text), table).toString());
        expect(forms).toContain(JSON.stringify(text).slice(1, -1));
        for (const form of forms) expect(JSON.parse(`"${form}"`)).toBe(text);
      }),
    );
  });

  it("JSON: the forms of Go and of escaped slashes", () => {
    const forms = JSON_TABLES.map((table) => escape(Buffer.from('<a>&"/'), table).toString());
    expect(forms).toEqual(['<a>&\\"/', '\\u003ca\\u003e\\u0026\\"/', '<a>&\\"\\/']);
  });
});

describe("asciiJson", () => {
  it("leaves ASCII and parses back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const form = asciiJson(Buffer.from(JSON.stringify(text)))?.toString() ?? "";
        expect(form).toMatch(/^[\x20-\x7f]*$/u);
        expect(JSON.parse(form)).toBe(text);
      }),
    );
  });

  it("escapes beyond the basic plane as a pair", () => {
    expect(asciiJson(Buffer.from("ü😀"))?.toString()).toBe("\\u00fc\\ud83d\\ude00");
  });

  it.each([[[0xff]], [[0xc3]], [[0xc3, 0x28]], [[0xf0, 0x9f, 0x98]], [[0x80]]])(
    "is null for bytes that are no UTF-8: %j",
    (broken) => {
      expect(asciiJson(Buffer.from(broken))).toBeNull();
    },
  );
});
