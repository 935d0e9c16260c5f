import type { Hit, NeedleSearch } from "../../needles/search.ts";
import { findAll } from "../../needles/search.ts";
import { free, thenFree } from "../decompress.ts";
import type { Level } from "./context.ts";
import { logHits, opened } from "./context.ts";
import { sniff, SNIFF_LENGTH } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { BOUNDS, Unreadable } from "./limits.ts";
import { MemberTar } from "./tar.ts";

/** Opens bytes that are all there, if they are something to open. */
export async function openContent(
  bytes: Buffer,
  hits: readonly Hit[],
  level: Level,
): Promise<void> {
  const sniffed = sniff(bytes.subarray(0, SNIFF_LENGTH));
  if (sniffed !== null && "kind" in sniffed) {
    await level.context.open({ kind: sniffed.kind, bytes, hits }, level);
    return;
  }
  logHits(hits, level);
  if (sniffed !== null) unread(level, `${sniffed.unreadable} is not unpacked`);
}

function unread({ context, member }: Level, reason: string): void {
  context.unread.add({ path: "", member, reason });
}

/** How the rest of an output is read, once its first bytes are there. */
interface Reader {
  write(chunk: Buffer): Promise<void> | void;
  end(): Promise<void> | void;
}

/** Searches what a compressed member holds, as it comes out, and opens what is inside of it. */
export class Output {
  readonly #level: Level;
  readonly #expected: number;
  #head: Buffer | undefined = Buffer.alloc(0);
  #reader: Reader | undefined;
  #search: NeedleSearch | undefined;
  #size = 0;

  /** @param expected - size of the output, where it is known */
  constructor(level: Level, expected = BOUNDS.inner) {
    this.#level = level;
    this.#expected = expected;
  }

  /** @throws {@link Unreadable} when it is too much */
  async write(chunk: Buffer): Promise<void> {
    this.#size += chunk.length;
    this.#level.context.budget.spend(chunk.length);
    if (this.#size > BOUNDS.output) throw new Unreadable("unpacks to more than 256 MiB");
    if (this.#head === undefined) {
      await this.#reader?.write(chunk);
      return;
    }
    this.#head = Buffer.concat([this.#head, chunk]);
    if (this.#head.length < SNIFF_LENGTH) return;
    const head = this.#head;
    this.#head = undefined;
    this.#reader = this.#readerFor(head);
    await this.#reader.write(head);
  }

  /** Ends it, also where it broke off: what came is searched. */
  async end(): Promise<void> {
    const head = this.#head;
    this.#head = undefined;
    const { table } = this.#level.context;
    if (head !== undefined) await openContent(head, findAll(table, head), this.#level);
    await this.#reader?.end();
  }

  /** Lets go of it, however it ended. */
  close(): void {
    if (this.#search !== undefined) this.#level.context.release(this.#search);
    this.#search = undefined;
  }

  #readerFor(head: Buffer): Reader {
    const search = this.#level.context.acquire();
    this.#search = search;
    const sniffed = sniff(head.subarray(0, SNIFF_LENGTH));
    try {
      if (sniffed === null) return plainReader(search, this.#level);
      if ("unreadable" in sniffed) throw new Unreadable(`${sniffed.unreadable} is not unpacked`);
      if (sniffed.kind === "tar") return tarReader(search, opened(this.#level, "tar"));
      const { kind } = sniffed;
      return new GatheringReader(search, this.#level, { kind, expected: this.#expected });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      unread(this.#level, error.message);
      return plainReader(search, this.#level);
    }
  }
}

function plainReader(search: NeedleSearch, level: Level): Reader {
  return {
    write: (chunk) => search.write(chunk, (hit) => logHits([hit], level)),
    end: () => undefined,
  };
}

function tarReader(search: NeedleSearch, level: Level): Reader {
  const tar = new MemberTar(level);
  return {
    write: async (chunk) => tar.write(chunk, (onHit) => search.write(chunk, onHit)),
    end: () => {
      const trouble = tar.finish();
      if (trouble !== undefined) unread(level, trouble);
    },
  };
}

/** What must be whole to be opened: an archive in a compressed file, gzip in gzip. */
class GatheringReader implements Reader {
  readonly #search: NeedleSearch;
  readonly #level: Level;
  readonly #kind: Kind;
  readonly #bytes: Buffer;
  #hits: Hit[] | undefined = [];
  #fill = 0;

  constructor(search: NeedleSearch, level: Level, o: { kind: Kind; expected: number }) {
    this.#search = search;
    this.#level = level;
    this.#kind = o.kind;
    // memory is only taken where it is written
    this.#bytes = Buffer.alloc(Math.min(BOUNDS.inner, o.expected));
  }

  write(chunk: Buffer): void {
    this.#search.write(chunk, (hit) => {
      if (this.#hits === undefined || this.#hits.length === BOUNDS.hits)
        logHits([hit], this.#level);
      else this.#hits.push(hit);
    });
    if (this.#hits === undefined) return;
    try {
      if (this.#fill + chunk.length > this.#bytes.length) throw tooLarge(this.#kind);
      this.#level.context.budget.hold(chunk.length);
      this.#fill += chunk.copy(this.#bytes, this.#fill);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#giveUp(error.message);
    }
  }

  async end(): Promise<void> {
    const hits = this.#hits;
    if (hits === undefined) return;
    this.#hits = undefined;
    const { context } = this.#level;
    const bytes = this.#bytes.subarray(0, this.#fill);
    try {
      await thenFree(bytes, () => context.open({ kind: this.#kind, bytes, hits }, this.#level));
    } finally {
      context.budget.release(this.#fill);
    }
  }

  #giveUp(reason: string): void {
    const { context } = this.#level;
    context.budget.release(this.#fill);
    free(this.#bytes);
    logHits(this.#hits ?? [], this.#level);
    this.#hits = undefined;
    // a program is searched as it is
    if (this.#kind !== "script") unread(this.#level, reason);
  }
}

function tooLarge(kind: Kind): Unreadable {
  return new Unreadable(`${kind} of more than 32 MiB within an archive`);
}
