import { generateKeyPairSync, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { text as readAll } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Mask } from "../../../src/mask/mask.ts";
import { NeedleIndex } from "../../../src/mask/needle-index.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { rsaKeyPair } from "../../support/key-pair.ts";
import { DISGUISES } from "../needles/disguises.ts";

const CANARY = 'mask-canary-93+/"ö';
const maskOf = (...values: string[]): Mask =>
  new Mask(values.map((value, i) => Secret.take(`S${i}`, Buffer.from(value))));

async function streamed(mask: Mask, chunks: readonly Uint8Array[]): Promise<string> {
  const stream = mask.stream();
  const all = readAll(stream);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return all;
}

const bytewise = (text: string): Buffer[] =>
  [...Buffer.from(text)].map((byte) => Buffer.from([byte]));

const FORMS: readonly (readonly [string, (value: string) => string])[] = [
  ["raw", (value) => value],
  ["base64", (value) => Buffer.from(value).toString("base64")],
  ["base64url", (value) => Buffer.from(value).toString("base64url")],
  ["base64 after one byte", (value) => Buffer.from(`:${value}`).toString("base64")],
  ["base64 after two bytes", (value) => Buffer.from(`u:${value}`).toString("base64")],
  ["hex", (value) => Buffer.from(value).toString("hex")],
  ["HEX", (value) => Buffer.from(value).toString("hex").toUpperCase()],
  ["percent", (value) => encodeURIComponent(value)],
  ["form", (value) => new URLSearchParams({ v: value }).toString().slice(2)],
  ["JSON", (value) => JSON.stringify(value).slice(1, -1)],
];

describe("Mask.text", () => {
  it.each(FORMS)("IT3: hides the value as %s", (_name, form) => {
    const masked = maskOf(CANARY).text(`before ${form(CANARY)} after`);
    expect(masked).toMatch(/^before .{0,3}\*\*\*=* after$/u);
  });

  it("shows text without a secret unchanged, also text that is no UTF-16", () => {
    for (const text of ["", "nothing here", "lone \ud800 surrogate"]) {
      expect(maskOf(CANARY).text(text)).toBe(text);
    }
  });

  it("hides the longest match, and overlapping ones as one", () => {
    const mask = maskOf("alpha-beta", "beta-gamma", "alpha-beta-gamma-delta");
    expect(mask.text("<alpha-beta-gamma-delta>")).toBe("<***>");
    expect(mask.text("<alpha-beta-gamma>")).toBe("<***>");
    expect(mask.text("<alpha-betabeta-gamma>")).toBe("<******>");
  });

  it("hides values from 4 bytes on, and no common word", () => {
    const mask = maskOf("Q7#x", "Q8#", "true", "password", "3000");
    expect(mask.text("Q7#x Q8# true password 3000")).toBe("*** Q8# true password 3000");
  });

  it("IT3: hides single lines of a private key, with any line ending", () => {
    const { privateKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const body = privateKey.trim().split("\n").slice(1, -1);
    const mask = maskOf(privateKey);
    for (const line of body) expect(mask.text(`    ${line}\r\n`)).toBe("    ***\r\n");
    expect(mask.text(privateKey)).toBe("***\n");
    expect(mask.text(privateKey.replaceAll("\n", "\r\n"))).toBe("***\r\n");
  });

  it.each(DISGUISES.filter(({ of }) => typeof of(CANARY) === "string"))(
    "IT3: hides the value as $name",
    ({ of }) => {
      const text = String(of(CANARY));
      const masked = maskOf(CANARY).text(`before ${text} after`);
      expect(masked).toMatch(/^before .{0,20}\*\*\*.{0,10} after$/u);
    },
  );

  it("IT3: hides base64 in lines, and a key without its line breaks", () => {
    const { privateKey } = rsaKeyPair();
    const mask = maskOf(privateKey);
    for (const width of [64, 70, 76]) {
      const text = Buffer.from(privateKey).toString("base64");
      const lines = text.match(new RegExp(`.{1,${width}}`, "gu")) ?? [];
      const masked = mask.text(`${lines.join("\n")}\n`);
      expect(masked.split("\n").filter((line) => /[^*=]{5}/u.test(line))).toEqual([]);
    }
    const account = maskOf(JSON.stringify({ private_key: privateKey }));
    for (const line of privateKey.split("\n").slice(1, -2)) {
      expect(account.text(line)).toMatch(/^\*\*\*=*$/u);
    }
    const body = privateKey.split("\n").slice(1, -2).join("");
    expect(mask.text(`key=${body};`)).toMatch(/^key=\*\*\*=*;$/u);
  });

  it("IT3: hides a login, and the user name with it", () => {
    const mask = new Mask([Secret.take("S", Buffer.from("Zk8q7"), "deploybot")]);
    const basic = Buffer.from("deploybot:Zk8q7").toString("base64");
    expect(mask.text(`https://deploybot:Zk8q7@host Basic ${basic}`)).toBe(
      "https://***@host Basic ***",
    );
  });

  it("keeps UTF-8 around a value whole", () => {
    expect(maskOf(CANARY).text(`😀${CANARY}ü${CANARY}😀`)).toBe("😀***ü***😀");
  });

  it("throws after it was disposed: nothing passes unmasked", () => {
    const mask = maskOf(CANARY);
    mask[Symbol.dispose]();
    expect(() => mask.text("anything")).toThrow("the mask was wiped");
  });
});

describe("a thousand secrets", () => {
  const values = Array.from({ length: 1000 }, () => randomBytes(24).toString("base64"));

  it("are all hidden, in their encodings, and nothing else", () => {
    const mask = maskOf(...values);
    const forms = values.flatMap((value) => [
      value,
      Buffer.from(value).toString("hex"),
      Buffer.from(Buffer.from(value).toString("base64")).toString("base64"),
    ]);
    const masked = mask.text(forms.map((form) => `<${form}>`).join("ordinary text\n"));
    expect(masked.match(/<\*\*\*=*>/gu)?.length).toBe(3000);
    expect(masked.replaceAll(/<\*\*\*=*>/gu, "").replaceAll("ordinary text\n", "")).toBe("");
  });
});

describe("NeedleIndex", () => {
  it("finds exactly what is there", () => {
    const alphabet = fc.constantFrom(0x61, 0x62, 0xff);
    const small = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
      fc.array(alphabet, { minLength, maxLength }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(
        fc.array(small(4, 14), { minLength: 1, maxLength: 6 }),
        small(0, 300),
        (values, text) => {
          const needles = values.map((bytes) => ({ secret: "S", encoding: "raw" as const, bytes }));
          const found: string[] = [];
          new NeedleIndex(needles).visit(text, (start, end) => found.push(`${start}-${end}`));
          const expected = values.flatMap((value) => {
            const places: string[] = [];
            for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
              places.push(`${at}-${at + value.length}`);
            }
            return places;
          });
          expect(found.toSorted()).toEqual(expected.toSorted());
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("refuses what is too short, finds nothing without needles, nothing when wiped", () => {
    const one = { secret: "S", encoding: "raw", bytes: Buffer.from("abc") } as const;
    expect(() => new NeedleIndex([one])).toThrow(RangeError);
    const found: number[] = [];
    const text = Buffer.from("abcdefgh");
    new NeedleIndex([]).visit(text, (start) => found.push(start));
    const index = new NeedleIndex([{ ...one, bytes: Buffer.from("cdef") }]);
    index.visit(text, (start) => found.push(start));
    index.wipe();
    index.visit(text, (start) => found.push(start));
    expect(found).toEqual([2]);
  });
});

describe("Mask.stream", () => {
  it.each(FORMS)(
    "IT3: hides %s that comes in one piece, in two, and byte by byte",
    async (_n, form) => {
      const text = `before ${form(CANARY)} after`;
      const whole = maskOf(CANARY).text(text);
      const bytes = Buffer.from(text);
      expect(await streamed(maskOf(CANARY), [bytes])).toBe(whole);
      expect(await streamed(maskOf(CANARY), bytewise(text))).toBe(whole);
      for (let cut = 1; cut < bytes.length; cut++) {
        const halves = [bytes.subarray(0, cut), bytes.subarray(cut)];
        expect(await streamed(maskOf(CANARY), halves)).toBe(whole);
      }
    },
  );

  it("gives what text gives, whatever the secrets, the text and the chunks", async () => {
    // a small alphabet: prefixes, overlaps and secrets within secrets all the time
    const word = fc.string({ unit: fc.constantFrom("a", "b", "#"), minLength: 4, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { minLength: 1, maxLength: 4 }),
        fc.string({ unit: fc.constantFrom("a", "b", "#", "ü"), maxLength: 60 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        async (secrets, text, cuts) => {
          const mask = maskOf(...secrets);
          const bytes = Buffer.from(text);
          const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
          places.sort((a, b) => a - b);
          const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
          expect(await streamed(mask, chunks)).toBe(mask.text(text));
          expect(await streamed(mask, bytewise(text))).toBe(mask.text(text));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("passes what can't begin a secret at once, and holds what can", async () => {
    const stream = maskOf(CANARY).stream();
    const seen: string[] = [];
    stream.on("data", (bytes: Buffer) => seen.push(bytes.toString()));
    stream.write("progress 50 %\nprompt: ma");
    expect(seen.join("")).toBe("progress 50 %\nprompt: ");
    stream.write("king\n");
    expect(seen.join("")).toBe("progress 50 %\nprompt: making\n");
    stream.destroy();
  });

  it("shows held text after 100 ms, and still hides the rest of a secret that goes on", async () => {
    const stream = maskOf(CANARY).stream();
    const seen: string[] = [];
    stream.on("data", (bytes: Buffer) => seen.push(bytes.toString()));
    stream.write("password? mask-ca");
    expect(seen.join("")).toBe("password? ");
    await sleep(160);
    expect(seen.join("")).toBe("password? mask-ca");
    stream.write(`${CANARY.slice("mask-ca".length)}!`);
    expect(seen.join("")).toBe("password? mask-ca***!");
    stream.destroy();
  });

  it("writes no stars twice when a shown secret turns out to be a longer one", async () => {
    const stream = maskOf("alpha-beta", "alpha-beta-gamma").stream();
    const all = readAll(stream);
    stream.write("<alpha-beta");
    await sleep(160);
    stream.write("-gam");
    await sleep(160);
    stream.end("ma>");
    expect(await all).toBe("<***-gam***>");
  });

  it("leaves bytes that are no text alone", async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x80]);
    const stream = maskOf(CANARY).stream();
    const all = stream.toArray();
    stream.end(bytes);
    expect(Buffer.concat((await all) as Buffer[]).equals(bytes)).toBe(true);
  });

  it("fails after the mask was disposed", async () => {
    const mask = maskOf(CANARY);
    const stream = mask.stream();
    const all = readAll(stream);
    mask[Symbol.dispose]();
    stream.end(CANARY);
    await expect(all).rejects.toThrow("the mask was wiped");
  });

  it("keeps no timer after it was destroyed or ended", async () => {
    const stream = maskOf(CANARY).stream();
    stream.resume();
    stream.write("mask-ca");
    stream.destroy();
    await sleep(160);
    expect(stream.errored).toBeNull();
  });
});
