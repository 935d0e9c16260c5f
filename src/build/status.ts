/**
 * Decodes `moby.buildkit.v1.StatusResponse`, the message of BuildKit's progress. Field numbers are
 * those of api/services/control/control.proto and solver/pb/ops.proto; unknown fields are skipped.
 */
import { bytesOf, numberOf, readFields, textOf } from "../session/protobuf.ts";
import { sourceOf, type SourceText } from "./excerpt.ts";

/** A step as it stands now. Times are milliseconds since 1970. */
export interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly started: number | undefined;
  readonly completed: number | undefined;
  readonly error: string;
  readonly inputs: readonly string[];
  readonly group: ProgressGroup | undefined;
}

/** Steps that belong together; from BuildKit 0.10 (Engine 23). */
export interface ProgressGroup {
  readonly id: string;
  readonly name: string;
  readonly weak: boolean;
}

/** Progress of one part of a step. */
export interface VertexStatus {
  readonly vertex: string;
  readonly id: string;
  readonly name: string;
  readonly current: number;
  readonly total: number;
  readonly at: number | undefined;
  readonly started: number | undefined;
  readonly completed: number | undefined;
}

/** Output of a step; may begin and end anywhere in a line. */
export interface VertexLog {
  readonly vertex: string;
  readonly at: number;
  /** 1 stdout, 2 stderr */
  readonly stream: number;
  readonly bytes: Buffer;
}

/** A finding of BuildKit's checks. */
export interface VertexWarning {
  readonly vertex: string;
  readonly level: number;
  readonly text: string;
  readonly detail: readonly string[];
  readonly url: string;
  readonly line: number | undefined;
  readonly source: SourceText | undefined;
}

/** One progress message. */
export interface StatusResponse {
  readonly vertexes: readonly Vertex[];
  readonly statuses: readonly VertexStatus[];
  readonly logs: readonly VertexLog[];
  readonly warnings: readonly VertexWarning[];
}

type Fields = ReadonlyMap<number, readonly (number | Buffer)[]>;

/** @throws {@link WireError} when the bytes are no such message */
export function decodeStatus(bytes: Buffer): StatusResponse {
  const fields = fieldsOf(bytes);
  const each = <T>(field: number, decode: (nestedFields: Fields) => T): T[] =>
    (fields.get(field) ?? []).map((value) => decode(fieldsOf(bytesOf(value))));
  return {
    vertexes: each(1, vertex),
    statuses: each(2, status),
    logs: each(3, log),
    warnings: each(4, warning),
  };
}

function vertex(fields: Fields): Vertex {
  return {
    digest: text(fields, 1),
    name: text(fields, 3),
    cached: number(fields, 4) !== 0,
    started: time(fields, 5),
    completed: time(fields, 6),
    error: text(fields, 7),
    inputs: (fields.get(2) ?? []).map(textOf),
    group: fields.has(8) ? group(nested(fields, 8)) : undefined,
  };
}

function group(fields: Fields): ProgressGroup {
  return { id: text(fields, 1), name: text(fields, 2), weak: number(fields, 3) !== 0 };
}

function status(fields: Fields): VertexStatus {
  return {
    id: text(fields, 1),
    vertex: text(fields, 2),
    name: text(fields, 3),
    current: number(fields, 4),
    total: number(fields, 5),
    at: time(fields, 6),
    started: time(fields, 7),
    completed: time(fields, 8),
  };
}

function log(fields: Fields): VertexLog {
  return {
    vertex: text(fields, 1),
    at: time(fields, 2) ?? 0,
    stream: number(fields, 3),
    bytes: bytesOf(last(fields, 4) ?? 0),
  };
}

function warning(fields: Fields): VertexWarning {
  const ranges = (fields.get(7) ?? []).map(bytesOf);
  const source = sourceOf(bytesOf(last(fields, 6) ?? 0), ranges);
  return {
    vertex: text(fields, 1),
    level: number(fields, 2),
    text: text(fields, 3),
    detail: (fields.get(4) ?? []).map(textOf),
    url: text(fields, 5),
    line: source.lines[0]?.from,
    source: fields.has(6) ? source : undefined,
  };
}

function fieldsOf(bytes: Buffer): Fields {
  const found = new Map<number, (number | Buffer)[]>();
  for (const field of readFields(bytes)) {
    const values = found.get(field.number);
    if (values === undefined) found.set(field.number, [field.value]);
    else values.push(field.value);
  }
  return found;
}

function last(fields: Fields, field: number): number | Buffer | undefined {
  return fields.get(field)?.at(-1);
}

function text(fields: Fields, field: number): string {
  return textOf(last(fields, field) ?? 0);
}

function number(fields: Fields, field: number): number {
  return numberOf(last(fields, field) ?? 0);
}

/** The first of a repeated message, or an empty one. */
function nested(fields: Fields, field: number): Fields {
  return fieldsOf(bytesOf(fields.get(field)?.[0] ?? 0));
}

/** google.protobuf.Timestamp: seconds=1, nanos=2. */
function time(fields: Fields, field: number): number | undefined {
  const value = last(fields, field);
  if (value === undefined) return undefined;
  const stamp = fieldsOf(bytesOf(value));
  return number(stamp, 1) * 1_000 + number(stamp, 2) / 1_000_000;
}
