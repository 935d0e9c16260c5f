import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEnvelope, encodeEnvelope, type Binding } from "../../../src/crypto/envelope.ts";
import { UnsealError } from "../../../src/errors.ts";
import { Secret } from "../../../src/secret/secret.ts";

const PROD: Binding = { app: "cats", scope: "prod", name: "API_KEY" };
const encode = (binding: Binding, value: string | Uint8Array): Buffer =>
  encodeEnvelope(binding, Secret.take("test", Buffer.from(value)));
const read = (text: string): { binding: Binding; value: string } | null => {
  const envelope = decodeEnvelope(Buffer.from(text));
  return envelope && { ...envelope, value: envelope.value.toString() };
};
const codeOf = (text: string): string | undefined => {
  try {
    read(text);
  } catch (error) {
    return error instanceof UnsealError ? error.code : "another class";
  }
  return undefined;
};

describe("writing an envelope", () => {
  it.each([
    ["an environment", PROD, '{"v":1,"app":"cats","env":"prod","name":"API_KEY","value":"s3"}'],
    ["common", { ...PROD, scope: "common" }, '{"v":1,"app":"cats","name":"API_KEY","value":"s3"}'],
    [
      "build",
      { ...PROD, scope: "build" },
      '{"v":1,"app":"cats","env":"build","name":"API_KEY","value":"s3"}',
    ],
  ])("IT15: names the scope %s", (_, binding, text) => {
    expect(encode(binding, "s3").toString().trimEnd()).toBe(text);
  });

  it("pads to 64 bytes with spaces, so that lengths of values do not show", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const envelope = encode(PROD, bytes);
        expect(envelope.length % 64).toBe(0);
        expect(envelope.toString("latin1").trimEnd().length).toBeGreaterThan(envelope.length - 64);
      }),
    );
  });

  it("is JSON whose value is the plaintext, or value_base64 for bytes that are not UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        expect(JSON.parse(encode(PROD, value).toString())).toMatchObject({ value });
      }),
    );
    const bytes = Buffer.from([0xff, 0x00, 0xfe]);
    expect(JSON.parse(encode(PROD, bytes).toString())).toEqual({
      v: 1,
      app: "cats",
      env: "prod",
      name: "API_KEY",
      value_base64: "/wD+",
    });
  });
});

describe("reading an envelope", () => {
  it("inverts writing, for any bytes and any names", () => {
    const name = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), name, name, (bytes, app, key) => {
        const binding = { app, scope: "test", name: key };
        const envelope = decodeEnvelope(encode(binding, bytes));
        expect(envelope?.binding).toEqual(binding);
        expect(envelope?.value.equals(bytes)).toBe(true);
      }),
    );
  });

  it("reads what any JSON writer makes of it: order of keys, white space, escapes", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.shuffledSubarray(["v", "app", "env", "name", "value"], { minLength: 5 }),
        fc.constantFrom(undefined, 1, "\t"),
        (value, order, indent) => {
          const all: Record<string, unknown> = { v: 1, app: "cats", env: "prod", name: "N", value };
          const json = JSON.stringify(
            Object.fromEntries(order.map((k) => [k, all[k]])),
            null,
            indent,
          );
          expect(read(` \r\n${json}\n`)?.value).toBe(value);
          // as Python's json.dumps with ensure_ascii writes it
          expect(read(json.replaceAll(/[^\x20-\x7e\s]/gu, toEscapes))?.value).toBe(value);
        },
      ),
    );
  });

  it.each([
    [String.raw`\"\\\/\b\f\n\r\t`, '"\\/\b\f\n\r\t'],
    [String.raw`\u0041\u00e9\u20AC`, "Aé€"],
    [String.raw`\ud83d\ude00\uD83D\uDE00`, "😀😀"],
    [String.raw`\u0000`, "\0"],
    ["\u007f", "\u007f"],
  ])("undoes the escapes of %j", (escaped, value) => {
    expect(read(`{"v":1,"app":"a","name":"n","value":"${escaped}"}`)?.value).toBe(value);
  });

  it.each([
    ["plain text", "s3cret"],
    ["nothing", ""],
    ["a JSON string", '"v app name"'],
    ["a JSON array", '["v","app","name"]'],
    ["another JSON object", '{"type":"service_account","v":{"app":[1,{"}":"]"}]},"n":null}'],
    ["an object with only some of the keys", '{"v":1,"name":"n","value":"x"}'],
    ["an empty object", " { } "],
    ["text behind the object", '{"v":1,"app":"a","name":"n","value":"x"} x'],
    ["an object that is not closed", '{"v":1,"app":"a","name":"n","value":"x"'],
    ["a comma too many", '{"v":1,"app":"a","name":"n","value":"x",}'],
    ["a missing colon", '{"v" 1,"app":"a","name":"n","value":"x"}'],
    ["a missing value", '{"v":,"app":"a","name":"n"}'],
    ["brackets that do not match up", '{"v":1,"app":"a","name":"n","value":[}'],
    ["a raw newline in a string", '{"v":1,"app":"a","name":"n","value":"x\ny"}'],
    ["single quotes", "{'v':1}"],
  ])("takes %s for a plain value, not for an envelope", (_, text) => {
    expect(read(text)).toBeNull();
  });

  it("takes bytes that are not UTF-8 for a plain value", () => {
    const bytes = Buffer.from('{"v":1,"app":"a","name":"n","value":"\xff"}', "latin1");
    expect(decodeEnvelope(bytes)).toBeNull();
  });

  it.each([
    ["2", '{"v":2,"app":"a","name":"n","sealed":{"deep":[1]}}'],
    ["as a string", '{"v":"1","app":"a","name":"n","value":"x"}'],
    ["1.0", '{"v":1.0,"app":"a","name":"n","value":"x"}'],
  ])("refuses version %s", (_, text) => {
    expect(codeOf(text)).toBe("UNSEAL_VERSION");
  });

  it.each([
    ["an unknown key", '{"v":1,"app":"a","name":"n","value":"x","more":1}'],
    ["a key twice", '{"v":1,"app":"a","name":"n","name":"m","value":"x"}'],
    [
      "a key twice, once escaped",
      String.raw`{"v":1,"app":"a","name":"n","n\u0061me":"m","value":"x"}`,
    ],
    ["both forms of a value", '{"v":1,"app":"a","name":"n","value":"x","value_base64":"eA=="}'],
    ["no value", '{"v":1,"app":"a","name":"n"}'],
    ["a value that is no string", '{"v":1,"app":"a","name":"n","value":7}'],
    ["an app that is no string", '{"v":1,"app":["a"],"name":"n","value":"x"}'],
    ["an env that is no string", '{"v":1,"app":"a","env":null,"name":"n","value":"x"}'],
    ["base64 that is none", '{"v":1,"app":"a","name":"n","value_base64":"?"}'],
    ["half a surrogate pair", String.raw`{"v":1,"app":"a","name":"n","value":"\ud83d"}`],
    ["a low surrogate alone", String.raw`{"v":1,"app":"a","name":"n","value":"\ude00"}`],
    ["two high surrogates", String.raw`{"v":1,"app":"a","name":"n","value":"\ud83d\ud83d"}`],
    ["an unknown escape", String.raw`{"v":1,"app":"a","name":"n","value":"\x41"}`],
    ["an escape that is too short", String.raw`{"v":1,"app":"a","name":"n","value":"\u00"}`],
    ["an escape that is no hex", String.raw`{"v":1,"app":"a","name":"n","value":"\u00g0"}`],
  ])("refuses an envelope with %s as damaged", (_, text) => {
    expect(codeOf(text)).toBe("UNSEAL_DAMAGED");
  });
});

function toEscapes(character: string): string {
  return Array.from({ length: character.length }, (_, i) => {
    return `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }).join("");
}
