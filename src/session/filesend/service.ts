/** `moby.filesync.v1.FileSend`: takes what `--output type=local` and `type=tar` make. */
import { once } from "node:events";

import { BuildError, errnoOf } from "../../errors.ts";
import { converse, headerOf, readMessages, type Reply } from "../grpc-stream.ts";
import { GRPC_STATUS, GrpcError, type GrpcCall, type GrpcService } from "../grpc.ts";
import { bytesOf, readFields } from "../protobuf.ts";
import { EntryError } from "./entry-order.ts";
import { receiveFolder } from "./local.ts";
import type { OutputSink, OutputTarget } from "./targets.ts";

/** The engine cuts a tar into 3 MiB; this is the most that gRPC lets through on any engine. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Serves outputs.
 *
 * @param targets - by the exporter's index in the request (0 for the first). Engines before 26 know
 *   one exporter and do not name it.
 * @param o.onFailure - told why an output could not be written, a {@link BuildError} BUILD_OUTPUT;
 *   the engine only hears that it was not
 */
export function fileSendService(
  targets: ReadonlyMap<number, OutputTarget>,
  o: { readonly onFailure: (error: Error) => void },
): GrpcService {
  const receive = async (call: GrpcCall): Promise<void> => {
    const target = targets.get(Number(headerOf(call, "buildkit-attachable-exporter-id") ?? 0));
    if (target === undefined) {
      throw new GrpcError(GRPC_STATUS.notFound, "this session has no such output");
    }
    await converse(call, async (reply) => {
      try {
        await receiveOutput(call, reply, target);
      } catch (error) {
        // when the engine gives up or goes away, it says itself why, in the build's own error
        if (!(error instanceof GrpcError)) o.onFailure(outputError(error));
        throw error;
      }
    });
  };
  return new Map([["/moby.filesync.v1.FileSend/DiffCopy", receive]]);
}

async function receiveOutput(call: GrpcCall, reply: Reply, target: OutputTarget): Promise<void> {
  if (target.kind === "local") {
    await receiveFolder(call, reply, target.dir);
    return;
  }
  const sink = await target.open();
  try {
    await receiveBytes(call, sink);
    await sink.commit();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

/** `BytesMessage`: field 1 is a piece of the output. */
async function receiveBytes({ stream }: GrpcCall, { stream: sink }: OutputSink): Promise<void> {
  const failed = failureOf(sink);
  for await (const message of readMessages(stream, MAX_MESSAGE_BYTES)) {
    for (const { number, value } of readFields(message)) {
      if (number !== 1 || sink.write(bytesOf(value))) continue;
      await Promise.race([once(sink, "drain"), failed.error]);
    }
    failed.check();
  }
}

/** A sink that fails while nobody writes must neither crash the process nor be missed. */
function failureOf(sink: OutputSink["stream"]): {
  readonly error: Promise<never>;
  check(): void;
} {
  let fault: Error | null = null;
  const error = new Promise<never>((_resolve, reject) => {
    sink.once("error", (thrown) => {
      fault = thrown;
      reject(thrown);
    });
    sink.once("close", () => reject(new EntryError("the output was closed")));
  });
  error.catch(() => undefined);
  return {
    error,
    check() {
      if (fault !== null) throw fault;
    },
  };
}

/** The text of a foreign error may quote a path of ours: its name is enough. */
function outputError(error: unknown): BuildError {
  const named = error instanceof EntryError ? error.message : errnoOf(error);
  return new BuildError("BUILD_OUTPUT", `the output can't be written (${named || "failed"})`, {
    hint: "look at the place that --output names, or use type=tar",
  });
}
