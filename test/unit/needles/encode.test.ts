import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BASE32_ALIGNMENTS,
  base32Inside,
  BASE64_ALIGNMENTS,
  base64Inside,
  base64Whole,
  endsWhole,
  escape,
  hex,
} from "../../../src/needles/encode.ts";
import { distinctTables, specialBytes } from "../../../src/needles/escapes.ts";
import { percentTables } from "../../../src/needles/percent.ts";
import { jsonTables, jsonTwiceTables } from "../../../src/needles/text-escapes.ts";
import { asciiInUtf16, asciiOnly, utf16 } from "../../../src/needles/unicode.ts";
import { base32 } from "./disguises.ts";

const JSON_TABLES = jsonTables();
const PERCENT_TABLES = percentTables();

const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
const surroundings = fc.record({ before: bytes, value: bytes, after: bytes });

describe("base64Inside", () => {
  it.each(["base64", "base64url"] as const)(
    "is in every %s text that has the value",
    (alphabet) => {
      fc.assert(
        fc.property(surroundings, ({ before, value, after }) => {
          const whole = Buffer.concat([before, value, after]).toString(alphabet);
          const alignment = BASE64_ALIGNMENTS[before.length % 3] ?? 0;
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

describe("base64Whole", () => {
  it.each(["base64", "base64url"] as const)("is the encoding with its padding, %s", (alphabet) => {
    fc.assert(
      fc.property(bytes, (value) => {
        const padding = "=".repeat((3 - (value.length % 3)) % 3);
        const text = value.toString(alphabet).replaceAll("=", "") + padding;
        expect(base64Whole(value, alphabet).toString()).toBe(text);
      }),
    );
  });
});

describe("base32Inside", () => {
  it("is in every base32 text that has the value", () => {
    fc.assert(
      fc.property(surroundings, ({ before, value, after }) => {
        const whole = base32(Buffer.concat([before, value, after]));
        const alignment = BASE32_ALIGNMENTS[before.length % 5] ?? 0;
        const inside = base32Inside(value, { alignment }).toString();
        const at = Math.ceil((before.length * 8) / 5);
        expect(whole.slice(at, at + inside.length)).toBe(inside);
      }),
    );
  });

  it("with its end kept is the unpadded encoding", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const whole = base32Inside(value, { alignment: 0, keepEnd: true }).toString();
        expect(whole).toBe(base32(value));
      }),
    );
  });

  it.each([
    [3, 0, 6, true],
    [2, 1, 6, true],
    [3, 1, 6, false],
    [5, 0, 5, true],
    [4, 0, 5, false],
  ] as const)("%i bytes after %i end a character of %i bits: %s", (length, before, bits, ends) => {
    expect(endsWhole(length, before, bits)).toBe(ends);
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
    expect(forms.slice(0, 3)).toEqual(['<a>&\\"/', '\\u003ca\\u003e\\u0026\\"/', '<a>&\\"\\/']);
  });

  it("JSON in JSON: each form parses back twice", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        for (const table of jsonTwiceTables(JSON_TABLES)) {
          const form = escape(Buffer.from(text), table).toString();
          const once = JSON.parse(`"${form}"`) as string;
          expect(JSON.parse(`"${once}"`)).toBe(text);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("percent: each form but those of URLs, which leave % alone, decodes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        for (const table of PERCENT_TABLES.filter((each) => each.of(0x25) !== undefined)) {
          const form = escape(Buffer.from(text), table).toString();
          const decoded = [form, form.replaceAll("+", "%20")].map(decodeURIComponent);
          expect(decoded).toContain(text);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("of tables that do the same to a value one is left, of those that change nothing none", () => {
    const special = specialBytes(Buffer.from('abc"123"'));
    expect([...special]).toEqual([0x22]);
    const forms = distinctTables(JSON_TABLES, special).map((table) =>
      escape(Buffer.from('"'), table).toString(),
    );
    expect(forms).toEqual(['\\"', "\\u0022"]);
    expect(distinctTables(JSON_TABLES, specialBytes(Buffer.from("a-b_c")))).toEqual([]);
  });
});

describe("asciiOnly", () => {
  it.each(["json-lower", "json-upper"] as const)("leaves ASCII and parses back: %s", (style) => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const form = asciiOnly(Buffer.from(JSON.stringify(text)), style)?.toString() ?? "";
        expect(form).toMatch(/^[\x20-\x7f]*$/u);
        expect(JSON.parse(form)).toBe(text);
      }),
    );
  });

  it.each([
    ["json-lower", "\\u00fc\\ud83d\\ude00"],
    ["json-upper", "\\u00FC\\uD83D\\uDE00"],
    ["html", "&#252;&#128512;"],
  ] as const)("escapes beyond the basic plane as %s does", (style, expected) => {
    expect(asciiOnly(Buffer.from("ü😀"), style)?.toString()).toBe(expected);
  });

  it.each([[[0xff]], [[0xc3]], [[0xc3, 0x28]], [[0xf0, 0x9f, 0x98]], [[0x80]]])(
    "is null for bytes that are no UTF-8, and so is UTF-16: %j",
    (broken) => {
      expect(asciiOnly(Buffer.from(broken), "html")).toBeNull();
      expect(utf16(Buffer.from(broken), "little")).toBeNull();
    },
  );
});

describe("utf16", () => {
  it("is what Buffer gives, in both byte orders", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        fc.pre(text.isWellFormed());
        const little = Buffer.from(text, "utf16le");
        expect(utf16(Buffer.from(text), "little")?.equals(little)).toBe(true);
        expect(utf16(Buffer.from(text), "big")?.equals(little.swap16())).toBe(true);
      }),
    );
  });

  it("of ASCII is within both byte orders", () => {
    const form = asciiInUtf16(Buffer.from("abc"));
    const little = Buffer.from("abc", "utf16le");
    expect(form.length).toBe(5);
    expect([little.includes(form), Buffer.from(little).swap16().includes(form)]).toEqual([
      true,
      true,
    ]);
  });
});
