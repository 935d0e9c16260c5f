/**
 * Messages of `containerd.services.content.v1.Content`, as far as BuildKit uses them. Field numbers
 * are those of containerd's api/services/content/v1/content.proto.
 */
import {
  bytesOf,
  numberOf,
  readFields,
  textOf,
  writeFields,
  type FieldToWrite,
} from "../protobuf.ts";

/** What a write asks for. */
export const WRITE_ACTION = { stat: 0, write: 1, commit: 2 } as const;

/** WriteContentRequest, without labels: a folder has no place for them. */
export interface WriteRequest {
  readonly action: number;
  /** Names the write; empty in all but the first message of a call. */
  readonly ref: string;
  /** Size of the whole blob; 0 when it is not known. */
  readonly total: number;
  /** Digest of the whole blob; empty when it is not known. */
  readonly expected: string;
  readonly offset: number;
  readonly data: Buffer;
}

/** ReadContentRequest. */
export interface ReadRequest {
  readonly digest: string;
  readonly offset: number;
  /** 0 or less: all there is. */
  readonly size: number;
}

/** A blob that is there. */
export interface BlobInfo {
  readonly digest: string;
  readonly size: number;
  readonly changed: Date;
}

/** A write in progress. */
export interface WriteStatus {
  readonly ref: string;
  readonly offset: number;
  readonly total: number;
  readonly expected: string;
  readonly started: Date;
  readonly updated: Date;
}

/** Decodes WriteContentRequest. @throws {@link WireError} as all decoders here */
export function decodeWrite(bytes: Buffer): WriteRequest {
  const data: Buffer = Buffer.alloc(0);
  const found = { action: 0, ref: "", total: 0, expected: "", offset: 0, data };
  for (const { number, value } of readFields(bytes)) {
    if (number === 1) found.action = numberOf(value);
    if (number === 2) found.ref = textOf(value);
    if (number === 3) found.total = numberOf(value);
    if (number === 4) found.expected = textOf(value);
    if (number === 5) found.offset = numberOf(value);
    if (number === 6) found.data = bytesOf(value);
  }
  return found;
}

/** Decodes ReadContentRequest. */
export function decodeRead(bytes: Buffer): ReadRequest {
  const found = { digest: "", offset: 0, size: 0 };
  for (const { number, value } of readFields(bytes)) {
    if (number === 1) found.digest = textOf(value);
    if (number === 2) found.offset = numberOf(value);
    if (number === 3) found.size = numberOf(value);
  }
  return found;
}

/** The text in field 1: a digest, a ref, a filter. */
export function decodeName(bytes: Buffer): string {
  let name = "";
  for (const { number, value } of readFields(bytes)) if (number === 1) name = textOf(value);
  return name;
}

/** The digest in the Info of an UpdateRequest. */
export function decodeUpdate(bytes: Buffer): string {
  let name = "";
  for (const { number, value } of readFields(bytes))
    if (number === 1) name = decodeName(bytesOf(value));
  return name;
}

/** Encodes InfoResponse, and ListContentResponse for several. */
export function encodeInfos(infos: readonly BlobInfo[]): Buffer {
  return writeFields(infos.map((info): FieldToWrite => [1, blobInfo(info)]));
}

/** Encodes ReadContentResponse. */
export function encodeRead(offset: number, data: Buffer): Buffer {
  return writeFields([
    [1, offset],
    [2, data],
  ]);
}

/** Encodes StatusResponse, and ListStatusesResponse for several. */
export function encodeStatuses(statuses: readonly WriteStatus[]): Buffer {
  return writeFields(statuses.map((status): FieldToWrite => [1, writeStatus(status)]));
}

/** Encodes WriteContentResponse. @param digest - of the bytes so far */
export function encodeWrite(action: number, status: WriteStatus, digest: string): Buffer {
  return writeFields([
    [1, action],
    [2, timestamp(status.started)],
    [3, timestamp(status.updated)],
    [4, status.offset],
    [5, status.total],
    [6, digest],
  ]);
}

function blobInfo({ digest, size, changed }: BlobInfo): Buffer {
  return writeFields([
    [1, digest],
    [2, size],
    [3, timestamp(changed)],
    [4, timestamp(changed)],
  ]);
}

function writeStatus(status: WriteStatus): Buffer {
  return writeFields([
    [1, timestamp(status.started)],
    [2, timestamp(status.updated)],
    [3, status.ref],
    [4, status.offset],
    [5, status.total],
    [6, status.expected],
  ]);
}

/** google.protobuf.Timestamp: seconds=1, nanos=2. */
function timestamp(date: Date): Buffer {
  const ms = Math.max(0, date.getTime());
  return writeFields([
    [1, Math.floor(ms / 1000)],
    [2, Math.floor(ms % 1000) * 1_000_000],
  ]);
}
