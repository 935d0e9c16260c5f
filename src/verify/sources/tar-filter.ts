import { TarWalk } from "../tar-walk.ts";
import type { TarEntry } from "../tar-walk.ts";

/**
 * The bytes of some members of a tar, headers included, and nothing of the others: a tar again. Keeps
 * no more than the headers that are not complete yet.
 *
 * @param isWanted - decides by the member
 */
export async function* filteredTar(
  chunks: AsyncIterable<Buffer>,
  isWanted: (entry: TarEntry) => boolean,
): AsyncGenerator<Buffer> {
  const walk = new TarWalk();
  let held: Buffer = Buffer.alloc(0);
  let end = 0;
  for await (const chunk of chunks) {
    const base = walk.position - held.length;
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    // what is left of the last member that is wanted
    if (end > base) yield bytes.subarray(0, end - base);
    for (const event of walk.write(chunk)) {
      if (event.kind !== "entry" || !isWanted(event.entry)) continue;
      ({ end } = event.entry);
      yield bytes.subarray(event.entry.start - base, end - base);
    }
    if (walk.trouble !== undefined) throw new Error(walk.trouble);
    held = Buffer.from(bytes.subarray(Math.max(0, walk.settled - base)));
  }
  if (walk.finish() !== undefined) throw new Error("the tar is cut off");
  yield Buffer.alloc(2 * 512);
}
