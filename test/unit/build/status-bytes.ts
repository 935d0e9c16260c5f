/** Writes BuildKit's progress messages, for tests of what reads them. */
import { writeFields } from "../../../src/session/protobuf.ts";

function stamp(ms: number | undefined): Buffer | undefined {
  if (ms === undefined) return undefined;
  return writeFields([
    [1, Math.floor(ms / 1000)],
    [2, (ms % 1000) * 1_000_000],
  ]);
}

export interface VertexFields {
  readonly digest: string;
  readonly name?: string;
  readonly cached?: boolean;
  readonly started?: number;
  readonly completed?: number;
  readonly error?: string;
  readonly group?: { readonly id: string; readonly name: string; readonly weak: boolean };
}

export function vertex(v: VertexFields): Buffer {
  const fields = writeFields([
    [1, v.digest],
    [2, "sha256:input"],
    [3, v.name ?? v.digest],
    [4, v.cached === true ? 1 : undefined],
    [5, stamp(v.started)],
    [6, stamp(v.completed)],
    [7, v.error],
    [8, v.group && groupBytes(v.group)],
    [99, "from a newer engine"],
  ]);
  return writeFields([[1, fields]]);
}

function groupBytes({ id, name, weak }: NonNullable<VertexFields["group"]>): Buffer {
  return writeFields([
    [1, id],
    [2, name],
    [3, weak ? 1 : undefined],
  ]);
}

export function log(
  digest: string,
  text: string | Buffer,
  o: { at?: number; stream?: number } = {},
): Buffer {
  const fields = writeFields([
    [1, digest],
    [2, stamp(o.at ?? 0)],
    [3, o.stream ?? 1],
    [4, text],
  ]);
  return writeFields([[3, fields]]);
}

export function part(
  digest: string,
  id: string,
  o: { current: number; total: number; completed?: number; at?: number },
): Buffer {
  const fields = writeFields([
    [1, id],
    [2, digest],
    [4, o.current],
    [5, o.total],
    [6, stamp(o.at)],
    [7, stamp(1_000)],
    [8, stamp(o.completed)],
  ]);
  return writeFields([[2, fields]]);
}

export function warning(
  text: string,
  line: number,
  source?: { readonly file: string; readonly text: string },
): Buffer {
  const info =
    source &&
    writeFields([
      [1, source.file],
      [2, source.text],
    ]);
  const fields = writeFields([
    [1, "sha256:v"],
    [3, text],
    [5, "https://docs.example/check"],
    [6, info],
    [7, range(line, line)],
  ]);
  return writeFields([[4, fields]]);
}

/** pb.Range, lines only. */
export function range(from: number, to: number): Buffer {
  return writeFields([
    [1, writeFields([[1, from]])],
    [2, writeFields([[1, to]])],
  ]);
}
