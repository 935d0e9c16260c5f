import type { Engine } from "../../docker/engine.ts";
import { connectContent } from "../../session/content/client.ts";
import type { ContentClient } from "../../session/content/client.ts";
import { buildRecords } from "../../session/control/history.ts";
import { RpcError } from "../../session/control/rpc-error.ts";
import { GRPC_STATUS } from "../../session/grpc-status.ts";
import type { Blobs } from "../blobs.ts";
import { BUILD_RECORDS } from "../manifests.ts";
import { isContainerd } from "./content.ts";

/** What an engine without records gets in the report. */
export const NO_RECORDS = "this engine keeps no records of its builds";

/** Blobs that are asked for at a time, and bytes of one that is held in memory meanwhile. */
const AHEAD = 16;
const LONG = 1024 * 1024;

/**
 * Reads what the engine's BuildKit keeps of its builds: each record, and the blobs that it names. An
 * engine without containerd's image store has nothing but such blobs, so all of them are read there.
 *
 * @returns false when the engine keeps no records
 */
export async function readBuildRecords(
  engine: Engine,
  blobs: Blobs,
  signal?: AbortSignal,
): Promise<boolean> {
  let client: ContentClient | undefined;
  try {
    client = await connectContent(engine, signal);
    const names = await readRecords(client, blobs, signal);
    if (!isContainerd(await engine.info())) await addAll(client, names, signal);
    await readBlobs(client, blobs, { names, signal });
    return true;
  } catch (error) {
    if (error instanceof RpcError && error.status === GRPC_STATUS.unimplemented) return false;
    blobs.fail("the engine's build records could not be read");
    return true;
  } finally {
    await client?.close();
  }
}

/** @returns the blobs of all records, each with the first record that names it */
async function readRecords(
  client: ContentClient,
  blobs: Blobs,
  signal: AbortSignal | undefined,
): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for await (const { ref, bytes, digests } of buildRecords(client.channel, signal)) {
    const name = `${BUILD_RECORDS}${ref}`;
    await blobs.read(name, whole(bytes));
    for (const digest of digests) {
      if (!names.has(digest)) names.set(digest, `${name}/${digest}`);
    }
  }
  return names;
}

async function addAll(
  client: ContentClient,
  names: Map<string, string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const { digest } of client.list(signal)) {
    if (!names.has(digest)) names.set(digest, `${BUILD_RECORDS}${digest}`);
  }
}

/** A record may name what is gone, or is in a registry: no part of this engine then. */
async function readBlobs(
  client: ContentClient,
  blobs: Blobs,
  o: { readonly names: ReadonlyMap<string, string>; readonly signal: AbortSignal | undefined },
): Promise<void> {
  for await (const { digest, bytes } of fetchAhead(client, o.names.keys(), o.signal)) {
    if (bytes === null) continue;
    const chunks = bytes === "long" ? client.read(digest, o.signal) : whole(bytes);
    await blobs.read(o.names.get(digest) ?? digest, chunks);
  }
}

/** A blob with its bytes: null for none, `long` for one that is better read as a stream. */
interface Fetched {
  readonly digest: string;
  readonly bytes: Buffer | "long" | null;
}

/** Blobs in their order, several of them asked for at a time: each answer takes milliseconds. */
async function* fetchAhead(
  client: ContentClient,
  digests: Iterable<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Fetched> {
  const waiting: Promise<Fetched>[] = [];
  for (const digest of digests) {
    const next = fetchBlob(client, digest, signal);
    // told when it is its turn
    next.catch(() => undefined);
    waiting.push(next);
    const first = waiting.length < AHEAD ? undefined : waiting.shift();
    if (first !== undefined) yield await first;
  }
  for (const next of waiting) yield await next;
}

async function fetchBlob(
  client: ContentClient,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<Fetched> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of client.read(digest, signal)) {
      size += part.length;
      if (size > LONG) return { digest, bytes: "long" };
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof RpcError && error.status === GRPC_STATUS.notFound) {
      return { digest, bytes: null };
    }
    throw error;
  }
  return { digest, bytes: Buffer.concat(parts) };
}

async function* whole(bytes: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield bytes;
}
