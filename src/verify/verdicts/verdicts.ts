/**
 * Cached verdicts: which secrets are not in which layer, so that a layer that was searched for a
 * secret is not searched for it again. Nothing is ever assumed of a layer, also not of a base image's.
 */
import { join } from "node:path";

import type { Needle } from "../../needles/needle.ts";
import { NeedleSearch } from "../../needles/search.ts";
import { NeedleTable } from "../../needles/table.ts";
import { cacheFolder } from "../../project/cache-folder.ts";
import type { Blob } from "../blob.ts";
import type { ScanContext } from "../content.ts";
import { LocalBox } from "./local-box.ts";
import { localKey } from "./local-key.ts";
import { searchedNow } from "./searched.ts";
import { formsOf } from "./secret-forms.ts";
import type { SecretForms } from "./secret-forms.ts";
import { VerdictFiles } from "./verdict-files.ts";
import { decodeVerdict, encodeVerdict, factsOf } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

const FOLDER = "verdicts";

/** Names by content; all others may name anything tomorrow. */
const BY_DIGEST = /^blobs\/(?:sha256\/[0-9a-f]{64}|sha512\/[0-9a-f]{128})$/u;

/** Tables for some of the secrets that are made; beyond, all are searched for once more. */
const MAX_TABLES = 4;

/** Whose verdicts count. */
export interface VerdictOptions {
  /** Variables by which the cache folder is found. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Who vouches for digests that were not computed here: verdicts on its word count for it alone.
   * Undefined where they are computed: these count for everybody.
   */
  readonly voucher: string | undefined;
  readonly needles: readonly Needle[];
}

/** What is known of one layer when its turn comes. */
interface Known {
  readonly verdict: Verdict | undefined;
  readonly missing: readonly SecretForms[];
}

interface Subset {
  readonly table: NeedleTable;
  readonly search: NeedleSearch;
}

/** The verdicts on the layers of one image, for the secrets of one verification. */
export class Verdicts implements Disposable {
  readonly #box: LocalBox;
  readonly #files: VerdictFiles;
  readonly #forms: readonly SecretForms[];
  /** The first is the one to write for. */
  readonly #vouchers: readonly [string, ...string[]];
  readonly #searched = searchedNow();
  readonly #known = new Map<string, Known>();
  readonly #subsets = new Map<string, Subset>();

  private constructor(box: LocalBox, files: VerdictFiles, o: VerdictOptions) {
    this.#box = box;
    this.#files = files;
    this.#forms = formsOf(o.needles, box);
    this.#vouchers = o.voucher === undefined ? [""] : [`by ${o.voucher}`, ""];
  }

  /** @returns undefined where there is no cache folder. Never throws */
  static open(o: VerdictOptions): Verdicts | undefined {
    const cache = cacheFolder(o.env);
    if (cache === null) return undefined;
    const folder = join(cache, FOLDER);
    using key = localKey(folder);
    if (key === null) return undefined;
    return new Verdicts(new LocalBox(key), new VerdictFiles(folder), o);
  }

  /** The verdict on a blob that needs no search: every secret is known not to be in it. */
  cleanOf(name: string): Verdict | undefined {
    const { verdict, missing } = this.#ask(name);
    return missing.length === 0 ? verdict : undefined;
  }

  /** A search for those secrets alone that nothing is known of in this blob. */
  contextFor(name: string, context: ScanContext): ScanContext {
    const { verdict, missing } = this.#ask(name);
    const isAll = missing.length === this.#forms.length;
    if (verdict === undefined || missing.length === 0 || isAll) return context;
    const key = missing.map(({ id }) => id).join();
    const subset = this.#subsets.get(key) ?? this.#newSubset(key, missing);
    return subset === undefined ? context : { ...context, ...subset };
  }

  /**
   * Keeps what a search has shown: only of a layer by its digest, read to its end, and only for
   * secrets without a finding in it. Never throws.
   */
  async keep(blob: Blob): Promise<void> {
    const known = this.#known.get(blob.name);
    if (known === undefined || !isProved(blob)) return;
    const found = new Set(blob.log.places.map(({ secret }) => secret));
    const clean = known.missing.filter(({ secret }) => !found.has(secret)).map(({ id }) => id);
    if (clean.length === 0) return;
    const [voucher] = this.#vouchers;
    const name = this.#fileOf(blob.name, voucher);
    // another process may have searched for other secrets meanwhile
    const before = this.#read(name)?.clean ?? [];
    const verdict = { facts: factsOf(blob), paths: blob.paths };
    const content = encodeVerdict({ ...verdict, clean: new Set([...clean, ...before]) });
    await this.#files.write(name, this.#box.seal(name, content));
  }

  /** Removes what is oldest when there is too much. Never throws. */
  async trim(): Promise<void> {
    await this.#files.trim();
  }

  [Symbol.dispose](): void {
    for (const { table, search } of this.#subsets.values()) {
      search.end();
      table.wipe();
    }
    this.#subsets.clear();
    this.#box[Symbol.dispose]();
  }

  #ask(name: string): Known {
    const asked = this.#known.get(name);
    if (asked !== undefined) return asked;
    if (!BY_DIGEST.test(name)) return { verdict: undefined, missing: this.#forms };
    const verdicts = this.#vouchers
      .map((voucher) => this.#read(this.#fileOf(name, voucher)))
      .filter((verdict) => verdict !== null);
    const missing = this.#forms.filter(({ id }) => !verdicts.some(({ clean }) => clean.has(id)));
    const known = { verdict: verdicts[0], missing };
    this.#known.set(name, known);
    return known;
  }

  #read(name: string): Verdict | null {
    const sealed = this.#files.read(name);
    const content = sealed === null ? null : this.#box.open(name, sealed);
    return content === null ? null : decodeVerdict(content);
  }

  #fileOf(blob: string, voucher: string): string {
    return this.#box.nameOf(["layer", this.#searched, voucher, blob]);
  }

  #newSubset(key: string, forms: readonly SecretForms[]): Subset | undefined {
    if (this.#subsets.size >= MAX_TABLES) return undefined;
    const table = new NeedleTable(forms.flatMap(({ needles }) => needles));
    const subset = { table, search: new NeedleSearch(table) };
    this.#subsets.set(key, subset);
    return subset;
  }
}

/**
 * Documents are always read: what is in them has a place with a name. A layer with members that could
 * not be read is searched again each time, so that it is told each time.
 */
function isProved(blob: Blob): boolean {
  const { kind, trouble, cached, members } = blob;
  return kind === "tar" && trouble === undefined && cached !== true && members.unseen === 0;
}
