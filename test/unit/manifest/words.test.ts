import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { modeBits } from "../../../src/manifest/file-target.ts";
import { isAppName, isBase64, isBuildId, isDate, isEnvName } from "../../../src/manifest/names.ts";
import { publicKeyShape } from "../../../src/manifest/names.ts";
import { editDistance, nearMiss } from "../../../src/manifest/near-miss.ts";
import { dottedKey, tomlKey, tomlString } from "../../../src/manifest/toml-text.ts";
import { parse, PUBLIC_KEY } from "./fixtures.ts";

describe("names", () => {
  it.each([
    ["A", true],
    ["_a9", true],
    ["9a", false],
    ["a-b", false],
    ["", false],
    ["a\n", false],
    ["é", false],
  ])("%j as an env name: %s", (name, is) => expect(isEnvName(name)).toBe(is));

  it.each([
    ["npm-token", true],
    ["a.b_c/d", true],
    ["a,b", false],
    ['a"b', false],
    ["a b", false],
    ["a=b", false],
    ["", false],
    ["a\u001b", false],
  ])("%j as a build id: %s", (name, is) => expect(isBuildId(name)).toBe(is));

  it.each([
    ["cats", true],
    ["cats-2.api", true],
    ["a/b", false],
    ["..", false],
    ["a b", false],
    ["", false],
    ["a".repeat(201), false],
  ])("%j as an app: %s", (name, is) => expect(isAppName(name)).toBe(is));

  it.each([
    ["0440", 0o440],
    ["440", 0o440],
    ["7777", null],
    ["0000", 0],
    ["0888", null],
    ["44", null],
    ["00440", null],
    ["0o440", null],
    ["", null],
  ])("mode %j is %s", (text, mode) => expect(modeBits(text)).toBe(mode));

  it.each([
    ["2027-01-31", true],
    ["2028-02-29", true],
    ["2027-02-29", false],
    ["2027-13-01", false],
    ["2027-01-31T10:00:00Z", true],
    ["2027-01-31 10:00", true],
    ["07:32:00", false],
    ["2027-01-31x", false],
  ])("%j as a date: %s", (text, is) => expect(isDate(text)).toBe(is));

  it("IT11: base64 of every length and both alphabets, padded or not, is known", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 99 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        const [standard, url] = [buffer.toString("base64"), buffer.toString("base64url")];
        for (const text of [standard, url, standard.replaceAll("=", "")]) {
          expect(isBase64(text)).toBe(true);
        }
        expect(isBase64(`${url.slice(0, -1)}!`)).toBe(false);
      }),
    );
  });

  it("tells public from private keys by their shape", () => {
    const raw = Buffer.alloc(32, 255);
    for (const text of [PUBLIC_KEY, raw.toString("base64"), raw.toString("base64url")]) {
      expect(publicKeyShape(text)).toBe("public");
    }
    expect(publicKeyShape(PUBLIC_KEY.replace("smp1_", "smk1_"))).toBe("private");
    for (const text of ["", "smp1_", `${PUBLIC_KEY}A`, "smp2_x", `${PUBLIC_KEY}\n`]) {
      expect(publicKeyShape(text)).toBe("neither");
    }
  });
});

describe("near misses", () => {
  it.each([
    ["encryptd", "encrypted"],
    ["Encrypted", "encrypted"],
    ["fil", "file"],
    ["owenr", "owner"],
    ["modes", "mode"],
    ["sekret", "secret"],
    ["password", undefined],
    ["x".repeat(10_000), undefined],
  ])("%s means %s", (word, meant) => {
    expect(nearMiss(word, ["encrypted", "file", "owner", "mode", "secret"])).toBe(meant);
  });

  it("counts edits", () => {
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("same", "same")).toBe(0);
  });
});

describe("TOML text", () => {
  it("what is written is read back, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.string(), (key, value) => {
        fc.pre(!value.includes("\0") && key !== "__proto__");
        const text = `[env.common]\n${tomlKey(key)} = { file = "a", template = "x", type = ${tomlString(`t${value}`)} }`;
        fc.pre(!/\p{Cc}/u.test(key));
        const entry = parse(text).environments.get("common")?.get(key);
        expect(entry?.type).toBe(`t${value}`);
      }),
    );
  });

  it("never lets a control or direction character through", () => {
    const text = tomlString("\u001b[31m\u0000\u007f\u009b\u202e\n");
    expect(text).toBe('"\\u001b[31m\\u0000\\u007f\\u009b\\u202e\\n"');
    expect(dottedKey(["env", "a b", "c"])).toBe('env."a b".c');
  });
});
