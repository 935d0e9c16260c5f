/**
 * `fsutil.types.Packet`, by hand and in place: packets are written into the buffer that goes out,
 * and requests read without an object for each field.
 */
import { PACKET } from "../fsutil.ts";
import { bytesOf, numberOf, readFields } from "../protobuf.ts";
import { PREFIX_BYTES as PREFIX } from "../frames.ts";
import type { SyncedStat } from "./stat.ts";

/** A packet from the engine. */
export interface Packet {
  readonly type: number;
  readonly id: number;
  /** An error's text. */
  readonly data: Buffer;
}

/** gRPC prefix, type, id and data's tag and length: what a packet adds to its data at most. */
export const DATA_OVERHEAD = PREFIX + 2 + 6 + 6;
/** The numbers of a STAT packet at most, tags and the packet's own lengths included. */
const STAT_OVERHEAD = PREFIX + 6 + 6 + 6 + 11 + 11 + 6 + 6 + 12;

const NO_DATA = Buffer.alloc(0);
/** An int64 as two halves: BigInt arithmetic a byte at a time would cost more than all the rest. */
const halves = new BigUint64Array(1);
const [LOW, HIGH] = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? [0, 1] : [1, 0];
const words = new Uint32Array(halves.buffer);

/** Bytes that a STAT packet needs at most. */
export function statRoom(stat: SyncedStat): number {
  return STAT_OVERHEAD + 3 * (stat.path.length + stat.link.length);
}

/** Writes a STAT packet at an offset. @returns where it ends */
export function writeStat(buffer: Buffer, start: number, stat: SyncedStat): number {
  // lengths come first and are known last: the message is written behind the longest, then moved
  const body = start + PREFIX + 6;
  let at = writeText(buffer, body, 0x0a, stat.path);
  at = writeNumber(buffer, at, 0x10, stat.mode);
  at = writeNumber(buffer, at, 0x28, stat.size);
  at = writeInt64(buffer, at, 0x30, stat.mtimeNs);
  if (stat.link !== "") at = writeText(buffer, at, 0x3a, stat.link);
  at = writeNumber(buffer, at, 0x40, stat.devMajor);
  at = writeNumber(buffer, at, 0x48, stat.devMinor);
  const length = at - body;
  buffer[start + PREFIX] = 0x12;
  const moved = writeVarintAt(buffer, start + PREFIX + 1, length);
  buffer.copyWithin(moved, body, at);
  return finish(buffer, start, moved + length);
}

/** Writes the packet that ends the list. @returns where it ends */
export function writeStatEnd(buffer: Buffer, start: number): number {
  return finish(buffer, start, start + PREFIX);
}

/**
 * Writes all of a DATA packet but its data, `length` bytes that the caller puts where this returns.
 * Without data it is the end of the file.
 */
export function writeDataHead(
  buffer: Buffer,
  start: number,
  o: { id: number; length: number },
): number {
  let at = start + PREFIX;
  buffer[at] = 0x08;
  buffer[at + 1] = PACKET.data;
  at = writeNumber(buffer, at + 2, 0x18, o.id);
  if (o.length > 0) {
    buffer[at] = 0x22;
    at = writeVarintAt(buffer, at + 1, o.length);
  }
  finish(buffer, start, at + o.length);
  return at;
}

/** A whole packet of its own, with its prefix: FIN or ERR. */
export function packetOf(type: number, text = ""): Buffer {
  const data = Buffer.from(text, "utf8");
  const buffer = Buffer.alloc(DATA_OVERHEAD + data.length);
  let at = PREFIX;
  buffer[at] = 0x08;
  buffer[at + 1] = type;
  at += 2;
  if (data.length > 0) {
    buffer[at] = 0x22;
    at = writeVarintAt(buffer, at + 1, data.length);
    at += data.copy(buffer, at);
  }
  return buffer.subarray(0, finish(buffer, 0, at));
}

/** Reads a packet. @throws {@link WireError} when it is none */
export function readPacket(message: Buffer): Packet {
  return readRequest(message) ?? readAny(message);
}

/** What the engine sends by the thousand: type 1, and an id. */
function readRequest(message: Buffer): Packet | null {
  if (message[0] !== 0x08 || message[1] !== PACKET.request || message[2] !== 0x18) return null;
  let id = 0;
  let scale = 1;
  for (let at = 3; at < message.length; at += 1) {
    const byte = message[at] ?? 0;
    id += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte < 0x80) return at === message.length - 1 ? request(id) : null;
  }
  return null;
}

function request(id: number): Packet {
  return { type: PACKET.request, id, data: NO_DATA };
}

function readAny(message: Buffer): Packet {
  let type = 0;
  let id = 0;
  let data: Buffer = NO_DATA;
  for (const { number, value } of readFields(message)) {
    if (number === 1) type = numberOf(value);
    if (number === 3) id = numberOf(value);
    if (number === 4) data = bytesOf(value);
  }
  return { type, id, data };
}

/** Writes the gRPC prefix in front of a message that ends at `end`. */
function finish(buffer: Buffer, start: number, end: number): number {
  buffer[start] = 0;
  buffer.writeUInt32BE(end - start - PREFIX, start + 1);
  return end;
}

function writeText(buffer: Buffer, start: number, tag: number, text: string): number {
  buffer[start] = tag;
  // one byte for the length fits most; the text is moved when it was not enough
  const length = buffer.write(text, start + 2, "utf8");
  if (length < 0x80) {
    buffer[start + 1] = length;
    return start + 2 + length;
  }
  const size = length < 0x4000 ? 2 : 3;
  buffer.copyWithin(start + 1 + size, start + 2, start + 2 + length);
  writeVarintAt(buffer, start + 1, length);
  return start + 1 + size + length;
}

/** As proto3, a zero is left out. */
function writeNumber(buffer: Buffer, start: number, tag: number, value: number): number {
  if (value === 0) return start;
  buffer[start] = tag;
  return writeVarintAt(buffer, start + 1, value);
}

function writeInt64(buffer: Buffer, start: number, tag: number, value: bigint): number {
  halves[0] = value;
  let low = words[LOW] ?? 0;
  let high = words[HIGH] ?? 0;
  if (low === 0 && high === 0) return start;
  buffer[start] = tag;
  let at = start + 1;
  while (high > 0 || low >= 0x80) {
    buffer[at] = (low & 0x7f) | 0x80;
    at += 1;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  buffer[at] = low;
  return at + 1;
}

function writeVarintAt(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  // division, because bit operators stop at 32 bits
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    buffer[at] = (rest % 0x80) + 0x80;
    at += 1;
  }
  buffer[at] = rest;
  return at + 1;
}
