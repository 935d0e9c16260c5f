/** Uploads as one buffer each, so that they can be wiped. */
import type { Pack } from "tar-stream";

import type { Secret } from "../../secret/secret.ts";
import type { Ids } from "../owner.ts";
import type { StoreContent } from "./delivery.ts";
import type { StoredFolder, StoreLayout } from "./layout.ts";
import { freshOf, generationOf, treeOf, type Generation, type TreeEntry } from "./tree.ts";

/** Folders are open to all: names are no secret, and each file has its own mode. */
const FOLDER_MODE = 0o755;
const NOTE_MODE = 0o400;

/** @returns a tar with a whole store, plaintext: wipe it */
export async function packStore(
  { folders, singles }: StoreLayout,
  content: StoreContent,
  generation: Generation,
): Promise<Buffer> {
  return packEntries(content, [
    ...singles.map(({ key, file }): TreeEntry => ({ kind: "file", path: key, file })),
    ...folders.flatMap((folder) => [
      { kind: "folder" as const, path: folder.key },
      ...treeOf(folder, generation).map((entry) => below(folder.key, entry)),
    ]),
  ]);
}

/**
 * @param generation - of a folder, the one to write
 * @returns a tar with a generation of each folder, and below `..new` what will put it in place;
 *   plaintext: wipe it
 */
export async function packGeneration(
  { folders }: StoreLayout,
  content: StoreContent,
  generation: (folder: StoredFolder) => Generation,
): Promise<Buffer> {
  return packEntries(
    content,
    folders.flatMap((folder) => {
      const next = generation(folder);
      const entries = [...generationOf(folder, next), ...freshOf(folder, next)];
      return entries.map((entry) => below(folder.key, entry));
    }),
  );
}

/** An empty file; where a folder is, the engine puts the file in its place. */
export interface EmptyFile {
  readonly path: string;
  readonly mode: number;
  readonly ids: Ids;
}

/** A tar with empty files. */
export async function packEmptyFiles(files: readonly EmptyFile[]): Promise<Buffer> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  for (const { path, mode, ids } of files) {
    tar.entry({ name: path, mode, mtime: new Date(0), ...ids }, "");
  }
  tar.finalize();
  return collect(tar);
}

async function packEntries(content: StoreContent, entries: readonly TreeEntry[]): Promise<Buffer> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  const copies: Buffer[] = [];
  try {
    for (const entry of entries) addEntry(tar, entry, { content, copies });
    tar.finalize();
    return await collect(tar);
  } finally {
    for (const copy of copies) copy.fill(0);
  }
}

function addEntry(
  tar: Pack,
  entry: TreeEntry,
  { content, copies }: { readonly content: StoreContent; readonly copies: Buffer[] },
): void {
  const common = { name: entry.path, mtime: new Date(0) };
  switch (entry.kind) {
    case "folder":
      tar.entry({ ...common, type: "directory", mode: FOLDER_MODE });
      break;
    case "link":
      tar.entry({ ...common, type: "symlink", linkname: entry.target });
      break;
    case "note":
      tar.entry({ ...common, mode: NOTE_MODE }, content.note);
      break;
    case "name": {
      // the engine gives a hard link the owner of its own entry
      const { mode, ids } = attributesOf(entry.file, content);
      tar.entry({ ...common, type: "link", linkname: entry.target, mode, ...ids });
      break;
    }
    case "file": {
      const { mode, ids, value } = attributesOf(entry.file, content);
      const copy = value.use((bytes) => Buffer.alloc(bytes.length, bytes));
      copies.push(copy);
      tar.entry({ ...common, mode, ...ids }, copy);
      break;
    }
  }
}

function attributesOf(
  index: number,
  { files, owners }: StoreContent,
): { readonly mode: number; readonly ids: Ids; readonly value: Secret } {
  const file = files[index];
  const ids = owners[index];
  if (file === undefined || ids === undefined) throw new Error("a file has no owner");
  return { mode: file.mode, value: file.value, ids };
}

function below(key: string, entry: TreeEntry): TreeEntry {
  const path = `${key}/${entry.path}`;
  // an archive names the target of a hard link from its own root
  return entry.kind === "name"
    ? { ...entry, path, target: `${key}/${entry.target}` }
    : { ...entry, path };
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
