/** Packs a build context as a tar stream: flat memory, whatever the size of its files. */
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import type { Header, Pack } from "tar-stream";

import { BuildError, SealmountError } from "../errors.ts";
import { unreadable, walkContext, type ContextEntry, type Walk } from "./walk.ts";

type EntryHeader = Partial<Header> & Pick<Header, "name">;

/** A file that is sent beside the context's own. */
export interface ExtraFile {
  readonly name: string;
  readonly content: Buffer;
}

/**
 * Starts packing. Owner and group are 0, as docker makes them; modification times are kept, to the
 * second that a tar holds.
 *
 * A fault (unreadable file, file that shrinks while it is read) destroys the stream with a
 * {@link BuildError} BUILD_CONTEXT, so that the request it feeds fails with it.
 *
 * @param extra - for instance a Dockerfile from outside of the context
 */
export async function packContext(walk: Walk, extra?: ExtraFile): Promise<Readable> {
  const { pack: newPack } = await import("tar-stream");
  const pack = newPack();
  const fill = async (): Promise<void> => {
    if (extra !== undefined) await addBuffer(pack, headerOf(extra), extra.content);
    for await (const entry of walkContext(walk)) await addEntry(pack, entry);
    pack.finalize();
  };
  fill().catch((error: unknown) => {
    pack.destroy(error instanceof Error ? error : new Error("the context could not be packed"));
  });
  return Readable.from(pack, { objectMode: false });
}

function headerOf(extra: ExtraFile): EntryHeader {
  // a fixed time: the same Dockerfile gives the same bytes, and so a cache hit
  return { name: extra.name, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 };
}

async function addEntry(pack: Pack, entry: ContextEntry): Promise<void> {
  const { stat, path } = entry;
  const base = { mode: stat.mode % 0o10000, mtime: stat.mtime, uid: 0, gid: 0 };
  if (stat.isDirectory()) {
    return addBuffer(pack, { ...base, name: `${path}/`, type: "directory" }, null);
  }
  if (entry.link !== undefined) {
    return addBuffer(pack, { ...base, name: path, type: "symlink", linkname: entry.link }, null);
  }
  if (stat.isFIFO()) return addBuffer(pack, { ...base, name: path, type: "fifo" }, null);
  if (!stat.isFile()) {
    throw new BuildError("BUILD_CONTEXT", `${path} in the build context is a device`, {
      hint: `add ${path} to .dockerignore`,
    });
  }
  return addFile(pack, { ...base, name: path, size: stat.size }, entry);
}

async function addBuffer(pack: Pack, header: EntryHeader, content: Buffer | null): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (content === null) pack.entry(header, done);
    else pack.entry(header, content, done);
  });
}

/** Reads exactly the size in the header: a file that grows meanwhile is cut, one that shrinks fails. */
async function addFile(pack: Pack, header: EntryHeader, entry: ContextEntry): Promise<void> {
  const { size } = entry.stat;
  try {
    await using file = await open(entry.absolute, "r");
    if (size === 0) return await addBuffer(pack, header, Buffer.alloc(0));
    const sink = pack.entry(header);
    const source = file.createReadStream({ start: 0, end: size - 1, autoClose: false });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- streamx works as one, by its tests
    await pipeline(source, whole(entry), sink as unknown as NodeJS.WritableStream);
  } catch (error) {
    if (error instanceof SealmountError) throw error;
    throw unreadable(entry.path, error);
  }
}

/** Passes a file on, and fails at its end when it was shorter than its header says. */
function whole({
  path,
  stat,
}: ContextEntry): (source: AsyncIterable<Buffer>) => AsyncIterable<Buffer> {
  return async function* count(source) {
    let left = stat.size;
    for await (const chunk of source) {
      left -= chunk.length;
      yield chunk;
    }
    if (left > 0) throw shrunk(path);
  };
}

function shrunk(path: string): BuildError {
  return new BuildError("BUILD_CONTEXT", `${path} in the build context changed while it was read`, {
    hint: "build again once nothing writes to it, or add it to .dockerignore",
  });
}
