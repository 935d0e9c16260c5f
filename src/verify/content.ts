import type { NeedleSearch } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";
import { Attribution } from "./attribution.ts";
import { HitLog } from "./hit-log.ts";
import { PathIndex } from "./path-index.ts";
import { BLOCK, isZeroBlock, parseHeader } from "./tar-header.ts";
import { TarWalk } from "./tar-walk.ts";

/** What all scans of one image share. One blob is read at a time, so one search is enough. */
export interface ScanContext {
  readonly table: NeedleTable;
  readonly search: NeedleSearch;
  /** Hash blobs of an OCI layout and compare with their names: for archives from elsewhere. */
  readonly checkDigests: boolean;
  /** Bytes of JSON that may still be kept, over all blobs. */
  readonly budget: { json: number };
}

/** JSON that is kept for one image: a config is some KB, an index of attestations some MB. */
export const JSON_BUDGET = 64 * 1024 * 1024;

/** What a blob turned out to be; `other` is nothing that can be read: unknown, or compressed. */
export type ContentKind = "tar" | "json" | "other";

/** The result of a scan. */
export interface Content {
  readonly kind: ContentKind;
  /** Bytes searched, after decompression. */
  readonly bytes: number;
  /** Members of a tar. */
  readonly files: number;
  readonly log: HitLog;
  readonly paths: PathIndex;
  /** Parsed JSON; undefined for everything else. */
  readonly json: unknown;
  readonly trouble: string | undefined;
}

/** Longest JSON that is parsed: image configs are some KB, attestations up to some MB. */
const JSON_LIMIT = 16 * 1024 * 1024;

/** Searches the bytes of one blob, and reads its structure as far as it has one. */
export class ContentScan {
  readonly #context: ScanContext;
  readonly #log = new HitLog();
  #head: Buffer | undefined = Buffer.alloc(0);
  #reader: Reader | undefined;
  #bytes = 0;

  constructor(context: ScanContext) {
    this.#context = context;
    context.search.end();
  }

  write(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#head === undefined) {
      this.#reader?.write(chunk);
      return;
    }
    this.#head = Buffer.concat([this.#head, chunk]);
    if (this.#head.length >= BLOCK) this.#begin();
  }

  end(): Content {
    if (this.#head !== undefined) this.#begin();
    const structure = this.#reader?.end();
    this.#context.search.end();
    return { ...NO_STRUCTURE, ...structure, bytes: this.#bytes, log: this.#log };
  }

  #begin(): void {
    const head = this.#head ?? Buffer.alloc(0);
    this.#head = undefined;
    this.#reader = readerFor(head, this.#context, this.#log);
    this.#reader.write(head);
  }
}

/** What a reader finds out about the form of the bytes. */
type Structure = Partial<Omit<Content, "bytes" | "log">>;

const NO_STRUCTURE = {
  kind: "other",
  files: 0,
  paths: new PathIndex(),
  json: undefined,
  trouble: undefined,
} as const;

interface Reader {
  write(chunk: Buffer): void;
  end(): Structure;
}

function readerFor(head: Buffer, context: ScanContext, log: HitLog): Reader {
  // a layer without members is a tar of zeros, or of nothing at all
  const block = head.subarray(0, BLOCK);
  const isTar = block.length === BLOCK && (isZeroBlock(block) || parseHeader(block) !== null);
  if (isTar || head.length === 0) return tarReader(context, log);
  const first = head.toString("latin1").trimStart().at(0);
  return first === "{" || first === "[" ? jsonReader(context, log) : plainReader(context, log);
}

function tarReader({ table, search }: ScanContext, log: HitLog): Reader {
  const walk = new TarWalk();
  const attribution = new Attribution(table, log);
  const paths = new PathIndex();
  let files = 0;
  return {
    write(chunk) {
      for (const event of walk.write(chunk)) {
        if (event.kind !== "entry") continue;
        files++;
        attribution.addEntry(event.entry);
        paths.add(event.entry.path, event.entry.type === "5");
      }
      search.write(chunk, (hit) => attribution.addHit(hit));
      attribution.settle(walk.settled, walk.position);
    },
    end() {
      attribution.finish();
      return { kind: "tar", files, paths, trouble: walk.finish() };
    },
  };
}

function jsonReader(context: ScanContext, log: HitLog): Reader {
  const plain = plainReader(context, log);
  const parts: Buffer[] = [];
  let length = 0;
  let isKept = true;
  return {
    write(chunk) {
      plain.write(chunk);
      length += chunk.length;
      context.budget.json -= chunk.length;
      isKept &&= length <= JSON_LIMIT && context.budget.json >= 0;
      if (isKept) parts.push(Buffer.concat([chunk]));
      else parts.length = 0;
    },
    end() {
      if (!isKept) return { kind: "json", trouble: "JSON of more than 16 MiB, or 64 MiB in all" };
      try {
        const json: unknown = JSON.parse(Buffer.concat(parts).toString());
        return { kind: "json", json };
      } catch {
        return { kind: "other" };
      }
    },
  };
}

function plainReader({ search }: ScanContext, log: HitLog): Reader {
  return {
    write(chunk) {
      search.write(chunk, ({ needle, offset }) => {
        log.add({ needle, path: "", part: "content", offset });
      });
    },
    end: () => ({ kind: "other" }),
  };
}
