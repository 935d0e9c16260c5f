import { describe, expect, it } from "vitest";
import { wipeNeedles } from "../../../src/needles/needle.ts";
import type { Encoding } from "../../../src/needles/needle.ts";
import { needlesOf } from "../../../src/needles/variants.ts";
import type { Purpose } from "../../../src/needles/variants.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { rsaKeyPair } from "../../support/key-pair.ts";

const take = (value: string | Buffer): Secret => Secret.take("prod/KEY", Buffer.from(value));
const textsOf = (value: string, encoding?: Encoding, purpose: Purpose = "search"): string[] =>
  needlesOf(take(value), purpose)
    .filter((needle) => encoding === undefined || needle.encoding === encoding)
    .map(({ bytes }) => bytes.toString());

const VALUE = 'Zk8/ü <q"+7Nw>&';

describe("needlesOf", () => {
  it("RI18 IT4: has every form that is promised", () => {
    const all = textsOf(VALUE);
    const bytes = Buffer.from(VALUE);
    expect(all).toContain(VALUE);
    expect(all).toContain(bytes.toString("hex"));
    expect(all).toContain(bytes.toString("hex").toUpperCase());
    expect(all).toContain(encodeURIComponent(VALUE));
    expect(all).toContain(
      encodeURIComponent(VALUE).replaceAll(/%../gu, (hex) => hex.toLowerCase()),
    );
    expect(all).toContain(new URLSearchParams({ v: VALUE }).toString().slice(2));
    expect(all).toContain(JSON.stringify(VALUE).slice(1, -1));
    expect(all).toContain('Zk8/ü \\u003cq\\"+7Nw\\u003e\\u0026');
    expect(all).toContain('Zk8\\/ü <q\\"+7Nw>&');
    expect(all).toContain('Zk8/\\u00fc <q\\"+7Nw>&');
  });

  it("has base64 at three alignments in both alphabets", () => {
    const value = "k?>k?>k?>k?>7";
    expect(textsOf(value, "base64")).toEqual([
      "az8+az8+az8+az8+N",
      "s/Pms/Pms/Pms/Pj",
      "rPz5rPz5rPz5rPz43",
    ]);
    // the third alignment has no character that the alphabets differ in: a duplicate
    expect(textsOf(value, "base64url")).toEqual(["az8-az8-az8-az8-N", "s_Pms_Pms_Pms_Pj"]);
  });

  it("ignores white space at the ends: the whole value contains the rest", () => {
    expect(textsOf("  first-line-of-it\n")).toEqual(textsOf("first-line-of-it"));
  });

  it("has no duplicates, nothing shorter than 8 bytes, and the secret's name", () => {
    const needles = needlesOf(take("abcdefgz"));
    const texts = needles.map(({ bytes }) => bytes.toString("latin1"));
    expect(new Set(texts).size).toBe(texts.length);
    expect(Math.min(...texts.map((text) => text.length))).toBe(8);
    expect(needles.every(({ secret }) => secret === "prod/KEY")).toBe(true);
  });

  it.each(["Q7#x", "", "password", "12345678"])(
    "searches for no value that proves nothing: %j",
    (value) => {
      expect(textsOf(value)).toEqual([]);
    },
  );

  it("has the bytes of a binary value, and no JSON of them", () => {
    const binary = Buffer.from([0xff, 0x00, 0xfe, 0x01, 0xfd, 0x02, 0xfc, 0x03, 0xfb]);
    const needles = needlesOf(take(Buffer.from(binary)));
    expect(needles.some(({ bytes }) => bytes.equals(binary))).toBe(true);
    expect(needles.some(({ bytes }) => bytes.toString() === binary.toString("hex"))).toBe(true);
  });

  it("uses memory of its own for every needle, and wipes it", () => {
    const needles = needlesOf(take("line-of-the-value-1\nline-of-the-value-2\n"), "mask");
    for (const { bytes } of needles) expect(bytes.buffer.byteLength).toBe(bytes.length);
    wipeNeedles(needles);
    expect(needles.every(({ bytes }) => bytes.every((byte) => byte === 0))).toBe(true);
  });
});

describe("multi-line values", () => {
  const { privateKey, publicKey } = rsaKeyPair();
  const body = privateKey.trim().split("\n").slice(1, -1);

  // the modulus ends in the seventh; the last one is short: one in forty is without a digit, and so
  // may be a word
  const privateHalf = body.slice(6, -1);

  it("has each line of the private half of a key, and no boundary", () => {
    const lines = textsOf(privateKey, "line");
    expect(lines).toEqual(expect.arrayContaining(privateHalf));
    expect(lines).not.toContain(body[3]);
    expect(lines.some((line) => line.includes("-----"))).toBe(false);
  });

  it("has both line endings", () => {
    const crlf = privateKey.trim().replaceAll("\n", "\r\n");
    for (const value of [privateKey, crlf]) {
      expect(textsOf(value, "raw")).toEqual(expect.arrayContaining([privateKey.trim(), crlf]));
    }
  });

  it("leaves out public blocks: a certificate may stand anywhere", () => {
    const lines = textsOf(publicKey + privateKey, "line");
    for (const line of publicKey.trim().split("\n")) expect(lines).not.toContain(line);
    expect(lines).toEqual(expect.arrayContaining(privateHalf));
  });

  it("leaves out the first line of OpenSSH keys, which many keys share", () => {
    const shared = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW";
    const own = "QyNTUxOQAAACDq1mYfSN3G0pS8XwPaF7c5zVb2kQ9tLhRjE4uWnBdAoA";
    expect(textsOf(`${shared}\n${own}`, "line")).toEqual([own]);
  });

  it("masks each line that is long enough to be no accident", () => {
    const value = "user = bob1\nkey: x\nlocalhost\n12345678\nline-four\n";
    expect(textsOf(value, "line", "mask")).toEqual(["user = bob1", "line-four"]);
    expect(textsOf(value, "line")).toEqual([]);
  });

  it("leaves out lines that files share, but masks them", () => {
    const json = '{\n  "type": "service_account",\n  "id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9"\n}\n';
    expect(textsOf(json, "line")).toEqual(['"id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9"']);
    expect(textsOf(json, "line", "mask")).toContain('"type": "service_account",');
  });
});

describe("private keys", () => {
  const { privateKey, publicKey } = rsaKeyPair();
  const bodyOf = (pem: string): string => pem.replaceAll(/-----.*-----|\s|=/gu, "");

  it.each([
    ["as it is", privateKey],
    ["with other blocks", publicKey + privateKey + publicKey],
    ["with CRLF", privateKey.replaceAll("\n", "\r\n")],
    ["in JSON", JSON.stringify({ type: "service_account", private_key: privateKey })],
    [
      "with headers",
      privateKey.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,0\n\n"),
    ],
    ["without its end", privateKey.replace(/-----END.*/u, "")],
  ])("has the body without line breaks: %s", (_name, value) => {
    expect(textsOf(value, "pem")).toEqual([bodyOf(privateKey)]);
  });

  it("of public blocks has none", () => {
    expect(textsOf(publicKey, "pem")).toEqual([]);
  });

  it("has the encodings of both line endings", () => {
    const crlf = privateKey.trim().replaceAll("\n", "\r\n");
    for (const value of [privateKey, crlf]) {
      const texts = textsOf(value, "base64");
      for (const ending of [privateKey.trim(), crlf]) {
        const whole = Buffer.from(ending).toString("base64");
        expect(texts.some((text) => whole.startsWith(text))).toBe(true);
      }
    }
  });
});

describe("tokens", () => {
  const part = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString("base64url");
  const header = part({ alg: "HS256", typ: "JWT" });
  const payload = part({ sub: "cats", iat: 1_700_000_000 });
  const signature = "mT3kqVb8Yz0sWn5pR7dXfG1hJ4lC6aE9uOiPtQwErTy";

  it("has payload and signature of a JWT alone, never its header", () => {
    const jwt = `${header}.${payload}.${signature}`;
    expect(textsOf(jwt, "jwt")).toEqual([payload, signature]);
    expect(textsOf(jwt)).not.toContain(header);
  });

  it("has the four parts of a JWE that are its own, without those that are short", () => {
    const jwe = [header, signature, "c2hvcnQ", payload, signature.toLowerCase()].join(".");
    expect(textsOf(jwe, "jwt")).toEqual([signature, payload, signature.toLowerCase()]);
  });

  it.each([`${header}.${payload}`, `${header}.${payload}.a b`, `xyz.${payload}.${signature}`])(
    "is nothing else",
    (value) => {
      expect(textsOf(value, "jwt")).toEqual([]);
    },
  );
});

describe("needles for masking", () => {
  it.each([
    ["Q7#x", ["Q7#x", "51372378"]],
    ["Q7#", []],
    ["true", []],
    ["Password", []],
  ])("%s: short values are masked, common words are not", (value, expected) => {
    const texts = textsOf(value, undefined, "mask");
    if (expected.length === 0) expect(texts.filter((text) => text === value)).toEqual([]);
    for (const text of expected) expect(texts).toContain(text);
  });

  it("has the lines that base64 of a long value is printed in", () => {
    const value = "0123456789abcdef".repeat(5).replaceAll("a", "-");
    const whole = Buffer.from(value).toString("base64").replaceAll("=", "");
    const texts = textsOf(value, "base64", "mask");
    expect(texts).toContain(whole.slice(0, 64));
    expect(texts).toContain(whole.slice(64));
    expect(texts).toContain(whole.slice(0, 76));
    expect(texts).toContain(whole.slice(76));
  });

  it("has base64 with its last character", () => {
    expect(textsOf("value-of-7n", "base64", "mask")).toContain("dmFsdWUtb2YtN24");
  });
});
