/**
 * One connection to an ssh agent that may list keys and sign, and nothing else: a build step must
 * not add, remove or lock the keys of its user.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { ByteQueue } from "../byte-queue.ts";

/** Messages that are passed on: SSH_AGENTC_REQUEST_IDENTITIES and SSH_AGENTC_SIGN_REQUEST. */
const ALLOWED: ReadonlySet<number> = new Set([11, 13]);
/** SSH_AGENT_FAILURE, with its length in front. */
const FAILURE = Buffer.from([0, 0, 0, 1, 5]);
/** OpenSSH's own limit of a message (AGENT_MAX_LEN). */
const MAX_MESSAGE_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;
const CONNECT_TIMEOUT_MS = 5_000;

/** What a step asks is cut off or too long, or the agent went away. Says nothing of the content. */
export class AgentError extends Error {}

/** A connected agent. */
export class Agent implements Disposable {
  readonly #socket: Socket;
  readonly #answers: AsyncGenerator<Buffer>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#answers = splitMessages(socket as AsyncIterable<Buffer>);
  }

  /** @throws {@link AgentError} when no agent answers there */
  static async connect(path: string): Promise<Agent> {
    const socket = connect(path);
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    } catch {
      socket.destroy();
      throw new AgentError("no ssh agent answers");
    }
    // the end shows as a missing answer
    socket.on("error", () => undefined);
    return new Agent(socket);
  }

  /** One request and its answer, both with their length in front. */
  async ask(request: Buffer): Promise<Buffer> {
    if (!ALLOWED.has(request.readUInt8(LENGTH_BYTES))) return FAILURE;
    this.#socket.write(request);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new AgentError("the ssh agent closed the connection");
    return answer.value;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/**
 * Cuts a stream into agent messages, each with its length in front.
 *
 * @throws {@link AgentError} for an empty, over-long or cut-off message
 */
export async function* splitMessages(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const queue = new ByteQueue();
  for await (const chunk of chunks) {
    queue.push(chunk);
    for (let next = takeMessage(queue); next !== null;) {
      yield next;
      next = takeMessage(queue);
    }
  }
  if (queue.length > 0) throw new AgentError("an agent message is cut off");
}

function takeMessage(queue: ByteQueue): Buffer | null {
  const length = queue.peek(LENGTH_BYTES)?.readUInt32BE(0);
  if (length === undefined) return null;
  if (length === 0 || length > MAX_MESSAGE_BYTES) {
    throw new AgentError(`an agent message has ${length} bytes, the limit is ${MAX_MESSAGE_BYTES}`);
  }
  return queue.length < LENGTH_BYTES + length ? null : queue.take(LENGTH_BYTES + length);
}
