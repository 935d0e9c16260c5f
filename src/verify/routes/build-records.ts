import type { Engine } from "../../docker/engine.ts";
import { connectContent } from "../../session/content/client.ts";
import type { ContentClient } from "../../session/content/client.ts";
import { buildRecords } from "../../session/control/history.ts";
import { RpcError } from "../../session/control/rpc-error.ts";
import { GRPC_STATUS } from "../../session/grpc-status.ts";
import type { Blobs } from "../blobs.ts";
import { BUILD_RECORDS } from "../records.ts";
import { isContainerd } from "./content.ts";
import { unlessSilent } from "./silence.ts";

/** What an engine without records gets in the report. */
export const NO_RECORDS = "this engine keeps no records of its builds";

/** What an engine gets in the report that has one which is too long to be taken apart. */
export const LONG_RECORD =
  "build records of more than 16 MiB, or nested deeper than 200, are searched as they are, not string by string";

/** Blobs that are asked for at a time, and bytes of one that is held in memory meanwhile. */
const AHEAD = 16;
const LONG = 1024 * 1024;

/** Blobs that are known by name before they are read: some thousand builds. */
const WAITING = 20_000;

/** Blobs that are not read a second time; beyond, one may be, which costs time alone. */
const REMEMBERED = 200_000;

/** Longest time without an answer, in milliseconds. */
const SILENCE_MS = 60_000;

/** How to read them. */
export interface BuildRecordOptions {
  readonly signal?: AbortSignal | undefined;
  readonly silenceMs?: number;
}

/**
 * Reads what the engine's BuildKit keeps of its builds: each record, and the blobs that it names. An
 * engine without containerd's image store has nothing but such blobs, so all of them are read there.
 * What can't be read, `blobs` is told.
 *
 * @returns what this does not show, for the report
 */
export async function readBuildRecords(
  engine: Engine,
  blobs: Blobs,
  o: BuildRecordOptions = {},
): Promise<readonly string[]> {
  let client: ContentClient | undefined;
  try {
    client = await connectContent(engine, o.signal);
    const reader = new RecordReader(client, blobs, o);
    if (!(await reader.readRecords())) return [NO_RECORDS];
    await reader.readBlobs(!isContainerd(await engine.info()));
  } catch {
    blobs.records.fail("the engine's build records", "they could not be read, or not all of them");
  } finally {
    await client?.close();
  }
  return blobs.records.hasLong ? [LONG_RECORD] : [];
}

/** A blob, and what a finding in it is to be called. */
interface NamedBlob {
  readonly digest: string;
  readonly name: string;
}

class RecordReader {
  readonly #client: ContentClient;
  readonly #blobs: Blobs;
  readonly #signal: AbortSignal | undefined;
  readonly #silenceMs: number;
  readonly #known = new Set<string>();
  #waiting: NamedBlob[] = [];

  constructor(client: ContentClient, blobs: Blobs, o: BuildRecordOptions) {
    this.#client = client;
    this.#blobs = blobs;
    this.#signal = o.signal;
    this.#silenceMs = o.silenceMs ?? SILENCE_MS;
  }

  /** @returns false when the engine does not know the call */
  async readRecords(): Promise<boolean> {
    const records = buildRecords(this.#client.channel, this.#signal);
    try {
      for await (const { ref, bytes, digests } of this.#heard(records)) {
        const name = `${BUILD_RECORDS}${ref}`;
        await this.#blobs.readRecord(name, whole(bytes));
        for (const digest of digests) await this.#add({ digest, name: `${name}/${digest}` });
      }
      return true;
    } catch (error) {
      if (hasStatus(error, GRPC_STATUS.unimplemented) && this.#known.size === 0) return false;
      throw error;
    }
  }

  /** @param isAll - also those that no record names */
  async readBlobs(isAll: boolean): Promise<void> {
    if (isAll) {
      for await (const { digest } of this.#heard(this.#client.list(this.#signal))) {
        await this.#add({ digest, name: `${BUILD_RECORDS}${digest}` });
      }
    }
    await this.#readWaiting();
  }

  async #add(blob: NamedBlob): Promise<void> {
    if (this.#known.has(blob.digest)) return;
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.add(blob.digest);
    this.#waiting.push(blob);
    if (this.#waiting.length >= WAITING) await this.#readWaiting();
  }

  /** A record may name what is gone, or is in a registry: no part of this engine then. */
  async #readWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for await (const { digest, name, bytes } of this.#fetched(waiting)) {
      if (bytes === null) continue;
      const chunks = bytes === "long" ? this.#read(digest) : whole(bytes);
      await this.#blobs.readRecord(name, chunks);
    }
  }

  /** Blobs in their order, several of them asked for at a time: each answer takes milliseconds. */
  async *#fetched(named: readonly NamedBlob[]): AsyncGenerator<FetchedBlob> {
    const asked: Promise<FetchedBlob>[] = [];
    for (const blob of named) {
      const next = this.#fetch(blob);
      // told when it is its turn
      next.catch(() => undefined);
      asked.push(next);
      const first = asked.length < AHEAD ? undefined : asked.shift();
      if (first !== undefined) yield await first;
    }
    for (const next of asked) yield await next;
  }

  async #fetch(blob: NamedBlob): Promise<FetchedBlob> {
    const parts: Buffer[] = [];
    let size = 0;
    try {
      for await (const part of this.#read(blob.digest)) {
        size += part.length;
        if (size > LONG) return { ...blob, bytes: "long" };
        parts.push(Buffer.from(part));
      }
    } catch (error) {
      if (hasStatus(error, GRPC_STATUS.notFound)) return { ...blob, bytes: null };
      throw error;
    }
    return { ...blob, bytes: Buffer.concat(parts) };
  }

  #read(digest: string): AsyncGenerator<Buffer> {
    return this.#heard(this.#client.read(digest, this.#signal));
  }

  #heard<T>(answers: AsyncGenerator<T>): AsyncGenerator<T> {
    return unlessSilent(answers, this.#silenceMs);
  }
}

/** With its bytes: null for none, `long` for one that is better read as a stream. */
interface FetchedBlob extends NamedBlob {
  readonly bytes: Buffer | "long" | null;
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof RpcError && error.status === status;
}

async function* whole(bytes: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield bytes;
}
