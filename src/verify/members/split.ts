/** A large zip is unpacked in parts: by several threads, without each having all of it. */
import type { Batch, BatchResult, FileJob, FileResult, PackedHit } from "./work.ts";
import { zipParts } from "./zip-parts.ts";
import type { ZipPart } from "./zip-parts.ts";

/** In bytes. A smaller zip is not worth a second copy. */
const LARGE = 4 * 1024 * 1024;

/**
 * The parts of a batch that is one large zip, each made when it is asked for, and the last one gives its
 * memory back; null for another batch.
 */
export function splitBatch(batch: Batch): Generator<Batch> | null {
  const [file, ...others] = batch.files;
  if (file?.kind !== "zip" || file.length <= LARGE || others.length > 0) return null;
  const parts = zipParts(Buffer.from(batch.bytes, file.start, file.length));
  return parts === null ? null : partBatches(parts, batch, file);
}

function* partBatches(
  parts: Iterable<ZipPart>,
  { layer, bytes: zip }: Batch,
  { kind, start, hits }: FileJob,
): Generator<Batch> {
  let left = hits;
  for (const part of parts) {
    const bytes = zip.slice(start + part.start, start + part.end);
    // see free() of decompress.ts
    if (part.isLast) zip.transfer(0);
    // what was found between entries, and in none, is as good in one part as in another
    const isOwn = ({ offset }: PackedHit): boolean => part.isLast || offset < part.end;
    const own = left.filter(isOwn);
    left = left.filter((hit) => !isOwn(hit));
    const job = { kind, start: 0, length: bytes.byteLength, hits: own, part };
    yield { layer, bytes, files: [job], isHeavy: part.isHeavy };
  }
}

/** What the parts of a batch came to, as one. */
export function joinResults(results: readonly BatchResult[]): BatchResult {
  const told = new Set<string>();
  const all = { files: [] as FileResult[], count: 0, bytes: 0 };
  for (const { files, count, bytes } of results) {
    all.files.push(...files.map((file) => toldOnce(file, told)));
    all.count += count;
    all.bytes += bytes;
  }
  return all;
}

/** What ends the work on a whole zip ends it in each of its parts. */
function toldOnce(file: FileResult, told: Set<string>): FileResult {
  const named = file.unread.named.filter(({ member, reason }) => {
    if (member !== "") return true;
    const isNew = !told.has(reason);
    told.add(reason);
    return isNew;
  });
  const count = file.unread.count - (file.unread.named.length - named.length);
  return { ...file, unread: { named, count } };
}
