/** Zips to the byte: also what no archiver makes. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipFile {
  readonly name: string;
  readonly content: Buffer;
  readonly isStored?: boolean;
  /** It is in the file, but not in the directory. */
  readonly isHidden?: boolean;
  /** Bytes between it and the next one. */
  readonly gap?: string;
}

interface Around {
  /** A program before the zip. */
  readonly prefix?: string;
  /** In the directory, for each entry. */
  readonly comment?: string;
}

/** A zip with its directory. */
export function zipWith(files: readonly ZipFile[], o: Around = {}): Buffer {
  const { prefix = "", comment = "" } = o;
  const bodies: Buffer[] = [Buffer.from(prefix)];
  const directory: Buffer[] = [];
  let at = prefix.length;
  for (const { name, content, isStored = false, isHidden = false, gap = "" } of files) {
    const packed = packedAs(content, isStored ? content : deflateRawSync(content, { level: 1 }));
    const body = Buffer.concat([localRecord(name, packed), packed.data, Buffer.from(gap)]);
    bodies.push(body);
    if (!isHidden) directory.push(centralRecord(name, packed, { at, comment }));
    at += body.length;
  }
  return Buffer.concat([...bodies, ...directory, endRecord(directory, at)]);
}

/** What the records of an entry say of its content. */
export interface Packed {
  readonly data: Buffer;
  readonly method: number;
  readonly crc: number;
  readonly size: number;
}

/** @param data - the content by deflate, or itself */
export function packedAs(content: Buffer, data: Buffer): Packed {
  const method = data === content ? 0 : 8;
  return { data, method, crc: crc32(content), size: content.length };
}

/** What stands before the data. */
export function localRecord(name: string, packed: Packed): Buffer {
  return Buffer.concat([Buffer.from("PK\x03\x04"), fieldsOf(name, packed), Buffer.from(name)]);
}

/** @param at - where the local record is */
export function centralRecord(
  name: string,
  packed: Packed,
  { at, comment = "" }: { readonly at: number; readonly comment?: string },
): Buffer {
  const rest = Buffer.alloc(14);
  rest.writeUInt16LE(comment.length, 0);
  rest.writeUInt32LE(at, 10);
  const start = Buffer.from("PK\x01\x02\x14\x00");
  return Buffer.concat([start, fieldsOf(name, packed), rest, Buffer.from(name + comment)]);
}

/** @param at - where the directory is */
export function endRecord(directory: readonly Buffer[], at: number): Buffer {
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  // more than fit: as archivers without zip64 leave it
  const count = directory.length % 0x10000;
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    12,
  );
  end.writeUInt32LE(at, 16);
  return end;
}

function fieldsOf(name: string, { data, method, crc, size }: Packed): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(method, 4);
  fields.writeUInt32LE(crc, 10);
  fields.writeUInt32LE(data.length, 14);
  fields.writeUInt32LE(size, 18);
  fields.writeUInt16LE(Buffer.byteLength(name), 22);
  return fields;
}
