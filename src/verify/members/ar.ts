import { Unreadable } from "./limits.ts";

/** A member of an `ar` archive, by offsets of the file. */
export interface ArMember {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const MAGIC_LENGTH = 8;
const HEADER = { length: 60, name: 16, size: 48, sizeEnd: 58 };

/**
 * The members of a Debian package: an `ar` with short names.
 *
 * @throws {@link Unreadable} when a header is broken or the archive is cut off; from `next`
 * @see deb(5), ar(5)
 */
export function* arMembers(bytes: Buffer): Generator<ArMember> {
  for (let at = MAGIC_LENGTH; at < bytes.length;) {
    const size = bytes.toString("latin1", at + HEADER.size, at + HEADER.sizeEnd).trim();
    const start = at + HEADER.length;
    if (start > bytes.length || !/^\d+$/u.test(size)) {
      throw new Unreadable("a Debian package is broken or cut off");
    }
    const end = start + Number(size);
    const name = bytes.toString("latin1", at, at + HEADER.name).replace(/\/? *$/u, "");
    yield { name, start, end: Math.min(end, bytes.length) };
    if (end > bytes.length) throw new Unreadable("a Debian package is broken or cut off");
    at = end + (end % 2);
  }
}
