import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";
import { filteredTar } from "../../../../src/verify/sources/tar-filter.ts";
import { tar } from "../archives.ts";

const pieces = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );

async function contentsOf(bytes: Buffer): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const reader = extract();
  Readable.from([bytes]).pipe(reader);
  for await (const entry of reader) found[entry.header.name] = String(await buffer(entry));
  return found;
}

describe("a part of a tar", () => {
  it("of headers without an end is given up", async () => {
    const headers = (await tar({ [`${"long/".repeat(60)}name`]: "" })).subarray(0, 1024);
    let given = 0;
    const endless = function* (): Generator<Buffer> {
      for (; given < 200; given++) yield Buffer.concat(Array.from({ length: 256 }, () => headers));
    };
    await expect(buffer(filteredTar(Readable.from(endless()), () => true))).rejects.toThrow(
      "extension headers are longer than 1 MiB",
    );
    expect(given).toBeLessThan(100);
  });

  it("has the wanted members whole, whatever the chunks", async () => {
    const long = `${"long/".repeat(60)}name`;
    const members = {
      a: randomBytes(3000).toString("hex"),
      b: "1",
      [long]: randomBytes(700).toString("hex"),
      empty: "",
      c: randomBytes(512).toString("hex"),
    };
    const bytes = await tar(members);
    for (const wanted of [["a", long], ["b", "c"], ["empty"], [], Object.keys(members)]) {
      for (const size of [bytes.length, 4096, 1000, 512, 7]) {
        const filtered = filteredTar(Readable.from(pieces(bytes, size)), ({ path }) =>
          wanted.includes(path),
        );
        const expected = Object.entries(members).filter(([name]) => wanted.includes(name));
        expect(await contentsOf(await buffer(filtered))).toEqual(Object.fromEntries(expected));
      }
    }
  });

  it("breaks off with the tar", async () => {
    const bytes = (await tar({ a: "1", b: randomBytes(5000) })).subarray(0, 3000);
    const filtered = filteredTar(Readable.from([bytes]), () => false);
    await expect(buffer(filtered)).rejects.toThrow("cut off");
  });
});
