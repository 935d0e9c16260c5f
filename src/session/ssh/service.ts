/**
 * `moby.sshforward.v1.SSH`: the user's ssh agents, for steps with `--mount=type=ssh`. Private keys
 * stay in the agent; a step can have it sign as long as it runs.
 */
import {
  GRPC_STATUS,
  GrpcError,
  frameOf,
  unary,
  type GrpcCall,
  type GrpcService,
} from "../grpc.ts";
import { converse, headerOf, readMessages, type Reply } from "../grpc-stream.ts";
import { bytesOf, readFields, textOf, writeFields } from "../protobuf.ts";
import { Agent, AgentError, splitMessages } from "./agent.ts";

/** The id of a mount that names none. */
const DEFAULT_ID = "default";
/** An agent message has at most 256 KiB; the engine passes on what it read at once. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * Serves agents.
 *
 * @param sockets - id of `--mount=type=ssh,id=…` → absolute path of an agent's socket; nothing else
 *   is ever forwarded
 */
export function sshService(sockets: ReadonlyMap<string, string>): GrpcService {
  const socketOf = (id: string | undefined): string => {
    const socket = sockets.get(id === undefined || id === "" ? DEFAULT_ID : id);
    // as docker: an optional mount is left out, a required one fails with this text
    if (socket === undefined) throw new GrpcError(GRPC_STATUS.notFound, "ssh id is not forwarded");
    return socket;
  };
  const check = unary((request) => {
    socketOf(idOf(request));
    return frameOf(Buffer.alloc(0));
  });
  const forward = async (call: GrpcCall): Promise<void> => {
    const socket = socketOf(headerOf(call, "buildkit.ssh.id"));
    await converse(call, async (reply) => passOn(call, socket, reply));
  };
  return new Map([
    ["/moby.sshforward.v1.SSH/CheckAgent", check],
    ["/moby.sshforward.v1.SSH/ForwardAgent", forward],
  ]);
}

function idOf(request: Buffer): string {
  let id = "";
  for (const field of readFields(request)) if (field.number === 1) id = textOf(field.value);
  return id;
}

/** An agent answers each request before the next: so one at a time is the protocol, not a limit. */
async function passOn({ stream }: GrpcCall, socket: string, reply: Reply): Promise<void> {
  try {
    using agent = await Agent.connect(socket);
    // a step that is cancelled in the middle must not leave the connection to the agent behind
    const gone = (): void => agent[Symbol.dispose]();
    stream.once("close", gone);
    for await (const request of splitMessages(dataOf(readMessages(stream, MAX_MESSAGE_BYTES)))) {
      await reply.send(writeFields([[1, await agent.ask(request)]]));
    }
    stream.off("close", gone);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    throw new GrpcError(GRPC_STATUS.failedPrecondition, error.message);
  }
}

/** `BytesMessage`: field 1 is a piece of the stream, cut anywhere. */
async function* dataOf(messages: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const message of messages) {
    for (const field of readFields(message)) if (field.number === 1) yield bytesOf(field.value);
  }
}
