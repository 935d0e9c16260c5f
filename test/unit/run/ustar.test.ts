import fc from "fast-check";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";

import {
  END_OF_TAR,
  paddedSize,
  type TarEntry,
  tarHeader,
} from "../../../src/run/delivery/ustar.ts";

const TYPES = { file: "file", link: "link", symlink: "symlink", folder: "directory", pax: "" };

/** What another reader finds in an archive of these entries, files filled with `a`. */
async function read(entries: readonly TarEntry[]): Promise<object[]> {
  const unpack = extract();
  const blocks = entries.flatMap((entry) => {
    const size = entry.size ?? 0;
    return [tarHeader(entry), Buffer.alloc(size, "a"), Buffer.alloc(paddedSize(size) - size)];
  });
  unpack.end(Buffer.concat([...blocks, END_OF_TAR]));
  const found: object[] = [];
  for await (const entry of unpack) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, type, mode, uid, gid, linkname, mtime } = entry.header;
    const content = Buffer.concat(chunks).toString();
    found.push({ name, type, mode, uid, gid, linkname, time: mtime?.getTime(), content });
  }
  return found;
}

function expected({ type, path, mode, ids, target, size = 0 }: TarEntry): object {
  const linkname = target ?? null;
  const content = "a".repeat(size);
  return { name: path, type: TYPES[type], mode, ...ids, linkname, time: 0, content };
}

const ids = { uid: 1234, gid: 2345 };

describe("tarHeader", () => {
  it.each<[string, TarEntry]>([
    ["a file", { type: "file", path: "m0/..a/A", mode: 0o440, ids, size: 5 }],
    ["an empty file", { type: "file", path: "A", mode: 0o777, ids }],
    ["a whole block", { type: "file", path: "A", mode: 0, ids, size: 512 }],
    ["a folder", { type: "folder", path: "m0", mode: 0o755, ids }],
    ["a hard link", { type: "link", path: "m0/A", mode: 0o400, ids, target: "m0/..a/A" }],
    ["a symbolic link", { type: "symlink", path: "..data", mode: 0o777, ids, target: "..a" }],
    ["a path that just fits", { type: "file", path: "x".repeat(100), mode: 0o400, ids }],
    ["a path that does not", { type: "file", path: "x".repeat(101), mode: 0o400, ids, size: 3 }],
    ["the longest one", { type: "file", path: "x/".repeat(2047) + "y", mode: 0o400, ids }],
    ["letters of any language", { type: "file", path: "ключ/鍵/🔑", mode: 0o400, ids }],
    ["a long target", { type: "link", path: "a", mode: 0o400, ids, target: "ö".repeat(90) }],
    ["the largest id that fits", { type: "file", path: "a", mode: 0o400, ids: both(0o7777777) }],
    ["the one after it", { type: "file", path: "a", mode: 0o400, ids: both(0o10000000) }],
    ["the largest id", { type: "file", path: "a", mode: 0o400, ids: both(0xfffffffe) }],
  ])("%s", async (_title, entry) => {
    const next: TarEntry = { type: "file", path: "next", mode: 0o600, ids, size: 1 };
    expect(await read([entry, next])).toEqual([entry, next].map(expected));
  });

  it("holds the length of a record in it, however many digits that has", async () => {
    const paths = Array.from({ length: 30 }, (_, extra) => "ö".repeat(40 + extra));
    const entries = paths.map((path): TarEntry => ({ type: "file", path, mode: 0o400, ids }));
    expect(await read(entries)).toEqual(entries.map(expected));
  });

  it("any name, owner, mode and size comes back", async () => {
    const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 });
    // a reader takes a slash at the end for a folder, and a zero byte for an end
    const path = text.map((name) => `${name.replaceAll(/[\0/]/g, "-")}.`);
    const id = fc.integer({ min: 0, max: 0xfffffffe });
    const entry = fc.record({
      type: fc.constant("file" as const),
      path,
      mode: fc.integer({ min: 0, max: 0o777 }),
      ids: fc.record({ uid: id, gid: id }),
      size: fc.integer({ min: 0, max: 1500 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 5 }), async (entries) => {
        expect(await read(entries)).toEqual(entries.map(expected));
      }),
    );
  });
});

function both(id: number): TarEntry["ids"] {
  return { uid: id, gid: id };
}
