/**
 * The records that BuildKit keeps of finished builds: arguments, log, trace, provenance. They stay
 * when the image is gone.
 *
 * @see BuildHistoryRequest and BuildHistoryRecord in BuildKit's api/services/control/control.proto
 */
import { bytesOf, readFields, textOf, writeFields } from "../protobuf.ts";
import type { Channel } from "./channel.ts";

/** One build. */
export interface BuildRecord {
  /** Id of the build. */
  readonly ref: string;
  /** The whole record, as it came. */
  readonly bytes: Buffer;
  /** Blobs that it names: of its log, trace, error, results and their attestations. */
  readonly digests: readonly string[];
}

const DIGEST = /sha256:[0-9a-f]{64}/gu;

/**
 * All finished builds. Engines before 23 keep no records, and say that they don't know the call.
 *
 * @throws as {@link Channel.messages} does
 */
export async function* buildRecords(
  channel: Channel,
  signal?: AbortSignal,
): AsyncGenerator<BuildRecord> {
  // EarlyExit=3: ends after the records that are there
  const request = writeFields([[3, 1]]);
  const path = "/moby.buildkit.v1.Control/ListenBuildHistory";
  // BuildHistoryEvent: record=2
  for await (const event of channel.messages(path, request, { signal })) {
    for (const { number, value } of readFields(event)) {
      if (number === 2) yield recordOf(bytesOf(value));
    }
  }
}

/** BuildHistoryRecord: Ref=1. The descriptors are in several fields, and newer engines have more. */
function recordOf(bytes: Buffer): BuildRecord {
  let ref = "";
  for (const { number, value } of readFields(bytes)) if (number === 1) ref = textOf(value);
  const digests = [...new Set(bytes.toString("latin1").match(DIGEST) ?? [])];
  return { ref, bytes, digests };
}
