/**
 * `containerd.services.content.v1.Content` of the engine, over `POST /grpc`: blobs by their digest.
 * With containerd's image store that is where images are; on the other engines only what BuildKit
 * keeps of its builds. Read-only here.
 */
import { Channel } from "../control/channel.ts";
import { RpcError } from "../control/rpc-error.ts";
import { bytesOf, numberOf, readFields, textOf, writeFields } from "../protobuf.ts";
import { GRPC_STATUS } from "../grpc-status.ts";
import type { SessionCarrier } from "../session.ts";

/** A blob that the engine has. */
export interface StoredBlob {
  readonly digest: string;
  readonly size: number;
}

const SERVICE = "/containerd.services.content.v1.Content";

/** Calls of the Content service. All throw as {@link Channel.unary} does. */
export class ContentClient {
  /** The connection itself, for services beside Content. */
  readonly channel: Channel;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /** @returns null when the engine has no such blob */
  async info(digest: string, signal?: AbortSignal): Promise<StoredBlob | null> {
    try {
      const answer = await this.channel.unary(`${SERVICE}/Info`, named(digest), { signal });
      return infosOf(answer)[0] ?? null;
    } catch (error) {
      if (error instanceof RpcError && error.status === GRPC_STATUS.notFound) return null;
      throw error;
    }
  }

  /**
   * The bytes of a blob, in pieces of up to 1 MiB, each of which lasts until the next one is asked for;
   * the engine waits while they are not taken.
   */
  async *read(digest: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
    const o = { signal, isLent: true };
    const answers = this.channel.messages(`${SERVICE}/Read`, named(digest), o);
    for await (const answer of answers) yield dataOf(answer);
  }

  /** Everything that is there. */
  async *list(signal?: AbortSignal): AsyncGenerator<StoredBlob> {
    const answers = this.channel.messages(`${SERVICE}/List`, Buffer.alloc(0), { signal });
    for await (const answer of answers) yield* infosOf(answer);
  }

  async close(): Promise<void> {
    await this.channel.close();
  }
}

/**
 * Connects to it.
 *
 * @throws {@link DockerError} with the HTTP status when `POST /grpc` is refused
 */
export async function connectContent(
  carrier: SessionCarrier,
  signal?: AbortSignal,
): Promise<ContentClient> {
  const connection = await carrier.hijack("/grpc", { headers: {}, upgrade: "h2c", signal });
  return new ContentClient(new Channel(connection, { isBulk: true }));
}

/** InfoRequest and ReadContentRequest: digest=1. */
function named(digest: string): Buffer {
  return writeFields([[1, digest]]);
}

/** ReadContentResponse: offset=1, data=2. */
function dataOf(answer: Buffer): Buffer {
  let data: Buffer = Buffer.alloc(0);
  for (const { number, value } of readFields(answer)) if (number === 2) data = bytesOf(value);
  return data;
}

/** InfoResponse and ListContentResponse: info=1; Info: digest=1, size=2. */
function infosOf(answer: Buffer): StoredBlob[] {
  return [...readFields(answer)]
    .filter(({ number }) => number === 1)
    .map(({ value }) => {
      const found = { digest: "", size: 0 };
      for (const field of readFields(bytesOf(value))) {
        if (field.number === 1) found.digest = textOf(field.value);
        if (field.number === 2) found.size = numberOf(field.value);
      }
      return found;
    });
}
