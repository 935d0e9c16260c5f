/** How a gRPC call ends. */

/** The status codes that sealmount sends or understands. */
export const GRPC_STATUS = {
  ok: 0,
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** A call's outcome other than OK. The message travels to the engine and into its build log. */
export class GrpcError extends Error {
  readonly status: number;

  /** @param message - for the build log: no secret, no path, no key */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
