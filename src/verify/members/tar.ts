import type { Hit } from "../../needles/search.ts";
import type { AttributedHit } from "../attribution.ts";
import { cleanPath } from "../path-index.ts";
import { TarScan } from "../tar-scan.ts";
import type { TarEntry } from "../tar-walk.ts";
import type { CollectorOwner } from "./collector.ts";
import { entryLevel } from "./context.ts";
import type { Level } from "./context.ts";

/** A tar within a file of a layer. */
export class MemberTar implements CollectorOwner {
  readonly takesViews = true;
  readonly #level: Level;
  readonly #scan: TarScan;
  /** Room that was given to files that are not opened yet. */
  readonly #held = new Set<Buffer>();

  constructor(level: Level) {
    this.#level = level;
    const { context } = level;
    const onEntry = ({ size }: TarEntry): void => {
      if (size > 0) context.count++;
    };
    this.#scan = new TarScan({ table: context.table, owner: this, onEntry });
  }

  /** Reads on, and opens every file that is complete. */
  async write(chunk: Buffer, search: (onHit: (hit: Hit) => void) => void): Promise<void> {
    for (const { entry, ...file } of this.#scan.write(chunk, search)) {
      await this.#level.context.open(file, this.#levelOf(entry));
      this.discard(file.bytes);
    }
  }

  /** @returns what is wrong with the tar as a whole */
  finish(): string | undefined {
    return this.#scan.finish();
  }

  allocate(size: number): Buffer {
    this.#level.context.budget.hold(size);
    const bytes = Buffer.alloc(size);
    this.#held.add(bytes);
    return bytes;
  }

  discard(bytes: Buffer): void {
    if (this.#held.delete(bytes)) this.#level.context.budget.release(bytes.length);
  }

  place({ hit, entry, part, offset }: AttributedHit): void {
    const { member } = entry === undefined ? this.#level : this.#levelOf(entry);
    this.#level.context.log.add({ needle: hit.needle, path: "", member, part, offset });
  }

  tellUnread(entry: TarEntry, reason: string): void {
    this.#level.context.unread.add({ path: "", member: this.#levelOf(entry).member, reason });
  }

  #levelOf(entry: TarEntry): Level {
    return entryLevel(this.#level, cleanPath(entry.path));
  }
}
