/** Names of blobs: `sha256:` and 64 hex digits. Nothing else ever becomes a part of a path. Pure. */
import { GRPC_STATUS, GrpcError } from "../grpc.ts";

const SHA256 = /^sha256:([0-9a-f]{64})$/;

/** The hex digits of a digest; null for anything that is not one of SHA-256. */
export function hexOf(digest: string): string | null {
  return SHA256.exec(digest)?.[1] ?? null;
}

/** The hex digits of a digest that the engine sent. @throws {@link GrpcError} when it is none */
export function wantedHex(digest: string): string {
  const hex = hexOf(digest);
  if (hex !== null) return hex;
  throw new GrpcError(GRPC_STATUS.invalidArgument, "that is no sha256 digest");
}
