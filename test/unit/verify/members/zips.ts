/** Zips with a directory, to the byte: also what no archiver makes. */
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

export function zipWith(files: readonly ZipFile[], o: Around = {}): Buffer {
  const { prefix = "", comment = "" } = o;
  const bodies: Buffer[] = [Buffer.from(prefix)];
  const directory: Buffer[] = [];
  let at = prefix.length;
  for (const file of files) {
    const { local, central } = recordsOf(file, at, comment);
    bodies.push(local);
    at += local.length;
    if (file.isHidden !== true) directory.push(central);
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  // more than fit: as archivers without zip64 leave it
  const count = directory.length % 0x10000;
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...bodies, list, end]);
}

function recordsOf(
  { name, content, isStored = false, gap = "" }: ZipFile,
  at: number,
  comment: string,
): { readonly local: Buffer; readonly central: Buffer } {
  const data = isStored ? content : deflateRawSync(content, { level: 1 });
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(isStored ? 0 : 8, 4);
  fields.writeUInt32LE(crc32(content), 10);
  fields.writeUInt32LE(data.length, 14);
  fields.writeUInt32LE(content.length, 18);
  fields.writeUInt16LE(Buffer.byteLength(name), 22);
  const rest = Buffer.alloc(14);
  rest.writeUInt16LE(comment.length, 0);
  rest.writeUInt32LE(at, 10);
  return {
    local: Buffer.concat([
      Buffer.from(`PK\x03\x04`),
      fields,
      Buffer.from(name),
      data,
      Buffer.from(gap),
    ]),
    central: Buffer.concat([
      Buffer.from("PK\x01\x02\x14\x00"),
      fields,
      rest,
      Buffer.from(name + comment),
    ]),
  };
}
