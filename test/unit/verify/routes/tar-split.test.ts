import { describe, expect, it } from "vitest";
import { parseTarSplit, TarSplitError } from "../../../../src/verify/routes/tar-split.ts";
import type { SplitEntry } from "../../../../src/verify/routes/tar-split.ts";

const LINES = [
  { type: 2, payload: Buffer.from("header").toString("base64"), position: 0 },
  { type: 1, name: "etc/ü", size: 3, payload: "AAAA", position: 1 },
  { type: 2, payload: null, position: 2 },
  { type: 1, name: "etc/", payload: null, position: 3 },
  {
    type: 1,
    name_raw: Buffer.from([0x66, 0xff]).toString("base64"),
    size: 1,
    payload: "",
    position: 4,
  },
  { type: 2, payload: Buffer.alloc(700, "p").toString("base64"), position: 5 },
];

const ENTRIES: readonly SplitEntry[] = [
  { kind: "segment", base64: "aGVhZGVy" },
  { kind: "file", name: "etc/ü", size: 3 },
  { kind: "segment", base64: "" },
  { kind: "file", name: Buffer.from([0x66, 0xff]), size: 1 },
  { kind: "segment", base64: Buffer.alloc(700, "p").toString("base64") },
];

const textOf = (lines: readonly object[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("");

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function parse(text: string, size = 65_536): Promise<SplitEntry[]> {
  const entries: SplitEntry[] = [];
  for await (const batch of parseTarSplit(inPieces(Buffer.from(text), size)))
    entries.push(...batch);
  return entries;
}

describe("an engine's notes on a tar", () => {
  it.each([1, 2, 7, 100, 65_536])("are the same in pieces of %i bytes", async (size) => {
    expect(await parse(textOf(LINES), size)).toEqual(ENTRIES);
    expect(await parse(textOf(LINES).trimEnd(), size)).toEqual(ENTRIES);
  });

  it("are damaged wherever they are cut within a line", async () => {
    const text = textOf(LINES);
    for (let end = 1; end < text.length; end++) {
      const isWhole = text[end] === "\n" || text[end - 1] === "\n";
      const parsed = parse(text.slice(0, end));
      if (isWhole) await expect(parsed).resolves.toBeDefined();
      else await expect(parsed).rejects.toBeInstanceOf(TarSplitError);
    }
  });

  const [first = {}, second = {}] = LINES;
  it.each<[string, string]>([
    ["a line that is lost", textOf(LINES.toSpliced(1, 1))],
    ["lines in another order", textOf([second, first])],
    ["a line that comes twice", textOf([first, first])],
    ["a kind that is not known", textOf([{ ...first, type: 3 }])],
    ["a segment that is no text", textOf([{ ...first, payload: 7 }])],
    ["a name that is no text", textOf([first, { ...second, name: ["etc"] }])],
    ["no name", textOf([first, { type: 1, size: 1, payload: null, position: 1 }])],
    ["a negative size", textOf([first, { ...second, size: -1 }])],
    ["a fraction of a byte", textOf([first, { ...second, size: 1.5 }])],
    ["a size beyond counting", textOf([first, { ...second, size: 1e300 }])],
    ["a size that is text", textOf([first, { ...second, size: "1" }])],
    ["no object", "null\n"],
    ["something behind a line", textOf([first]).replace("\n", " {}\n")],
    ["bytes of any kind", "\0\u{fffd}\n"],
  ])("with %s are damaged", async (_name, text) => {
    await expect(parse(text)).rejects.toBeInstanceOf(TarSplitError);
  });

  it("with a line of 17 MiB are not read", async () => {
    const line = `{"type":2,"payload":"${"A".repeat(17 * 1024 * 1024)}","position":0}\n`;
    await expect(parse(line)).rejects.toBeInstanceOf(TarSplitError);
  });
});
