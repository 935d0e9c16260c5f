/**
 * Messages of `moby.buildkit.v1.Control`, as far as a build needs them. Field numbers are those of
 * BuildKit's api/services/control/control.proto and api/types/worker.proto.
 */
import {
  bytesOf,
  numberOf,
  readFields,
  textOf,
  writeFields,
  type Field,
  type FieldToWrite,
} from "../protobuf.ts";

/** Text by name, as a protocol buffer map. */
export type Attributes = Readonly<Record<string, string>>;

/** Something with a type and attributes: an exporter, or one place of a cache. */
export interface TypedAttributes {
  readonly type: string;
  readonly attributes: Attributes;
}

/** What to build: the fields of SolveRequest that a Dockerfile build uses. */
export interface SolveRequest {
  /** Names the build for {@link encodeStatusRequest}; chosen by us. */
  readonly ref: string;
  /** Id of the session that serves it. */
  readonly session: string;
  /** `dockerfile.v0`, `gateway.v0`, or empty when a gateway client drives the build. */
  readonly frontend: string;
  readonly frontendAttributes: Attributes;
  /** None: the build ends without an image. */
  readonly exporters: readonly TypedAttributes[];
  readonly cacheExports: readonly TypedAttributes[];
  readonly cacheImports: readonly TypedAttributes[];
  readonly entitlements: readonly string[];
  /** True: the engine keeps no record, log or provenance of the build (from engine 24). */
  readonly internal: boolean;
}

/** What the engine's BuildKit is. */
export interface Worker {
  readonly id: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Such as `linux/amd64` or `linux/arm/v7`: what it can build for. */
  readonly platforms: readonly string[];
  /** `v0.13.2`; empty before engine 23. */
  readonly buildkit: string;
}

/** Encodes SolveRequest. */
export function encodeSolveRequest(o: SolveRequest): Buffer {
  const [first] = o.exporters;
  return writeFields([
    [1, textField(o.ref)],
    // the first exporter again in the fields of engines before 26
    [3, textField(first?.type ?? "")],
    ...mapFields(4, first?.attributes ?? {}),
    [5, textField(o.session)],
    [6, textField(o.frontend)],
    ...mapFields(7, o.frontendAttributes),
    [8, cacheOptions(o)],
    ...o.entitlements.map((name): FieldToWrite => [9, name]),
    [11, o.internal ? 1 : undefined],
    ...o.exporters.map((exporter): FieldToWrite => [13, typed(exporter)]),
  ]);
}

/** Decodes SolveResponse: image id, descriptor and whatever else the exporters tell. */
export function decodeSolveResponse(bytes: Buffer): ReadonlyMap<string, string> {
  return mapOf(bytes, 1);
}

/** Encodes StatusRequest. */
export function encodeStatusRequest(ref: string): Buffer {
  return writeFields([[1, ref]]);
}

/** Decodes ListWorkersResponse. */
export function decodeWorkers(bytes: Buffer): Worker[] {
  return repeated(bytes, 1).map((record) => ({
    id: text(record, 1),
    labels: mapOf(record, 2),
    platforms: repeated(record, 3).map(platform),
    buildkit: repeated(record, 5)
      .map((version) => text(version, 2))
      .join(""),
  }));
}

/** Fields of a map: one entry each, key=1, value=2. */
export function mapFields(number: number, entries: Attributes): FieldToWrite[] {
  return Object.entries(entries).map(([key, value]): FieldToWrite => [
    number,
    writeFields([
      [1, key],
      [2, value],
    ]),
  ]);
}

/** The map in one field of a message. */
export function mapOf(bytes: Buffer, number: number): Map<string, string> {
  return new Map(repeated(bytes, number).map((entry) => [text(entry, 1), text(entry, 2)]));
}

/** CacheOptions: exports=4, imports=5. */
function cacheOptions(o: SolveRequest): Buffer {
  return writeFields([
    ...o.cacheExports.map((entry): FieldToWrite => [4, typed(entry)]),
    ...o.cacheImports.map((entry): FieldToWrite => [5, typed(entry)]),
  ]);
}

function typed({ type, attributes }: TypedAttributes): Buffer {
  return writeFields([[1, type], ...mapFields(2, attributes)]);
}

/** pb.Platform: architecture=1, os=2, variant=3. */
function platform(bytes: Buffer): string {
  const parts = [text(bytes, 2), text(bytes, 1), text(bytes, 3)];
  return parts.filter((part) => part !== "").join("/");
}

/** proto3 leaves out empty text. */
function textField(value: string): string | undefined {
  return value === "" ? undefined : value;
}

function repeated(bytes: Buffer, number: number): Buffer[] {
  return fields(bytes, number).map(({ value }) => bytesOf(value));
}

function text(bytes: Buffer, number: number): string {
  const value = fields(bytes, number).at(-1)?.value;
  return value === undefined || numberOf(value) !== 0 ? "" : textOf(value);
}

function fields(bytes: Buffer, number: number): Field[] {
  return [...readFields(bytes)].filter((field) => field.number === number);
}
