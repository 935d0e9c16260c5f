/**
 * `moby.buildkit.v1.Control`: starts builds on the engine's BuildKit and follows them, over
 * `POST /grpc`. This is the road that docker's own client takes.
 */
import type { SessionCarrier } from "../session.ts";
import { Channel } from "./channel.ts";
import {
  decodeSolveResponse,
  decodeWorkers,
  encodeSolveRequest,
  encodeStatusRequest,
  type SolveRequest,
  type Worker,
} from "./messages.ts";

/** Calls of the Control service. All throw as {@link Channel.unary} does. */
export interface ControlClient {
  /**
   * Builds. An abort cancels the build on the engine, and so does the end of the connection.
   *
   * @returns what the exporters answered: `containerimage.digest` and more
   */
  solve(request: SolveRequest, signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /**
   * Follows a build that was or is about to be started; ends with it.
   *
   * @returns encoded `StatusResponse` messages
   */
  status(ref: string, signal?: AbortSignal): AsyncIterable<Buffer>;
  listWorkers(signal?: AbortSignal): Promise<readonly Worker[]>;
  /** The connection itself, for services beside Control. */
  readonly channel: Channel;
  /** Ends every call; safe to repeat. */
  close(): Promise<void>;
}

const SERVICE = "/moby.buildkit.v1.Control";

/**
 * Connects to the engine's Control service.
 *
 * @throws {@link DockerError} with the HTTP status when the engine, or a plugin or proxy in front of
 *   it, refuses `POST /grpc`
 */
export async function connectControl(
  carrier: SessionCarrier,
  signal?: AbortSignal,
): Promise<ControlClient> {
  const connection = await carrier.hijack("/grpc", { headers: {}, upgrade: "h2c", signal });
  const channel = new Channel(connection);
  return {
    channel,
    async solve(request, solveSignal) {
      const message = encodeSolveRequest(request);
      const o = { signal: solveSignal };
      return decodeSolveResponse(await channel.unary(`${SERVICE}/Solve`, message, o));
    },
    status: (ref, statusSignal) =>
      channel.messages(`${SERVICE}/Status`, encodeStatusRequest(ref), { signal: statusSignal }),
    async listWorkers(listSignal) {
      const o = { signal: listSignal };
      return decodeWorkers(await channel.unary(`${SERVICE}/ListWorkers`, Buffer.alloc(0), o));
    },
    close: async () => channel.close(),
  };
}
