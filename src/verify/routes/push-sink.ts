/**
 * A registry on the loopback that keeps nothing: what is pushed into it is searched as it comes in.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import process from "node:process";
import { pushRepository } from "../../docker/push-name.ts";
import type { Blob } from "../blob.ts";
import type { Blobs } from "../blobs.ts";
import { blobName } from "../digest-name.ts";
import { BLOB_LIMIT } from "../sources/graph.ts";

/** Largest manifest: what registries take. */
const MANIFEST_LIMIT = 4 * 1024 * 1024;

/** All of one blob that is known: nobody looks at its size, but the engine wants a number. */
const ANY_SIZE = 1;

/** A blob or manifest, or an upload of a blob: `/v2/NAME/blobs/uploads/ID`. */
const PATH =
  /^\/v2\/(?<repository>[^/]+)\/(?<kind>manifests|blobs\/uploads|blobs)\/(?<name>[^/]*)$/u;

const DIGEST = /^sha256:[0-9a-f]{64}$/u;

/** How to take it. */
export interface SinkOptions {
  /** Blobs and manifests that are taken. */
  readonly limit?: number;
  /** Called with each request, and with each piece that was searched. */
  readonly onHeard?: () => void;
}

/** Takes one image, from whoever knows the random name of its repository. */
export class PushSink {
  readonly #blobs: Blobs;
  readonly #server: Server;
  readonly #limit: number;
  readonly #onHeard: () => void;
  #count = 0;
  readonly #name = pushRepository();
  /** What was taken, by digest; uploads that have no digest yet, by their number. */
  readonly #taken = new Map<string, number>();
  readonly #uploads = new Map<string, Upload>();
  /** One blob is searched at a time; an engine sends several. */
  #turn: Promise<void> = Promise.resolve();
  #root: string | undefined;

  private constructor(
    blobs: Blobs,
    { limit = BLOB_LIMIT, onHeard = () => undefined }: SinkOptions,
  ) {
    this.#blobs = blobs;
    this.#limit = limit;
    this.#onHeard = onHeard;
    // only here: it costs 3 ms to load, and few images are pushed
    const { createServer } = process.getBuiltinModule("node:http");
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    // a layer takes as long as the engine needs to compress it
    this.#server.requestTimeout = 0;
  }

  /** Listens on a random port of 127.0.0.1. */
  static async open(blobs: Blobs, o: SinkOptions = {}): Promise<PushSink> {
    const sink = new PushSink(blobs, o);
    await new Promise<void>((resolve, reject) => {
      sink.#server.once("error", reject);
      sink.#server.listen(0, "127.0.0.1", resolve);
    });
    return sink;
  }

  /** Where to push to, without a tag. */
  get repository(): string {
    const address = this.#server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return `127.0.0.1:${port}/${this.#name}`;
  }

  /** Digest of the manifest or index that got the tag. */
  get root(): string | undefined {
    return this.#root;
  }

  /** Gone at once. Safe to repeat. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
    await this.#turn;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#onHeard();
    const { pathname: path, searchParams: query } = new URL(request.url ?? "", "http://sink");
    const { repository, kind, name = "" } = PATH.exec(path)?.groups ?? {};
    const call = { request, response, query };
    if (path === "/v2/") end(response, 200);
    else if (repository !== this.#name) end(response, 404);
    else if (kind === "manifests") await this.#manifest(call, name);
    else if (kind === "blobs") this.#head(call, name);
    else if (name === "") this.#begin(call);
    else await this.#continue(call, name);
  }

  #head({ request, response }: Call, digest: string): void {
    const size = this.#taken.get(digest) ?? this.#known(digest);
    const isAsked = request.method === "HEAD" && size !== undefined;
    end(response, isAsked ? 200 : 404, {
      "Content-Length": String(size ?? 0),
      "Docker-Content-Digest": digest,
    });
  }

  #known(digest: string): number | undefined {
    return DIGEST.test(digest) && this.#blobs.isKnown(digest) ? ANY_SIZE : undefined;
  }

  /** A blob that is mounted from elsewhere is an upload, too: we have no elsewhere. */
  #begin({ request, response }: Call): void {
    if (request.method !== "POST") return end(response, 404);
    if (++this.#count > this.#limit) return end(response, 429);
    const id = randomBytes(16).toString("hex");
    this.#uploads.set(id, { digest: EMPTY, size: 0 });
    end(response, 202, this.#place(id, 0));
  }

  async #continue({ request, response, query }: Call, id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    const isLast = request.method === "PUT";
    if (upload === undefined || !(isLast || request.method === "PATCH")) return end(response, 404);
    await this.#inTurn(async () => this.#take(request, upload));
    if (!isLast) return end(response, 202, this.#place(id, upload.size));
    this.#uploads.delete(id);
    const digest = query.get("digest") ?? "";
    const isRight = digest === upload.digest;
    if (isRight) this.#taken.set(digest, upload.size);
    end(response, isRight ? 201 : 400, { "Docker-Content-Digest": digest });
  }

  #place(id: string, size: number): Record<string, string> {
    return {
      Location: `/v2/${this.#name}/blobs/uploads/${id}`,
      Range: `0-${Math.max(0, size - 1)}`,
      "Docker-Upload-UUID": id,
    };
  }

  /** Searches a blob. Its name is known only when its last byte has come. */
  async #take(request: IncomingMessage, upload: Upload): Promise<void> {
    const chunks = request[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let next = await chunks.next();
    // PUT after PATCH has no bytes
    if (next.done === true) return;
    // an engine sends a blob in one piece; a second one would need the state of the first
    if (upload.size > 0) throw new Error("a blob in pieces");
    const hash = createHash("sha256");
    const scan = this.#blobs.begin("");
    let isComplete = false;
    try {
      for (; next.done !== true; next = await chunks.next()) {
        hash.update(next.value);
        upload.size += next.value.length;
        await scan.write(next.value);
        this.#blobs.count(next.value.length);
        this.#onHeard();
      }
      isComplete = true;
    } finally {
      upload.digest = `sha256:${hash.digest("hex")}`;
      const name = blobName(upload.digest);
      const named = {
        write: async (chunk: Buffer) => scan.write(chunk),
        end: async (): Promise<Blob> => ({ ...(await scan.end(isComplete)), name }),
      };
      await this.#blobs.end(named, isComplete);
    }
  }

  async #manifest({ request, response }: Call, reference: string): Promise<void> {
    if (request.method !== "PUT") return end(response, 404);
    if (++this.#count > this.#limit) return end(response, 429);
    const parts: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MANIFEST_LIMIT) return end(response, 413);
      parts.push(chunk);
    }
    const bytes = Buffer.concat(parts);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (reference.startsWith("sha256:") && reference !== digest) return end(response, 400);
    await this.#inTurn(async () => {
      await this.#blobs.read(blobName(digest), whole(bytes));
    });
    if (!reference.startsWith("sha256:")) this.#root = digest;
    end(response, 201, { "Docker-Content-Digest": digest, Location: request.url ?? "" });
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    await done;
  }
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
}

interface Upload {
  /** Of the bytes that came. */
  digest: string;
  size: number;
}

/** SHA-256 of nothing. */
const EMPTY = `sha256:${createHash("sha256").digest("hex")}`;

function end(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  const isHead = status === 200 && "Content-Length" in headers;
  response.writeHead(status, isHead ? headers : { ...headers, "Content-Length": "0" });
  response.end();
}

async function* whole(bytes: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield bytes;
}
