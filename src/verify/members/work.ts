import type { Hit } from "../../needles/search.ts";
import type { NeedleTable } from "../../needles/table.ts";
import { thenFree } from "../decompress.ts";
import type { LoggedPlace } from "../hit-log.ts";
import type { Kind } from "./kinds.ts";
import { SpentBytes } from "./limits.ts";
import { Unpacker } from "./unpack.ts";
import type { UnreadMember } from "./unread.ts";
import type { ZipPart } from "./zip-parts.ts";

/** A hit that goes from thread to thread: its needle by its position in the table. */
export type PackedHit = Omit<Hit, "needle"> & { readonly needle: number };

/** A file of a batch. */
export interface FileJob {
  readonly kind: Kind;
  /** Where it is in the bytes of the batch. */
  readonly start: number;
  readonly length: number;
  readonly hits: readonly PackedHit[];
  /** Of a zip, when the bytes are not all of it. */
  readonly part?: ZipPart;
}

/** Files of one layer that are unpacked in one go: a message for each costs more than a small one. */
export interface Batch {
  /** Of their {@link SpentBytes}. */
  readonly layer: SharedArrayBuffer;
  readonly bytes: ArrayBuffer;
  readonly files: readonly FileJob[];
  /** It takes so much memory that no two of them are unpacked at a time. */
  readonly isHeavy?: boolean;
}

/** What there is to say of one file of a batch. */
export interface FileResult {
  readonly index: number;
  readonly log: { readonly places: readonly LoggedPlace[]; readonly omitted: number };
  readonly unread: { readonly named: readonly UnreadMember[]; readonly count: number };
}

/** What a batch came to. Plain data, without a value. */
export interface BatchResult {
  /** Files with something to say. */
  readonly files: readonly FileResult[];
  readonly count: number;
  readonly bytes: number;
}

/** Unpacks batches one after the other, in whatever thread it is made. */
export class BatchWork {
  readonly #table: NeedleTable;
  readonly #unpacker: Unpacker;
  #tail: Promise<unknown> = Promise.resolve();

  /** @param isStopped - true ends the work at once; what was not read is told */
  constructor(table: NeedleTable, isStopped: () => boolean) {
    this.#table = table;
    this.#unpacker = new Unpacker(table, isStopped);
  }

  /** Unpacks a batch, when those before it are done. */
  async run(batch: Batch): Promise<BatchResult> {
    const bytes = Buffer.from(batch.bytes);
    const result = this.#tail.then(async () => thenFree(bytes, () => this.#runNow(batch)));
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #runNow(batch: Batch): Promise<BatchResult> {
    const layer = new SpentBytes(batch.layer);
    const files: FileResult[] = [];
    const total = { count: 0, bytes: 0 };
    for (const [index, { kind, start, length, hits, part }] of batch.files.entries()) {
      const bytes = Buffer.from(batch.bytes, start, length);
      const file = { kind, bytes, hits: this.#hits(hits), part };
      const { log, unread, ...unpacked } = await this.#unpacker.unpack(file, layer);
      total.count += unpacked.count;
      total.bytes += unpacked.bytes;
      const { places, omitted } = log;
      if (places.length + unread.count === 0) continue;
      const { named } = unread;
      files.push({ index, log: { places, omitted }, unread: { named, count: unread.count } });
    }
    return { files, ...total };
  }

  #hits(packed: readonly PackedHit[]): Hit[] {
    return packed.flatMap((hit) => {
      const needle = this.#table.needles[hit.needle];
      return needle === undefined ? [] : { ...hit, needle };
    });
  }
}
