/** Uploads as one buffer each, so that they can be wiped. */
import type { Secret } from "../../secret/secret.ts";
import type { Ids } from "../owner.ts";
import type { StoreContent } from "./delivery.ts";
import type { StoredFolder, StoreLayout } from "./layout.ts";
import { freshOf, generationOf, treeOf, type Generation, type TreeEntry } from "./tree.ts";
import { END_OF_TAR, paddedSize, tarHeader } from "./ustar.ts";

/** Folders are open to all: names are no secret, and each file has its own mode. */
const FOLDER_MODE = 0o755;
const NOTE_MODE = 0o400;
/** Nobody looks at that of a symbolic link. */
const LINK_MODE = 0o777;
const ROOT: Ids = { uid: 0, gid: 0 };

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
  return assemble(files.map((file) => ({ header: tarHeader({ type: "file", ...file }) })));
}

async function packEntries(content: StoreContent, entries: readonly TreeEntry[]): Promise<Buffer> {
  return assemble(entries.map((entry) => partOf(entry, content)));
}

interface Part {
  readonly header: Buffer;
  /** What follows the header. */
  readonly value?: { readonly size: number; readonly writeTo: (place: Buffer) => void };
}

/** Writes straight into one buffer, never of the pool that small ones share: it can be wiped. */
function assemble(parts: readonly Part[]): Buffer {
  const sizes = parts.map(({ header, value }) => header.length + paddedSize(value?.size ?? 0));
  const whole = Buffer.alloc(sizes.reduce((sum, size) => sum + size, END_OF_TAR.length));
  let at = 0;
  for (const [index, { header, value }] of parts.entries()) {
    header.copy(whole, at);
    value?.writeTo(whole.subarray(at + header.length));
    at += sizes[index] ?? 0;
  }
  return whole;
}

function partOf(entry: TreeEntry, content: StoreContent): Part {
  const { path } = entry;
  switch (entry.kind) {
    case "folder":
      return { header: tarHeader({ type: "folder", path, mode: FOLDER_MODE, ids: ROOT }) };
    case "link": {
      const { target } = entry;
      return { header: tarHeader({ type: "symlink", path, mode: LINK_MODE, ids: ROOT, target }) };
    }
    case "note": {
      const bytes = Buffer.from(content.note);
      const size = bytes.length;
      return {
        header: tarHeader({ type: "file", path, mode: NOTE_MODE, ids: ROOT, size }),
        value: { size, writeTo: (place) => bytes.copy(place) },
      };
    }
    case "name": {
      // the engine gives a hard link the owner of its own entry
      const { mode, ids } = attributesOf(entry.file, content);
      const { target } = entry;
      return { header: tarHeader({ type: "link", path, mode, ids, target }) };
    }
    case "file": {
      const { mode, ids, value } = attributesOf(entry.file, content);
      const size = value.use((bytes) => bytes.length);
      const writeTo = (place: Buffer): number => value.use((bytes) => bytes.copy(place));
      return {
        header: tarHeader({ type: "file", path, mode, ids, size }),
        value: { size, writeTo },
      };
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
