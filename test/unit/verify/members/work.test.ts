import { zstdCompressSync } from "node:zlib";
import { expect, it } from "vitest";
import { NeedleTable } from "../../../../src/needles/table.ts";
import { SpentBytes } from "../../../../src/verify/members/limits.ts";
import { BatchWork } from "../../../../src/verify/members/work.ts";

const MIB = 1024 * 1024;

/** A file whose decoder is given up reads its bytes in a thread of Node's until it notices. */
it.each([
  ["given back when all was read", Buffer.from("purr"), true],
  ["left to the collector when a decoder was given up", Buffer.alloc(300 * MIB), false],
])("the bytes of a batch are %s", async (_what, content, isFreed) => {
  const packed = zstdCompressSync(content);
  const bytes = new ArrayBuffer(packed.length);
  Buffer.from(bytes).set(packed);
  const files = [{ kind: "zstd", start: 0, length: packed.length, hits: [] }] as const;
  const result = await new BatchWork(new NeedleTable([]), () => false).run({
    layer: new SpentBytes().shared,
    bytes,
    files,
  });
  expect(result.files.flatMap(({ unread }) => unread.named)).toHaveLength(isFreed ? 0 : 1);
  expect(bytes.detached).toBe(isFreed);
});
