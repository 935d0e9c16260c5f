/** A call that the engine ended with a status other than OK. */
import { bytesOf, numberOf, readFields, textOf, WireError } from "../protobuf.ts";

/** One typed detail of a status: `google.protobuf.Any`. */
export interface RpcDetail {
  /** Such as `github.com/moby/buildkit/errdefs.Source+json`, or a name with a dot before the type. */
  readonly typeUrl: string;
  readonly value: Buffer;
}

const INTERNAL = 13;
const CUT_OFF = "the engine's report of the failure is too long to be read";

/** The engine's answer to a call, when it is not OK. Its message is foreign text, not yet masked. */
export class RpcError extends Error {
  /** Code of gRPC: 1 cancelled, 2 unknown, 3 invalid argument, 5 not found, 12 unimplemented … */
  readonly status: number;
  /** From `grpc-status-details-bin`: where in the Dockerfile, which step. Empty when there is none. */
  readonly details: readonly RpcDetail[];

  /** True when there was a report that could not be read: see {@link cutOff}. */
  get isCut(): boolean {
    return this.status === INTERNAL && this.message === CUT_OFF;
  }

  constructor(status: number, message: string, details: readonly RpcDetail[] = []) {
    super(message);
    this.name = "RpcError";
    this.status = status;
    this.details = details;
  }
}

/**
 * The error of a call's trailers; null for OK. A call without a status ended before its answer did,
 * which reads as code 2.
 */
export function errorOfTrailers(trailers: Readonly<Record<string, unknown>>): RpcError | null {
  const status = Number(textHeader(trailers, "grpc-status") ?? "2");
  if (status === 0) return null;
  const message = decodeMessage(textHeader(trailers, "grpc-message") ?? "the call had no status");
  return new RpcError(Number.isInteger(status) ? status : 2, message, detailsOf(trailers));
}

/**
 * The error of a call whose status could not be read: too long for a header, which the report of a
 * build with a long Dockerfile is.
 */
export function cutOff(): RpcError {
  return new RpcError(INTERNAL, CUT_OFF);
}

/** google.rpc.Status: code=1, message=2, details=3; Any: type_url=1, value=2. */
function detailsOf(trailers: Readonly<Record<string, unknown>>): RpcDetail[] {
  const text = textHeader(trailers, "grpc-status-details-bin");
  if (text === null) return [];
  const details: RpcDetail[] = [];
  try {
    for (const { number, value } of readFields(Buffer.from(text, "base64"))) {
      if (number === 3) details.push(detailOf(bytesOf(value)));
    }
  } catch (error) {
    // the details only add to the message
    if (!(error instanceof WireError)) throw error;
  }
  return details;
}

function detailOf(bytes: Buffer): RpcDetail {
  let typeUrl = "";
  let value: Buffer = Buffer.alloc(0);
  for (const field of readFields(bytes)) {
    if (field.number === 1) typeUrl = textOf(field.value);
    if (field.number === 2 && numberOf(field.value) === 0) value = bytesOf(field.value);
  }
  return { typeUrl, value };
}

function textHeader(headers: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = headers[name];
  return typeof value === "string" ? value : null;
}

/** Undoes the percent-encoding of `grpc-message`; what is not encoded stays as it is. */
function decodeMessage(text: string): string {
  const bytes = Buffer.from(text, "utf8").toString("latin1");
  const plain = bytes.replace(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(plain, "latin1").toString("utf8");
}
