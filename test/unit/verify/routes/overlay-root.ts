/** The data folder of an engine with overlay2, as far as an image's layers are in it. */
import { createHash } from "node:crypto";
import { chmod, lutimes, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { TarWalk } from "../../../../src/verify/tar-walk.ts";
import type { TarEntry } from "../../../../src/verify/tar-walk.ts";
import { digestOf } from "../archives.ts";

/** One layer in the folder. */
export interface LaidLayer {
  readonly diffId: string;
  /** Its unpacked files. */
  readonly files: string;
  /** Its notes: diff, cache-id, tar-split.json.gz. */
  readonly notes: string;
}

/** An image in the folder. */
export interface LaidImage {
  readonly id: string;
  readonly layers: readonly LaidLayer[];
}

/** Puts an image into the folder; needs no root, as no member has an owner of its own. */
export async function layImage(root: string, layers: readonly Buffer[]): Promise<LaidImage> {
  const diffIds = layers.map(digestOf);
  const history = layers.map((_, i) => ({ created_by: `COPY layer ${i + 1}` }));
  const config = Buffer.from(
    JSON.stringify({
      os: "linux",
      config: {},
      history,
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
  );
  const id = digestOf(config);
  await put(join(root, "image/overlay2/imagedb/content/sha256", id.slice(7)), config);
  const laid: LaidLayer[] = [];
  let chain = "";
  for (const [i, layer] of layers.entries()) {
    const diffId = diffIds[i] ?? "";
    const text = `${chain} ${diffId}`;
    chain = chain === "" ? diffId : `sha256:${createHash("sha256").update(text).digest("hex")}`;
    const cache = chain.slice(7, 32);
    const notes = join(root, "image/overlay2/layerdb/sha256", chain.slice(7));
    const files = join(root, "overlay2", cache, "diff");
    await mkdir(files, { recursive: true });
    await put(join(notes, "diff"), diffId);
    await put(join(notes, "cache-id"), cache);
    await put(join(notes, "tar-split.json.gz"), gzipSync(splitLines(layer)));
    await unpack(layer, files);
    laid.push({ diffId, files, notes });
  }
  return { id, layers: laid };
}

interface Member {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

function membersOf(tar: Buffer): Member[] {
  return [...new TarWalk().write(tar)].flatMap((event) =>
    event.kind === "entry"
      ? [
          {
            entry: event.entry,
            content: tar.subarray(event.entry.data, event.entry.data + event.entry.size),
          },
        ]
      : [],
  );
}

/** As Go writes it. */
export function splitLines(tar: Buffer): string {
  const lines: object[] = [];
  let at = 0;
  const segment = (end: number): void => {
    if (end > at) lines.push({ type: 2, payload: tar.toString("base64", at, end) });
    at = end;
  };
  for (const { entry, content } of membersOf(tar)) {
    segment(entry.data);
    const size = content.length === 0 ? {} : { size: content.length };
    lines.push({ type: 1, name: entry.path, ...size, payload: null });
    at += content.length;
  }
  segment(tar.length);
  return lines.map((line, position) => `${JSON.stringify({ ...line, position })}\n`).join("");
}

async function unpack(tar: Buffer, folder: string): Promise<void> {
  for (const { entry, content } of membersOf(tar)) {
    const path = join(folder, entry.path);
    const header = tar.subarray(entry.data - 512, entry.data);
    const time = Number.parseInt(header.toString("latin1", 136, 147), 8);
    await mkdir(dirname(path), { recursive: true });
    if (entry.type === "5") await mkdir(path, { recursive: true });
    else if (entry.type === "2") {
      await symlink(entry.link, path);
      await lutimes(path, time, time);
    } else {
      await writeFile(path, content);
      await chmod(path, 0o644);
      await utimes(path, time, time);
    }
  }
}

async function put(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
