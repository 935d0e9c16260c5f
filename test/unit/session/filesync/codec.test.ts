import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readMetadata } from "../../../../src/session/filesync/metadata.ts";
import {
  DATA_OVERHEAD,
  packetOf,
  readPacket,
  statRoom,
  writeDataHead,
  writeStat,
  writeStatEnd,
} from "../../../../src/session/filesync/packet.ts";
import { goMode, virtualStat, type SyncedStat } from "../../../../src/session/filesync/stat.ts";
import { FrameReader } from "../../../../src/session/frames.ts";
import { bytesOf, numberOf, readFields, textOf } from "../../../../src/session/protobuf.ts";
import { packet } from "./receiver.ts";

/** The message of a framed packet; the frame must be exactly as long as it says. */
function messageOf(frame: Buffer): Buffer {
  expect(frame[0]).toBe(0);
  expect(frame.readUInt32BE(1)).toBe(frame.length - 5);
  return frame.subarray(5);
}

describe("STAT", () => {
  const stat = fc.record<SyncedStat>({
    path: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20_000 }),
    mode: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    size: fc.maxSafeNat(),
    mtimeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    link: fc.string({ unit: "binary", maxLength: 300 }),
    devMajor: fc.nat(0xfff),
    devMinor: fc.nat(0xfffff),
  });

  it("is read back by a plain reader, and never longer than foretold", () => {
    fc.assert(
      fc.property(stat, fc.nat(9), (given, start) => {
        const buffer = Buffer.alloc(start + statRoom(given), 0xee);
        const end = writeStat(buffer, start, given);
        expect(end).toBeLessThanOrEqual(buffer.length);
        const outer = [...readFields(messageOf(buffer.subarray(start, end)))];
        expect(outer.map(({ number }) => number)).toEqual([2]);
        const fields = [...readFields(bytesOf(outer[0]?.value ?? 0))];
        const found = new Map(fields.map(({ number, value }) => [number, value]));
        expect(found.size).toBe(fields.length);
        expect(textOf(found.get(1) ?? 0)).toBe(given.path.toWellFormed());
        expect(textOf(found.get(7) ?? 0)).toBe(given.link.toWellFormed());
        expect([2, 5, 8, 9].map((number) => numberOf(found.get(number) ?? 0))).toEqual([
          given.mode,
          given.size,
          given.devMajor,
          given.devMinor,
        ]);
        // owner and group are left out, which is 0
        expect([found.has(3), found.has(4)]).toEqual([false, false]);
      }),
    );
  });

  it.each<[bigint, string]>([
    [0n, ""],
    [1n, "3001"],
    [127n, "307f"],
    [128n, "308001"],
    [2n ** 32n, "308080808010"],
    [1_700_000_000_123_456_789n, "30959a97ece39fe7cb17"],
    [2n ** 63n - 1n, "30ffffffffffffffff7f"],
    [-1n, "30ffffffffffffffffff01"],
    [-(2n ** 63n), "3080808080808080808001"],
  ])("time %d is %j", (mtimeNs, expected) => {
    const given: SyncedStat = {
      path: "",
      mode: 0,
      size: 0,
      mtimeNs,
      link: "",
      devMajor: 0,
      devMinor: 0,
    };
    const buffer = Buffer.alloc(statRoom(given));
    const frame = buffer.subarray(0, writeStat(buffer, 0, given));
    const [outer] = [...readFields(messageOf(frame))];
    expect(
      bytesOf(outer?.value ?? 0)
        .toString("hex")
        .replace(/^0a00/, ""),
    ).toBe(expected);
  });

  it("the end of the list is an empty packet", () => {
    const buffer = Buffer.alloc(5, 0xee);
    expect(buffer.subarray(0, writeStatEnd(buffer, 0)).toString("hex")).toBe("0000000000");
  });
});

describe("DATA, FIN, ERR and REQ", () => {
  it("data is read back, whatever id and length", () => {
    const id = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(id, fc.uint8Array({ maxLength: 20_000 }), fc.nat(9), (given, bytes, start) => {
        const buffer = Buffer.alloc(start + bytes.length + DATA_OVERHEAD, 0xee);
        const at = writeDataHead(buffer, start, { id: given, length: bytes.length });
        buffer.set(bytes, at);
        const read = readPacket(messageOf(buffer.subarray(start, at + bytes.length)));
        expect(read).toEqual({ type: 2, id: given, data: Buffer.from(bytes) });
      }),
    );
  });

  it.each([
    [3, "", { type: 3, id: 0, data: Buffer.alloc(0) }],
    [4, "naïve 😀", { type: 4, id: 0, data: Buffer.from("naïve 😀") }],
  ])("type %d with text %j", (type, text, expected) => {
    expect(readPacket(messageOf(packetOf(type, text)))).toEqual(expected);
  });

  it("reads requests in every form, in pieces of any size", () => {
    const ids = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 50 });
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 40 }), (given, size) => {
        const bytes = Buffer.concat(given.map((id) => packet(1, { id })));
        const frames = new FrameReader(1024);
        const read: number[] = [];
        for (let at = 0; at < bytes.length; at += size) {
          const packets = frames.push(bytes.subarray(at, at + size)).map(readPacket);
          read.push(...packets.map(({ type, id }) => (type === 1 ? id : -1)));
        }
        expect(read).toEqual(given);
      }),
    );
  });

  it("skips what a newer engine may add", () => {
    expect(readPacket(Buffer.from("08011805a80101", "hex"))).toMatchObject({ type: 1, id: 5 });
  });
});

describe("metadata", () => {
  it("keeps repeated headers apart and in order", () => {
    const patterns = ["a, b", "c", "c"];
    const raw = patterns.flatMap((value) => ["exclude-patterns", value]);
    expect(readMetadata([":path", "/x", ...raw, "dir-name", "context"])).toEqual({
      dir: "context",
      patterns: { excludes: patterns, includes: undefined, followPaths: undefined },
    });
  });

  it.each<[string, string | undefined, string]>([
    ["%E6%97%A5+a%2Bb%25", "1", "日 a+b%"],
    ["%E6%97%A5+", "true", "日 "],
    ["a+b%20c", undefined, "a+b%20c"],
    ["a+b", "0", "a+b"],
    ["%zz", "1", ""],
    [Buffer.from("日本*", "utf8").toString("latin1"), undefined, "日本*"],
  ])("%j with encoded=%j is %j", (value, encoded, expected) => {
    const flag = encoded === undefined ? [] : ["followpaths-encoded", encoded];
    const { patterns } = readMetadata(["followpaths", value, ...flag]);
    expect(patterns.followPaths).toEqual([expected]);
  });
});

describe("modes and files from memory", () => {
  it.each([
    [0o100644, 0o644],
    [0o040755, 2 ** 31 + 0o755],
    [0o120777, 2 ** 27 + 0o777],
    [0o010600, 2 ** 25 + 0o600],
    [0o020666, 2 ** 26 + 2 ** 21 + 0o666],
    [0o060660, 2 ** 26 + 0o660],
    [0o140755, 0o755],
    [0o106755, 2 ** 23 + 2 ** 22 + 0o755],
    [0o041777, 2 ** 31 + 2 ** 20 + 0o777],
  ])("st_mode %o is %d", (mode, expected) => {
    expect(goMode(mode)).toBe(expected);
  });

  it("another text of the same length has another time", () => {
    const [a, b, again] = ["RUN a", "RUN b", "RUN a"].map((text) =>
      virtualStat("f", Buffer.from(text)),
    );
    expect(a?.mtimeNs).not.toBe(b?.mtimeNs);
    expect(a).toEqual(again);
  });
});
