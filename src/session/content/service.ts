/**
 * `containerd.services.content.v1.Content`: layouts of this machine, for caches and outputs in
 * folders and for contexts from an OCI layout. Which of them a call means stands in its headers.
 */
import { BuildError, errnoOf } from "../../errors.ts";
import { converse, headerOf, readMessages, type Reply } from "../grpc-stream.ts";
import {
  frameOf,
  GRPC_STATUS,
  GrpcError,
  unary,
  type GrpcCall,
  type GrpcMethod,
  type GrpcService,
} from "../grpc.ts";
import { WireError } from "../protobuf.ts";
import { wantedHex } from "./digest.ts";
import type { Ingest } from "./ingest.ts";
import {
  decodeName,
  decodeRead,
  decodeUpdate,
  decodeWrite,
  encodeInfos,
  encodeRead,
  encodeStatuses,
  encodeWrite,
  WRITE_ACTION,
  type BlobInfo,
} from "./messages.ts";
import type { ContentStore } from "./store.ts";

const SERVICE = "/containerd.services.content.v1.Content";
const STORE_HEADER = "buildkit-attachable-store-id";
/** containerd writes at most half of its own limit of 16 MiB at once; the rest is for the fields. */
const MAX_WRITE_BYTES = 16 * 1024 * 1024;
const MAX_REQUEST_BYTES = 64 * 1024;
/** Well below the 4 MiB that old engines take. */
const READ_BYTES = 256 * 1024;
/** Blobs in one answer of List, as containerd has it. */
const LIST_BLOBS = 100;

/**
 * Serves stores.
 *
 * @param stores - by the id under which the engine asks; one id never reaches another one's blobs
 * @param o.onFailure - told why a folder can't be read or written, a {@link BuildError}
 *   BUILD_OUTPUT; the engine only hears that it can't
 */
export function contentService(
  stores: ReadonlyMap<string, ContentStore>,
  o: { readonly onFailure: (error: Error) => void },
): GrpcService {
  const chosen = (call: GrpcCall): ContentStore => {
    const store = stores.get(headerOf(call, STORE_HEADER) ?? "");
    if (store !== undefined) return store;
    throw new GrpcError(GRPC_STATUS.notFound, "this session has no such store");
  };
  const reporting = async <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      // what the engine asked wrongly it hears itself
      const isTheirs = error instanceof GrpcError || error instanceof WireError;
      if (!isTheirs) o.onFailure(folderError(error));
      throw error;
    });
  const one =
    (answer: (store: ContentStore, request: Buffer) => Promise<Buffer>): GrpcMethod =>
    async (call) => {
      const store = chosen(call);
      await unary(async (request) => frameOf(await reporting(answer(store, request))))(call);
    };
  const many =
    (talk: (store: ContentStore, call: GrpcCall, reply: Reply) => Promise<void>): GrpcMethod =>
    async (call) => {
      const store = chosen(call);
      await converse(call, async (reply) => reporting(talk(store, call, reply)));
    };
  return new Map([
    [`${SERVICE}/Info`, one(info)],
    [`${SERVICE}/Update`, one(update)],
    [`${SERVICE}/List`, many(list)],
    [`${SERVICE}/Delete`, one(remove)],
    [`${SERVICE}/Read`, many(read)],
    [`${SERVICE}/Status`, one(status)],
    [`${SERVICE}/ListStatuses`, one(async ({ statuses }) => encodeStatuses(statuses))],
    [`${SERVICE}/Write`, many(write)],
    [`${SERVICE}/Abort`, one(abort)],
  ]);
}

async function info({ blobs }: ContentStore, request: Buffer): Promise<Buffer> {
  return encodeInfos([await blobs.info(wantedHex(decodeName(request)))]);
}

/** Only labels could change, and a folder keeps none. */
async function update({ blobs }: ContentStore, request: Buffer): Promise<Buffer> {
  await blobs.info(wantedHex(decodeUpdate(request)));
  throw new GrpcError(GRPC_STATUS.failedPrecondition, "this store keeps no labels");
}

async function remove(store: ContentStore, request: Buffer): Promise<Buffer> {
  await store.delete(wantedHex(decodeName(request)));
  return Buffer.alloc(0);
}

async function abort(store: ContentStore, request: Buffer): Promise<Buffer> {
  await store.abort(decodeName(request));
  return Buffer.alloc(0);
}

async function status({ statuses }: ContentStore, request: Buffer): Promise<Buffer> {
  const ref = decodeName(request);
  const found = statuses.find((one) => one.ref === ref);
  if (found !== undefined) return encodeStatuses([found]);
  throw new GrpcError(GRPC_STATUS.notFound, "nothing is being written under that ref");
}

async function list({ blobs }: ContentStore, call: GrpcCall, reply: Reply): Promise<void> {
  // its filters are over labels, which nothing here has
  if (decodeName(await onlyMessage(call)) !== "")
    throw new GrpcError(GRPC_STATUS.unimplemented, "this store has no filters");
  let page: BlobInfo[] = [];
  for await (const blob of blobs.list()) {
    page.push(blob);
    if (page.length < LIST_BLOBS) continue;
    await reply.send(encodeInfos(page));
    page = [];
  }
  if (page.length > 0) await reply.send(encodeInfos(page));
}

async function read({ blobs }: ContentStore, call: GrpcCall, reply: Reply): Promise<void> {
  const { digest, ...wanted } = decodeRead(await onlyMessage(call));
  await using file = await blobs.open(wantedHex(digest));
  const { size } = await file.stat();
  const from = Math.max(0, wanted.offset);
  if (from > size) throw new GrpcError(GRPC_STATUS.outOfRange, "the blob is shorter than that");
  const end = wanted.size > 0 ? Math.min(size, from + wanted.size) : size;
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - from));
  for (let at = from; at < end && !call.stream.destroyed;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) throw new Error("a blob became shorter while it was read");
    // the message is a copy, so the buffer is free again
    await reply.send(encodeRead(at, buffer.subarray(0, bytesRead)));
    at += bytesRead;
  }
}

/** One blob: what it is going to be, its bytes, and the commit, each answered before the next. */
async function write(store: ContentStore, { stream }: GrpcCall, reply: Reply): Promise<void> {
  let ingest: Ingest | null = null;
  try {
    for await (const message of readMessages(stream, MAX_WRITE_BYTES)) {
      const request = decodeWrite(message);
      ingest ??= await store.begin(request.ref);
      await ingest.expect(request);
      if (request.action !== WRITE_ACTION.stat) await ingest.write(request);
      const isLast = request.action === WRITE_ACTION.commit;
      if (isLast) await store.commit(ingest);
      await reply.send(encodeWrite(request.action, ingest.status, ingest.digest));
      if (isLast) return;
    }
  } finally {
    if (ingest !== null) await store.end(ingest);
  }
}

/** The request of a call that is answered with many messages. */
async function onlyMessage({ stream }: GrpcCall): Promise<Buffer> {
  for await (const message of readMessages(stream, MAX_REQUEST_BYTES)) return message;
  throw new GrpcError(GRPC_STATUS.invalidArgument, "the call has no request");
}

/** The text of a foreign error may quote a path of ours: its name is enough. */
function folderError(error: unknown): BuildError {
  const code = errnoOf(error);
  const named = code === "" ? "" : ` (${code})`;
  return new BuildError("BUILD_OUTPUT", `the folder of a cache or output can't be used${named}`, {
    hint: "look at the folders that --cache-from, --cache-to, --output and --build-context name",
  });
}
