/**
 * `moby.buildkit.v1.frontend.LLBBridge`: asks the front end about a Dockerfile instead of building it.
 * Control.Solve without a front end keeps a build open, and its gateway answers under the build's id.
 *
 * @see frontend/gateway/pb/gateway.proto of BuildKit, for the field numbers
 */
import { bytesOf, readFields, writeFields } from "../protobuf.ts";
import type { ControlClient } from "./client.ts";
import { mapFields, mapOf, type SolveRequest } from "./messages.ts";
import { RpcError } from "./rpc-error.ts";

const SERVICE = "/moby.buildkit.v1.frontend.LLBBridge";
/** Names the build that a call belongs to. */
const BUILD_HEADER = "buildkit-controlapi-buildid";

/**
 * Asks what `requestid` of the front end's attributes says.
 *
 * @returns the answer: `result.json`, `result.txt`, `result.statuscode`, `version`
 * @throws as {@link ControlClient.solve} does
 */
export async function askFrontend(
  control: ControlClient,
  request: SolveRequest,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const call = async (method: string, message: Buffer): Promise<Buffer> =>
    control.channel.unary(`${SERVICE}/${method}`, message, {
      signal,
      headers: { [BUILD_HEADER]: request.ref },
    });
  const open = control.solve({ ...request, frontend: "" }, signal);
  open.catch(() => undefined);
  const asked = call("Solve", encodeQuestion(request));
  try {
    // a build that is refused never gets a gateway
    const answer = await Promise.race([asked, open.then(async () => asked)]);
    await call("Return", writeFields([[1, emptyResult()]]));
    await open;
    return metadataOf(answer);
  } catch (error) {
    asked.catch(() => undefined);
    if (error instanceof RpcError)
      await call("Return", encodeFailure(error)).catch(() => undefined);
    throw error;
  }
}

/** SolveRequest: frontend=2, options=3, and the two ways to answer that are in use=5, 6. */
function encodeQuestion({ frontend, frontendAttributes }: SolveRequest): Buffer {
  return writeFields([[2, frontend], ...mapFields(3, frontendAttributes), [5, 1], [6, 1]]);
}

/** Result with no reference: ref=3. */
function emptyResult(): Buffer {
  return writeFields([[3, Buffer.alloc(0)]]);
}

/** ReturnRequest: error=2, a google.rpc.Status. */
function encodeFailure({ status, message }: RpcError): Buffer {
  const error = writeFields([
    [1, status],
    [2, message],
  ]);
  return writeFields([[2, error]]);
}

/** SolveResponse: result=3; Result: metadata=10. */
function metadataOf(answer: Buffer): ReadonlyMap<string, string> {
  for (const { number, value } of readFields(answer))
    if (number === 3) return mapOf(bytesOf(value), 10);
  return new Map();
}
