/** The upload as one buffer, so that it can be wiped. */
import type { Ids } from "../owner.ts";
import type { FileToDeliver } from "./delivery.ts";
import type { Layout } from "./layout.ts";

/** @returns a tar with all files, plaintext: wipe it */
export async function packFiles(
  files: readonly FileToDeliver[],
  owners: readonly Ids[],
  layout: Layout,
): Promise<Buffer> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  const copies: Buffer[] = [];
  try {
    for (const [index, { value, mode }] of files.entries()) {
      const ids = owners[index];
      const name = layout.names[index];
      if (ids === undefined || name === undefined) throw new Error("a file has no owner");
      const copy = value.use((bytes) => Buffer.alloc(bytes.length, bytes));
      copies.push(copy);
      tar.entry({ name, mode, uid: ids.uid, gid: ids.gid, mtime: new Date(0) }, copy);
    }
    tar.finalize();
    return await collect(tar);
  } finally {
    for (const copy of copies) copy.fill(0);
  }
}

/** A tar with one empty file, open to all eyes. */
export async function packEmpty(name: string): Promise<Buffer> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  tar.entry({ name, mode: 0o400, mtime: new Date(0) }, "");
  tar.finalize();
  return collect(tar);
}

/** Never from the pool that small buffers share. */
async function collect(tar: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of tar) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const whole = Buffer.alloc(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(whole, at);
  return whole;
}
