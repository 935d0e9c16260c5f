import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BLOCK } from "../../../src/verify/tar-header.ts";
import { TarWalk } from "../../../src/verify/tar-walk.ts";
import type { TarEntry } from "../../../src/verify/tar-walk.ts";
import { tar } from "./archives.ts";

interface Walked {
  readonly entries: TarEntry[];
  readonly contents: string[];
  readonly trouble: string | undefined;
}

function walk(bytes: Buffer, chunk = bytes.length): Walked {
  const tarWalk = new TarWalk();
  const entries: TarEntry[] = [];
  const contents: string[] = [];
  for (let at = 0; at < bytes.length; at += chunk) {
    for (const event of tarWalk.write(bytes.subarray(at, at + chunk))) {
      if (event.kind === "entry") {
        entries.push(event.entry);
        contents.push("");
      } else if (event.kind === "data") {
        contents[contents.length - 1] += event.bytes.toString();
      }
    }
  }
  return { entries, contents, trouble: tarWalk.finish() };
}

const LONG = `${"d".repeat(120)}/${"e".repeat(140)}/name`;

describe("TarWalk on tars of the tar program", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "smtest-tar-"));
    writeFileSync(join(folder, "short"), "content of short");
    writeFileSync(join(folder, "x".repeat(180)), "content of long");
    writeFileSync(join(folder, "empty"), "");
    symlinkSync("y".repeat(150), join(folder, "link"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(["gnu", "pax", "ustar"])("reads names, links and contents of format %s", (format) => {
    // ustar has no room for a link target of 150 characters
    const names = ["short", "empty", ...(format === "ustar" ? [] : ["x".repeat(180), "link"])];
    const bytes = execFileSync("tar", [`--format=${format}`, "-C", folder, "-c", ...names]);
    for (const chunk of [bytes.length, 512, 100, 1]) {
      const { entries, contents, trouble } = walk(bytes, chunk);
      expect(trouble).toBeUndefined();
      expect(entries.map(({ path }) => path)).toEqual(names);
      expect(contents[0]).toBe("content of short");
      if (format === "ustar") continue;
      expect(contents[2]).toBe("content of long");
      expect(entries[3]?.link).toBe("y".repeat(150));
    }
  });

  it.each([
    ["gnu", 3],
    ["gnu", 10],
    // more than the 21 segments that one further header has room for
    ["gnu", 60],
    ["pax", 10],
  ])("reads sparse files, whose extended headers are no members: %s, %d", (format, segments) => {
    const file = openSync(join(folder, "sparse"), "w");
    // a block of ones where a header is looked for would say that more of them follow
    const ones = Buffer.alloc(4096, 1);
    for (let i = 0; i < segments; i++) writeSync(file, ones, 0, ones.length, i * 65_536);
    closeSync(file);
    const args = [`--format=${format}`, "--sparse", "-C", folder, "-c", "sparse", "short"];
    const bytes = execFileSync("tar", args);
    const { entries, trouble, contents } = walk(bytes, 1000);
    expect(trouble).toBeUndefined();
    expect(entries.map(({ path, isSparse }) => [path, isSparse])).toEqual([
      ["sparse", true],
      ["short", false],
    ]);
    expect(contents[0]?.endsWith("\u0001".repeat(segments * ones.length))).toBe(true);
    expect(bytes.toString("latin1", entries[1]?.data, entries[1]?.end)).toContain(
      "content of short",
    );
    expect(contents[1]).toBe("content of short");
  });
});

describe("TarWalk", () => {
  it("knows where each member begins and ends, extensions included", async () => {
    const bytes = await tar({ a: "1", [LONG]: "22", "d/": { type: "directory" }, z: "" });
    const { entries, trouble } = walk(bytes, 700);
    expect(trouble).toBeUndefined();
    expect(entries.map(({ path }) => path)).toEqual(["a", LONG, "d/", "z"]);
    expect(entries[0]?.start).toBe(0);
    for (const [i, entry] of entries.entries()) {
      if (i > 0) expect(entry.start).toBe(entries[i - 1]?.end);
      expect(entry.end % BLOCK).toBe(0);
    }
    const long = entries[1];
    expect((long?.data ?? 0) - (long?.start ?? 0)).toBe(3 * BLOCK);
  });

  it("joins prefix and name of ustar, and says that it did", async () => {
    const path = `${"p".repeat(90)}/${"n".repeat(90)}`;
    const [entry] = walk(await tar({ [path]: "" })).entries;
    expect(entry).toMatchObject({ path, isSplit: true });
  });

  it("reads sizes of 8 GB and more: base-256", () => {
    const block = Buffer.alloc(BLOCK);
    block.write("huge");
    block.writeUInt8(0x80, 124);
    block.writeUInt32BE(3, 128);
    block.write("ustar\0", 257, "latin1");
    sign(block);
    const { entries, trouble } = walk(block);
    expect(entries[0]?.size).toBe(3 * 2 ** 32);
    expect(trouble).toBe("the tar is cut off");
  });

  it("goes on behind zero blocks: members hidden behind an early end are seen", async () => {
    const bytes = Buffer.concat([await tar({ a: "1" }), await tar({ b: "2" })]);
    expect(walk(bytes).entries.map(({ path }) => path)).toEqual(["a", "b"]);
  });

  it.each([
    ["in a header", 100],
    ["in content", BLOCK + 3],
    ["in padding", BLOCK + 100],
  ])("says that the tar is cut off: %s", async (_where, length) => {
    const bytes = (await tar({ a: "content" })).subarray(0, length);
    expect(walk(bytes).trouble).toBe("the tar is cut off");
  });

  it("says that a header is broken", async () => {
    const bytes = await tar({ a: "content", b: "content" });
    bytes.fill(0xff, 2 * BLOCK, 2 * BLOCK + 10);
    expect(walk(bytes)).toMatchObject({ trouble: "a tar header is broken" });
    expect(walk(bytes).entries).toHaveLength(1);
    // hits wait for the names of members: no more names come
    const tarWalk = new TarWalk();
    expect([...tarWalk.write(bytes)]).toHaveLength(3);
    expect(tarWalk.settled).toBe(bytes.length);
  });

  it.each(["20 path=no newline", "999 path=x\n", "abc path=x\n", "4 x\n", "6path\n"])(
    "says that PAX records are broken: %j",
    (records) => {
      const block = Buffer.alloc(BLOCK * 2);
      block.write("pax");
      block.write(`${records.length.toString(8).padStart(11, "0")} `, 124);
      block.write("x", 156);
      block.write(records, BLOCK);
      sign(block);
      expect(walk(block).trouble).toBe("a PAX header is broken");
    },
  );

  it("refuses an extension header that would need much memory", () => {
    const block = Buffer.alloc(BLOCK);
    block.write("00400000000 ", 124);
    block.write("L", 156);
    sign(block);
    expect(walk(block).trouble).toContain("longer than 1 MiB");
  });
});

/**
 * Where Go and others disagree, the reader of an engine counts: a file that it sees must not be a part
 * of another one here.
 */
describe("TarWalk reads as Go does", () => {
  const sizes = (...parts: readonly Buffer[]): unknown => {
    const { entries, trouble } = walk(Buffer.concat(parts));
    return trouble ?? entries.map(({ path, size }) => [path, size]);
  };
  const next = member({ name: "next", content: "1234" });

  it("NULs before the digits of a size", () => {
    const first = member({ name: "a", content: "12345678", size: "\u0000\u0000000000010" });
    expect(sizes(first, next)).toEqual([
      ["a", 8],
      ["next", 4],
    ]);
  });

  it("a directory without a type has no content, whatever its size", () => {
    const directory = member({ name: "d/", type: "\u0000", size: "00000002000" });
    expect(sizes(directory, next)).toEqual([
      ["d/", 0],
      ["next", 4],
    ]);
  });

  it.each([
    ["a size counts more than that of the header", [["size", "8"]], 8],
    ["an empty record says nothing", [["size", ""]], 4],
  ])("PAX: %s", (_what, records, size) => {
    const content = "x".repeat(size);
    const file = member({ name: "a", content, size: "00000000004" });
    expect(sizes(pax(records), file, next)).toEqual([
      ["a", size],
      ["next", 4],
    ]);
  });

  it.each(["-8", "8x", "0x8", "8.0", "1e1", " 8", "99999999999999999999"])(
    "PAX: a size of %j is broken",
    (size) => {
      expect(sizes(pax([["size", size]]), next)).toBe("a PAX header is broken");
    },
  );

  it("PAX: only the last header before a member counts", () => {
    expect(sizes(pax([["size", "8"]]), pax([["path", "b"]]), next)).toEqual([["b", 4]]);
  });

  it("PAX: a global header gives no names, and makes those before it void", () => {
    expect(sizes(pax([["path", "b"]], "g"), next)).toEqual([["next", 4]]);
    expect(sizes(pax([["path", "b"]]), pax([["comment", "c"]], "g"), next)).toEqual([["next", 4]]);
  });

  it("PAX: a global size, which some give to all files, is told", () => {
    const files = [next, member({ name: "z", content: "1234" })];
    expect(sizes(pax([["size", "8"]], "g"), ...files)).toBe(
      "a PAX header gives all files one size",
    );
  });

  it("a long name of GNU counts more than one of PAX", () => {
    const long = member({ name: "././@LongLink", type: "L", content: "long\u0000" });
    expect(sizes(long, pax([["path", "b"]]), next)).toEqual([["long", 4]]);
  });

  it("extension headers without an end are too long", () => {
    const many = Array.from({ length: 1200 }, () => pax([["comment", "c".repeat(1000)]]));
    expect(sizes(...many, next)).toContain("longer than 1 MiB");
  });
});

/** A header and its content. */
function member(o: { name: string; type?: string; size?: string; content?: string }): Buffer {
  const content = Buffer.from(o.content ?? "");
  const bytes = Buffer.alloc(BLOCK + Math.ceil(content.length / BLOCK) * BLOCK);
  bytes.write(o.name);
  bytes.write(o.size ?? content.length.toString(8).padStart(11, "0"), 124);
  bytes.write(o.type ?? "0", 156);
  bytes.write("ustar\u000000", 257, "latin1");
  content.copy(bytes, BLOCK);
  sign(bytes);
  return bytes;
}

function pax(records: readonly (readonly string[])[], type = "x"): Buffer {
  const lines = records.map(([name = "", value = ""]) => {
    const rest = ` ${name}=${value}\n`;
    const guess = rest.length + String(rest.length).length;
    return `${rest.length + String(guess).length}${rest}`;
  });
  return member({ name: "pax", type, content: lines.join("") });
}

function sign(block: Buffer): void {
  block.fill(" ", 148, 156);
  let sum = 0;
  for (const byte of block.subarray(0, BLOCK)) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}
