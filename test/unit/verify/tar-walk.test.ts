import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

  it("reads sparse files, whose extended headers are no members", () => {
    const path = join(folder, "sparse");
    execFileSync("sh", [
      "-c",
      `for i in 0 1 2 3 4 5 6 7 8 9; do printf X | dd of="$1" bs=1 seek=$((i * 1000000)) conv=notrunc 2>/dev/null; done`,
      "sh",
      path,
    ]);
    const args = ["--format=gnu", "--sparse", "-C", folder, "-c", "sparse", "short"];
    const { entries, trouble, contents } = walk(execFileSync("tar", args));
    expect(trouble).toBeUndefined();
    expect(entries.map((entry) => entry.path)).toEqual(["sparse", "short"]);
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

function sign(block: Buffer): void {
  block.fill(" ", 148, 156);
  let sum = 0;
  for (const byte of block.subarray(0, BLOCK)) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}
