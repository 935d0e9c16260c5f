/** `moby.buildkit.secrets.v1.Secrets`: hands one secret to the step that mounts it. */
import { SealmountError } from "../../errors.ts";
import { GRPC_STATUS, GrpcError, newFrame, unary, type GrpcService } from "../grpc.ts";
import { readFields, textOf, writeVarint } from "../protobuf.ts";

/**
 * Largest secret in bytes. The engine would take more; docker's own client does not, so a larger
 * one would work here and nowhere else (buildkit, session/secrets/secretsprovider).
 */
export const MAX_SECRET_BYTES = 500 * 1024;

/** Where the secrets of one build come from. */
export interface SecretStore {
  /**
   * @returns a buffer that the service wipes, or null for an id that this build does not serve. An
   *   id may be anything: a Dockerfile, a base image's ONBUILD and the engine itself ask too.
   */
  get(id: string): Promise<Buffer | null>;
}

/** Field 1, length-delimited. */
const DATA_TAG = 0x0a;

/** Serves GetSecret from a store. */
export function secretsService(store: SecretStore): GrpcService {
  const getSecret = unary(async (request) => {
    const id = idOf(request);
    const value = await open(store, id);
    // quietly: an optional mount whose secret is absent is simply left out
    if (value === null) throw new GrpcError(GRPC_STATUS.notFound, `secret ${id}: not found`);
    try {
      return answer(id, value);
    } finally {
      value.fill(0);
    }
  });
  return new Map([["/moby.buildkit.secrets.v1.Secrets/GetSecret", getSecret]]);
}

function idOf(request: Buffer): string {
  let id = "";
  for (const field of readFields(request)) if (field.number === 1) id = textOf(field.value);
  return id;
}

/** The engine keeps the status in its build log, so it names the id and our code and no more. */
async function open(store: SecretStore, id: string): Promise<Buffer | null> {
  try {
    return await store.get(id);
  } catch (error) {
    const code = error instanceof SealmountError ? error.code : "internal error";
    throw new GrpcError(GRPC_STATUS.failedPrecondition, `secret ${id} can't be served (${code})`);
  }
}

/** Builds the framed answer once, in a buffer that the caller's frame owner wipes. */
function answer(id: string, value: Buffer): Buffer {
  if (value.length > MAX_SECRET_BYTES) {
    throw new GrpcError(
      GRPC_STATUS.resourceExhausted,
      `secret ${id} has more than ${MAX_SECRET_BYTES} bytes (BUILD_SECRET_SIZE)`,
    );
  }
  const length = writeVarint(value.length);
  const { frame, body } = newFrame(1 + length.length + value.length);
  body.writeUInt8(DATA_TAG, 0);
  length.copy(body, 1);
  value.copy(body, 1 + length.length);
  return frame;
}
