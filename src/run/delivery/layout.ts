/** How mounts are kept in a store, be it a folder of this machine or volumes of the engine: pure. */
import type { FileToDeliver } from "./delivery.ts";
import type { FolderMount, Placement, SingleMount } from "./placement.ts";

/** A placement with the name of each mount in the store. Names tell no secret. */
export interface StoreLayout {
  readonly folders: readonly StoredFolder[];
  readonly singles: readonly StoredFile[];
}

/** A mounted folder; its content is below `key`, see `tree.ts`. */
export interface StoredFolder extends FolderMount {
  readonly key: string;
}

/** A file that is mounted alone, kept as `key`. */
export interface StoredFile extends SingleMount {
  readonly key: string;
}

const PAGE = 4096;
/** Room for folders, notes and rounding. */
const SPARE = 256 * 1024;
/** What is new is written beside what it replaces. */
const GENERATIONS = 2;

export function storeLayout({ folders, singles }: Placement): StoreLayout {
  return {
    folders: folders.map((folder, index) => ({ ...folder, key: `m${index}` })),
    singles: singles.map((single, index) => ({ ...single, key: `f${index}` })),
  };
}

/** Upper limit for a volume with these files, in bytes: twice over, and some more for longer values. */
export function volumeSize(files: readonly FileToDeliver[]): number {
  const content = files.reduce(
    (sum, { value }) => sum + PAGE + value.use((bytes) => Math.ceil(bytes.length / PAGE) * PAGE),
    SPARE,
  );
  return content * GENERATIONS;
}
