import { cleanPath } from "../path-index.ts";
import { TarWalk } from "../tar-walk.ts";

/** What an archive holds: an image in parts, or the files of a container merged into one tree. */
export type ArchiveForm = "image" | "files";

/** Bytes that are looked at for the first file: long names and folders may stand before it. */
const HEAD_LIMIT = 4 * 1024 * 1024;

/**
 * Names at which the archives of images begin: those of docker (legacy `ID/…` and `DIGEST.json`),
 * the OCI layout, and what podman, kaniko and other builders write (`DIGEST.tar`, `sha256:DIGEST`).
 */
const IMAGE_NAME =
  /^(?:blobs(?:\/.*)?|oci-layout|index\.json|manifest\.json|repositories|[^/]+\/(?:layer\.tar|VERSION)|(?:sha256:)?[0-9a-f]{64}(?:\/.*|\.json|\.tar|\.tar\.gz)?)$/u;

/** Files that only the archive of an image has, wherever in it they come. */
const IMAGE_PART =
  /^(?:blobs\/sha256\/[0-9a-f]{64}|[0-9a-f]{64}(?:\/layer\.tar|\.tar|\.tar\.gz|\.json))$/u;

/** True for a name that merged files do not have. */
export function isPartOfImage(name: string): boolean {
  return IMAGE_PART.test(name);
}

/**
 * Says by its first file what an archive is. One of no form that is known counts as an image: the
 * missing manifest is then told.
 *
 * @returns with the chunks from the beginning
 */
export async function formOf(
  chunks: AsyncGenerator<Buffer, void>,
): Promise<{ readonly form: ArchiveForm; readonly chunks: AsyncIterable<Buffer> }> {
  const first = new FirstName();
  const head: Buffer[] = [];
  while (!first.isFile && first.position < HEAD_LIMIT) {
    const next = await chunks.next();
    if (next.done === true) break;
    // the chunk belongs to the one who reads on
    head.push(Buffer.from(next.value));
    first.look(next.value);
  }
  const isImage = first.name === undefined || IMAGE_NAME.test(first.name);
  return { form: isImage ? "image" : "files", chunks: joined(head, chunks) };
}

/** The name of the first file; of the first folder as long as there is no file. */
class FirstName {
  name: string | undefined;
  isFile = false;
  readonly #walk = new TarWalk();

  get position(): number {
    return this.#walk.position;
  }

  look(chunk: Buffer): void {
    for (const event of this.#walk.write(chunk)) {
      if (event.kind !== "entry" || this.isFile) continue;
      const { type, path } = event.entry;
      const name = cleanPath(path);
      this.isFile = type !== "5";
      // tar -C DIR . begins with the folder itself
      if (this.isFile || this.name === undefined) this.name = name === "" ? undefined : name;
    }
  }
}

async function* joined(
  head: readonly Buffer[],
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  yield* head;
  yield* rest;
}
