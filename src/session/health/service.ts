/**
 * `grpc.health.v1.Health`. The engine asks every 5 s and, from Engine 25 to 28, ends the session at
 * the first answer it does not get: so this one never waits for anything.
 */
import { frameOf, unary, type GrpcService } from "../grpc.ts";
import { writeFields } from "../protobuf.ts";

/** HealthCheckResponse.ServingStatus.SERVING */
const SERVING = 1;

/** Answers every check with SERVING, whatever service it names. */
export function healthService(): GrpcService {
  const check = unary(() => frameOf(writeFields([[1, SERVING]])));
  return new Map([["/grpc.health.v1.Health/Check", check]]);
}
