import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Encoding, Needle } from "../../../src/needles/needle.ts";
import { NeedleSearch } from "../../../src/needles/search.ts";
import { needlesOf } from "../../../src/needles/variants.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { DISGUISES } from "./disguises.ts";

const VALUE = `Zk8/ü <q"+7N'w>&$9\`\\x=~`;

const needles = (value: string, username?: string): Needle[] =>
  needlesOf(Secret.take("prod/KEY", Buffer.from(value), username));

/** The plainest search there is; names only, so that a failure prints no value. */
function foundIn(text: string | Buffer, all: readonly Needle[]): Encoding[] {
  const bytes = Buffer.from(text);
  return [...new Set(all.filter((one) => bytes.includes(one.bytes)).map((one) => one.encoding))];
}

describe("disguises", () => {
  it.each(DISGUISES)("IT4: $name is found as $encoding", ({ encoding, of }) => {
    const text = Buffer.concat([Buffer.from("before "), Buffer.from(of(VALUE)), Buffer.from("]")]);
    expect(foundIn(text, needles(VALUE))).toContain(encoding);
  });

  it("any value is found in any disguise, whatever stands around", () => {
    const value = fc
      .string({ unit: "grapheme", minLength: 8, maxLength: 60 })
      .filter((text) => text.isWellFormed() && needles(text).length > 0);
    const around = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(
        value,
        fc.constantFrom(...DISGUISES),
        around,
        around,
        (text, { of }, before, after) => {
          const whole = Buffer.concat([
            before,
            Buffer.from(of(text.replaceAll(/^[ \t-\r]+|[ \t-\r]+$/gu, ""))),
            after,
          ]);
          expect(foundIn(whole, needles(text)).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("any bytes are found raw, in base64, base32 and hex of any text that has them", () => {
    const bytes = fc
      .uint8Array({ minLength: 10, maxLength: 80 })
      .map((array) => Buffer.from(array));
    const around = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(bytes, around, around, (value, before, after) => {
        const all = needlesOf(Secret.take("S", Buffer.from(value)));
        fc.pre(all.length > 0);
        const whole = Buffer.concat([before, value, after]);
        expect(foundIn(whole, all)).toContain("raw");
        expect(foundIn(whole.toString("hex"), all)).toContain("hex");
        expect(foundIn(whole.toString("base64"), all)).toContain("base64");
        const urlSafe = foundIn(whole.toString("base64url"), all);
        expect(urlSafe.some((each) => each.startsWith("base64"))).toBe(true);
        const once = Buffer.from(whole.toString("base64"));
        const twice = Buffer.concat([before, once, after]).toString("base64");
        expect(foundIn(twice, all)).toContain("base64-twice");
      }),
    );
  });

  it("marks what tools break into lines", () => {
    const wrapping = new Set(needles(VALUE).flatMap((one) => (one.wraps ? [one.encoding] : [])));
    expect([...wrapping]).toEqual(["base64", "base64url", "hex", "base64-twice", "base32"]);
  });

  it("has few needles for letters and digits: each costs time in every byte that is read", () => {
    expect(needles("aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF").length).toBeLessThanOrEqual(21);
  });
});

describe("disguises as python makes them", () => {
  const python = spawnSync("python3", ["-c", PROGRAM()], { input: VALUE, encoding: "utf8" });
  it.skipIf(python.error !== undefined)("base64, HTML, shlex, JSON and URLs are found", () => {
    expect(python.stderr).toBe("");
    const made = JSON.parse(python.stdout) as Record<string, string>;
    const all = needles(VALUE);
    const missed = Object.entries(made).filter(([, text]) => foundIn(text, all).length === 0);
    expect(missed.map(([name]) => name)).toEqual([]);
    expect(Object.keys(made).length).toBeGreaterThan(15);
  });
});

/** Encodings of the text on stdin by python's own library, as JSON. */
function PROGRAM(): string {
  return `
import base64, binascii, html, json, shlex, sys, urllib.parse
from xml.sax import saxutils
v = sys.stdin.buffer.read().decode()
b = v.encode()
print(json.dumps({
  "b64": base64.b64encode(b).decode(), "b64url": base64.urlsafe_b64encode(b"xy" + b).decode(),
  "b64b64": base64.b64encode(base64.b64encode(b"k=" + b)).decode(),
  "b32": base64.b32encode(b"abc" + b).decode(), "b16": base64.b16encode(b).decode(),
  "hexlify": binascii.hexlify(b).decode(), "utf-8 in json": json.dumps(v, ensure_ascii=False),
  "json": json.dumps({"k": v}), "json in json": json.dumps(json.dumps({"k": v})),
  "html": html.escape(v), "html text": html.escape(v, quote=False),
  "html ascii": html.escape(v).encode("ascii", "xmlcharrefreplace").decode(),
  "xml": saxutils.escape(v), "xml attribute": saxutils.quoteattr(v),
  "shlex": shlex.quote(v), "quote": urllib.parse.quote(v), "quote all": urllib.parse.quote(v, safe=""),
  "plus": urllib.parse.quote_plus(v), "form": urllib.parse.urlencode({"k": v}),
}))`;
}

describe("disguises as bash makes them", () => {
  const script =
    'v="$1"; printf "%q\\n" "$v"; echo "${v@Q}"; export v; export -p; set; declare -p v';
  const both = [
    VALUE,
    `two lines\n'and' a \\ tab\t9${VALUE}`,
    `all Zk8 !"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`,
  ];
  const runs = both.map((value) => {
    const env = { LC_ALL: "C.UTF-8" };
    return { value, ...spawnSync("/bin/bash", ["-c", script, "-", value], { env }) };
  });
  it.skipIf(runs.some(({ error }) => error !== undefined))("every line of it is found", () => {
    for (const { value, stdout } of runs) {
      const lines = stdout
        .toString()
        .split("\n")
        .filter((line) => line.includes("Zk8"));
      const missed = lines.filter((line) => foundIn(line, needles(value)).length === 0);
      expect(missed.length).toBe(0);
      expect(lines.length).toBeGreaterThanOrEqual(5);
    }
  });
});

describe("logins", () => {
  const basic = (user: string, password: string): string =>
    Buffer.from(`${user}:${password}`).toString("base64");

  it.each([
    ["plain", "https://deploybot:Zk8q7NwP4x@host/x.git"],
    ["Basic", `Authorization: Basic ${basic("deploybot", "Zk8q7NwP4x")}`],
    ["as docker pads it", basic("deploybot", "Zk8q7NwP4x\0\0")],
  ])("IT4: a user name with its password, %s", (_name, text) => {
    expect(foundIn(text, needles("Zk8q7NwP4x\n", "deploybot"))).toContain("login");
    expect(foundIn(text, needles("Zk8q7NwP4x"))).not.toContain("login");
  });

  it("finds a password that is too short to be looked for alone", () => {
    const all = needles("Zk8q7", "deploybot");
    expect([...new Set(all.map(({ encoding }) => encoding))]).toEqual(["login"]);
    expect(foundIn(basic("deploybot", "Zk8q7"), all)).toEqual(["login"]);
  });

  it.each(["admin", ""])("has no pair that stands in ordinary files: %j", (user) => {
    expect(needles("admin", user)).toEqual([]);
  });

  it("has the needles of the parts of a value, under its name", () => {
    const secret = Secret.take("prod/PULL", Buffer.from('{"auths":{}}'));
    secret.adopt(Secret.take("part", Buffer.from("Zk8q7NwP4x"), "deploybot"));
    const all = needlesOf(secret);
    expect(new Set(all.map((one) => one.secret))).toEqual(new Set(["prod/PULL"]));
    expect(foundIn("Zk8q7NwP4x", all)).toEqual(["raw"]);
    expect(foundIn(basic("deploybot", "Zk8q7NwP4x"), all)).toContain("login");
  });
});

describe("large values", () => {
  it("are found in the forms that files are kept in, at a few times their size", () => {
    const value = randomBytes(200_000);
    const all = needlesOf(Secret.take("S", Buffer.from(value)));
    expect([...new Set(all.map(({ encoding }) => encoding))]).toEqual([
      "raw",
      "base64",
      "base64url",
      "hex",
    ]);
    expect(foundIn(`{"data":"${value.toString("base64")}"}`, all)).toEqual(["base64"]);
    expect(all.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(16 * value.length);
  });
});

describe("false alarms", () => {
  it("no needle of 200 random secrets is in the files of this system", () => {
    const alphabets = ["0123456789", "0123456789abcdef", "abcdefghijklmnopqrstuvwxyz", BASE62];
    const all = Array.from({ length: 200 }, (_, i) => {
      const alphabet = alphabets[i % alphabets.length] ?? BASE62;
      const characters = Array.from(
        randomBytes(8 + (i % 25)),
        (byte) => alphabet[byte % alphabet.length],
      );
      return needlesOf(Secret.take(`S${i}`, Buffer.from(characters.join("")), "robot"));
    }).flat();
    const search = new NeedleSearch(all);
    const found = new Set<Encoding>();
    let bytes = 0;
    for (const chunk of systemFiles(48_000_000)) {
      search.write(chunk, ({ needle }) => found.add(needle.encoding));
      bytes += chunk.length;
    }
    search.end();
    expect([...found]).toEqual([]);
    expect(bytes).toBeGreaterThan(1_000_000);
  });
});

const BASE62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** The beginnings of files of the system, up to so many bytes. */
function* systemFiles(budget: number): Generator<Buffer> {
  const chunk = Buffer.alloc(256 * 1024);
  let left = budget;
  for (const path of filesIn("/usr/lib")) {
    if (left <= 0) return;
    const file = openSync(path, "r");
    const read = readSync(file, chunk);
    closeSync(file);
    left -= read;
    yield chunk.subarray(0, read);
  }
}

/** Links are not followed: some lead back to where they are. */
function* filesIn(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile()) yield path;
  }
}
