import type { NeedleSearch } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";
import { HitLog } from "./hit-log.ts";
import { JsonDocument } from "./json.ts";
import { DeepJsonError, isJson } from "./json-walk.ts";
import { BlobFile } from "./members/blob-file.ts";
import { sniff } from "./members/kinds.ts";
import type { Sniffed } from "./members/kinds.ts";
import { LayerMembers } from "./members/layer.ts";
import type { MemberQueue } from "./members/queue.ts";
import type { UnreadMember } from "./members/unread.ts";
import type { MemberCounts } from "./model.ts";
import { PathIndex } from "./path-index.ts";
import { BLOCK, isZeroBlock, parseHeader } from "./tar-header.ts";
import { TarScan } from "./tar-scan.ts";
import type { TarEntry } from "./tar-walk.ts";

/** What all scans of one image share. One blob is read at a time, so one search is enough. */
export interface ScanContext {
  readonly table: NeedleTable;
  readonly search: NeedleSearch;
  /** Where files are unpacked; of the same table. */
  readonly members: MemberQueue;
  /** Hash blobs of an OCI layout and compare with their names: for archives from elsewhere. */
  readonly checkDigests: boolean;
  readonly budget: JsonBudget;
  /** Called for each member of a blob that is a tar. */
  readonly onEntry?: (entry: TarEntry) => void;
}

/** What is left for JSON that is taken apart, over all blobs that have this budget. */
export interface JsonBudget {
  /** Bytes; below 0 when there was more JSON than that. */
  left: number;
  /** The search of its bytes is enough for what is beyond; else that counts as not read. */
  readonly isOptional?: true;
}

/**
 * JSON that is kept of one image until its manifests are followed, in bytes. A config is some KB, an
 * index of attestations some MB; an archive from elsewhere may hold any amount.
 */
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
  /** Undefined for what is no JSON. */
  readonly jsonDocument: JsonDocument | undefined;
  readonly trouble: string | undefined;
  /** What was unpacked, and what could not be. */
  readonly members: MemberCounts;
  readonly unreadMembers: readonly UnreadMember[];
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

  /** @returns a promise to wait for, when no more should come now */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#bytes += chunk.length;
    if (this.#head === undefined) return this.#reader?.write(chunk);
    this.#head = Buffer.concat([this.#head, chunk]);
    return this.#head.length >= BLOCK ? this.#begin() : undefined;
  }

  async end(): Promise<Content> {
    if (this.#head !== undefined) await this.#begin();
    const structure = await this.#reader?.end();
    this.#context.search.end();
    return { ...NO_STRUCTURE, ...structure, bytes: this.#bytes, log: this.#log };
  }

  #begin(): Promise<void> | undefined {
    const head = this.#head ?? Buffer.alloc(0);
    this.#head = undefined;
    this.#reader = readerFor(head, this.#context, this.#log);
    return this.#reader.write(head);
  }
}

/** What a reader finds out about the form of the bytes. */
type Structure = Partial<Omit<Content, "bytes" | "log">>;

const NO_STRUCTURE = {
  kind: "other",
  files: 0,
  paths: new PathIndex(),
  jsonDocument: undefined,
  trouble: undefined,
  members: { count: 0, bytes: 0, unseen: 0 },
  unreadMembers: [],
} as const;

interface Reader {
  write(chunk: Buffer): Promise<void> | undefined;
  end(): Promise<Structure> | Structure;
}

function readerFor(head: Buffer, context: ScanContext, log: HitLog): Reader {
  // a layer without members is a tar of zeros, or of nothing at all
  const block = head.subarray(0, BLOCK);
  const isTar = block.length === BLOCK && (isZeroBlock(block) || parseHeader(block) !== null);
  if (isTar || head.length === 0) return tarReader(context, log);
  const sniffed = sniff(block);
  if (sniffed !== null) return fileReader(sniffed, context, log);
  const first = head.toString("latin1").trimStart().at(0);
  return first === "{" || first === "[" ? jsonReader(context, log) : plainReader(context, log);
}

function tarReader(context: ScanContext, log: HitLog): Reader {
  const { table, search, members: queue } = context;
  const members = new LayerMembers(queue, log);
  const paths = new PathIndex();
  let files = 0;
  const onEntry = (entry: TarEntry): void => {
    files++;
    paths.add(entry.path, entry.type === "5");
    context.onEntry?.(entry);
  };
  const tar = new TarScan({ table, owner: members, onEntry });
  return {
    write(chunk) {
      const complete = tar.write(chunk, (onHit) => search.write(chunk, onHit));
      return members.add(complete, tar.pending);
    },
    async end() {
      const trouble = tar.finish();
      await members.finish();
      const unreadMembers = members.unread.named;
      return { kind: "tar", files, paths, trouble, members: members.counts, unreadMembers };
    },
  };
}

/** What is unpacked like a file of a layer: `other` for whoever wants a layer. */
function fileReader(
  sniffed: Exclude<Sniffed, null>,
  { search, members }: ScanContext,
  log: HitLog,
): Reader {
  const file = new BlobFile(sniffed, members, log);
  return {
    write(chunk) {
      search.write(chunk, (hit) => file.addHit(hit));
      file.write(chunk);
      return undefined;
    },
    async end() {
      await file.end();
      return { kind: "other", members: file.counts, unreadMembers: file.unread.named };
    },
  };
}

function jsonReader(context: ScanContext, log: HitLog): Reader {
  const plain = plainReader(context, log);
  const { budget } = context;
  const parts: Buffer[] = [];
  let length = 0;
  let isKept = true;
  return {
    write(chunk) {
      const taken = plain.write(chunk);
      length += chunk.length;
      budget.left -= chunk.length;
      isKept &&= length <= JSON_LIMIT && budget.left >= 0;
      if (isKept) parts.push(Buffer.concat([chunk]));
      else parts.length = 0;
      return taken;
    },
    end: () => (isKept ? documentIn(Buffer.concat(parts), budget) : left(TOO_LONG, budget)),
  };
}

const TOO_LONG = "JSON of more than 16 MiB, or 64 MiB in all";

function documentIn(bytes: Buffer, budget: JsonBudget): Structure {
  try {
    if (!isJson(bytes)) return { kind: "other" };
    return { kind: "json", jsonDocument: new JsonDocument(bytes) };
  } catch (error) {
    if (error instanceof DeepJsonError) return left(error.message, budget);
    throw error;
  }
}

/** JSON that is not taken apart. */
function left(trouble: string, budget: JsonBudget): Structure {
  if (budget.isOptional !== true) return { kind: "json", trouble };
  budget.left = -1;
  return { kind: "other" };
}

function plainReader({ search }: ScanContext, log: HitLog): Reader {
  return {
    write(chunk) {
      search.write(chunk, ({ needle, offset }) => {
        log.add({ needle, path: "", part: "content", offset });
      });
      return undefined;
    },
    end: () => ({ kind: "other" }),
  };
}
