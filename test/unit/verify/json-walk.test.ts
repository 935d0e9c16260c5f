import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeepJsonError, isJson, jsonTexts } from "../../../src/verify/json-walk.ts";

const textsOf = (json: string, which: "all" | "escaped" = "all"): string[] =>
  Array.from(jsonTexts(Buffer.from(json), which), ({ path, text, isName }) =>
    JSON.stringify([path, text, isName]),
  );

/** The same, of what JavaScript makes of it. */
function* expected(value: unknown, path: readonly string[] = []): Generator<string> {
  if (typeof value === "string") yield JSON.stringify([path, value, false]);
  if (typeof value !== "object" || value === null) return;
  for (const [name, child] of Object.entries(value)) {
    const inner = [...path, name];
    if (!Array.isArray(value)) yield JSON.stringify([inner, name, true]);
    yield* expected(child, inner);
  }
}

/** What JavaScript says. */
function isParsed(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

describe("jsonTexts", () => {
  it("gives strings and names with their paths, in their order", () => {
    expect(textsOf(' {"a" : {"b":["c",1,{"":null}]},\n"d":"e"} ')).toEqual([
      '[["a"],"a",true]',
      '[["a","b"],"b",true]',
      '[["a","b","0"],"c",false]',
      '[["a","b","2",""],"",true]',
      '[["d"],"d",true]',
      '[["d"],"e",false]',
    ]);
  });

  it("gives what JSON.parse gives, of any document", () => {
    const spaces = fc.constantFrom("", " ", "\n\t");
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), spaces, (value, space) => {
        const json = JSON.stringify(value, null, space);
        // JavaScript has names that are numbers first
        expect(textsOf(json).toSorted()).toEqual([...expected(JSON.parse(json))].toSorted());
      }),
      { numRuns: 2000 },
    );
  });

  it("gives a name that stands twice twice", () => {
    expect(textsOf('{"a":"b","a":"c"}')).toHaveLength(4);
  });

  it("decodes escapes, also in names", () => {
    const json = String.raw`{"\u0061\n":"\ud83d\ude00\"\/"}`;
    const name = "a\n";
    const lines = [[[name], name, true] as const, [[name], '😀"/', false] as const];
    expect(textsOf(json)).toEqual(lines.map((line) => JSON.stringify(line)));
  });
});

it("gives those alone that have an escape, if that is wanted", () => {
  const json = String.raw`{"a":"b","\n":["c","\"",{"d\t":"e"}]}`;
  expect(textsOf(json, "escaped").map((one) => JSON.parse(one) as unknown)).toEqual([
    [["\n"], "\n", true],
    [["\n", "1"], '"', false],
    [["\n", "2", "d\t"], "d\t", true],
  ]);
});

describe("isJson", () => {
  it("says what JSON.parse says, of any bytes that nearly are", () => {
    const marks = '{}[],:" \t\n\\u0eE+-.129tfn\u0001\ufeffé'.split("");
    const pieces = [...marks, '"a"', '"a":', "true", "null"];
    const piece = fc.constantFrom(...pieces, "-1.5e3", String.raw`"\u00e9"`);
    const random = fc.array(piece, { maxLength: 12 }).map((some) => some.join(""));
    const place = { at: fc.nat(), text: piece, gone: fc.integer({ min: 0, max: 2 }) };
    const broken = fc.record({ json: fc.json(), ...place }).map(({ json, at, text, gone }) => {
      const start = at % (json.length + 1);
      return json.slice(0, start) + text + json.slice(start + gone);
    });
    const seen = { true: 0, false: 0 };
    fc.assert(
      fc.property(fc.oneof(fc.json(), random, broken), (text) => {
        const bytes = Buffer.from(text);
        const isIt = isParsed(bytes);
        seen[`${isIt}`]++;
        expect(isJson(bytes)).toBe(isIt);
      }),
      { numRuns: 20_000 },
    );
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(1000);
  });

  it.each(['"a', '"\\', String.raw`"\u12`, "[1", "{", '{"a"', '{"a":', "", " ", "[1]]", "[1,]"])(
    "does not take what ends too early or too late: %s",
    (json) => {
      expect(isJson(Buffer.from(json))).toBe(false);
    },
  );

  it("goes 200 levels deep, and no further", () => {
    const nested = (depth: number, inner = ""): Buffer =>
      Buffer.from(`${"[".repeat(depth)}${inner}${"]".repeat(depth)}`);
    expect(isJson(nested(200))).toBe(true);
    expect(() => isJson(nested(201))).toThrow(DeepJsonError);
    const [deep] = jsonTexts(nested(200, '"x"'), "all");
    expect(deep?.path).toHaveLength(64);
  });
});
