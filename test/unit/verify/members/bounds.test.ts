import { randomBytes } from "node:crypto";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { makeWorld } from "../../../support/temp.ts";
import { legacyArchive } from "../archives.ts";
import { measureVerify } from "../measure.ts";
import type { Measured } from "../measure.ts";
import { Packer } from "./pack.ts";
import { localRecord, packedAs, zipWith } from "./zips.ts";

/** What verify may take, whatever the image. */
const MEGABYTES = 200;
/** Of the processor, for a machine that is slow. */
const SECONDS = 40;

/** Some 1,000 needles. */
const SECRETS = 44;

const MIB = 1024 * 1024;
const BLOCK = 512;
const CANARY = "bounds-canary-value-61";

const packer = new Packer();
afterAll(() => packer.close());

/** In a layer of its own, behind a file that leaks. */
async function measure(bomb: Buffer | { readonly layer: Buffer }): Promise<Measured> {
  await using world = await makeWorld();
  const layer = "layer" in bomb ? bomb.layer : { bomb };
  const archive = await legacyArchive({ layers: [{ leak: gzipSync(CANARY) }, layer] });
  const path = await world.write("bomb.tar", archive);
  return await measureVerify(path, CANARY, SECRETS);
}

const entryOf = (name: string, content: Buffer): Buffer =>
  Buffer.concat([localRecord(name, packedAs(content, content)), content]);

/** A zip without a directory, which is read by its entries. */
function zipOf(entries: Iterable<readonly [string, Buffer]>): Buffer {
  return Buffer.concat(Array.from(entries, ([name, content]) => entryOf(name, content)));
}

function headerOf(name: string, size: number | string, type = "0"): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name);
  block.write("0000644\0", 100);
  if (typeof size === "string") Buffer.from(size, "hex").copy(block, 124);
  else block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write(`        ${type}`, 148);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

const END = Buffer.alloc(2 * BLOCK);

/** As large as a file of a layer may be, with an archive as large as one within may be. */
function largest(): Buffer {
  const zip = zipOf([["a", randomBytes(31 * MIB)]]);
  const rest = randomBytes(31 * MIB);
  const files = [
    headerOf("a.zip", zip.length),
    zip,
    padding(zip),
    headerOf("b", rest.length),
    rest,
  ];
  return gzipSync(Buffer.concat([...files, END]), { level: 0 });
}

function padding(content: Buffer): Buffer {
  return Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
}

function manyInZip(): Buffer {
  const nothing = Buffer.alloc(0);
  return zipOf(Array.from({ length: 1_000_000 }, (_, i) => [i.toString(36), nothing] as const));
}

/** So large that it is unpacked in parts. */
function manyListed(): Buffer {
  const content = randomBytes(150);
  const nameOf = (i: number): string => `some/folder/${i.toString(36)}`;
  return zipWith(
    Array.from({ length: 200_000 }, (_, i) => ({ name: nameOf(i), content, isStored: true })),
  );
}

/** Also unpacked in parts: each thread has one of the archives at a time. */
function zipOfLarge(count: number): Buffer {
  const inner = (): Buffer =>
    zipOf([["a", Buffer.concat([randomBytes(7 * MIB), Buffer.alloc(24 * MIB)])]]);
  return zipWith(Array.from({ length: count }, (_, i) => ({ name: `${i}.zip`, content: inner() })));
}

function manyInTar(): Buffer {
  const headers = Buffer.concat(
    Array.from({ length: 10_000 }, (_, i) => headerOf(`some/folder/file-${i}`, 0)),
  );
  return gzipSync(Buffer.concat(Array<Buffer>(100).fill(headers)), { level: 1 });
}

const levels = (bytes: Buffer, count: number): Buffer =>
  count === 0 ? bytes : levels(gzipSync(bytes, { level: 9 }), count - 1);

/** Each holds eight of the one before it. */
function zipsOfZips(): Buffer {
  let zip = zipOf([["0", randomBytes(1000)]]);
  for (let depth = 0; depth < 5; depth++) {
    const content = zip;
    zip = zipOf(Array.from({ length: 8 }, (_, i) => [`${i}.zip`, content] as const));
  }
  return zip;
}

const window = {
  params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_enableLongDistanceMatching]: 1 },
};

type Case = readonly [string, () => Buffer | Promise<Buffer>, string | null];
const CASES: readonly Case[] = [
  [
    "growth of 1,000,000 times",
    () => levels(Buffer.alloc(256 * MIB), 2),
    "grows more than 1,000 times",
  ],
  ["levels without end", () => levels(randomBytes(MIB), 50), "nested deeper than 4 levels"],
  ["zips of zips of zips", zipsOfZips, "nested deeper than 4 levels"],
  ["the largest file with the largest archive in it", largest, null],
  ["1,000,000 entries of a zip", manyInZip, null],
  ["a zip of archives as large as one within may be", () => zipOfLarge(6), null],
  ["the largest zip of such archives", () => zipOfLarge(8), null],
  ["200,000 entries of a zip with its directory", manyListed, null],
  ["1,000,000 entries of a tar", manyInTar, "unpacks to more than 256 MiB"],
  [
    "a file of nothing but the value",
    () => gzipSync(CANARY.repeat((60 * MIB) / 22), { level: 1 }),
    null,
  ],
  [
    "a tar of nothing but the value",
    () => Buffer.concat([headerOf("a", 60 * MIB), Buffer.alloc(60 * MIB, CANARY), END]),
    null,
  ],
  ["xz with the largest dictionary", async () => packer.pack(randomBytes(MIB), ["xz-large"]), null],
  [
    "zstd with the largest window",
    () => zstdCompressSync(Buffer.concat([randomBytes(MIB), Buffer.alloc(250 * MIB)]), window),
    null,
  ],
];

it.each(CASES)(
  `%s stays within ${MEGABYTES} MB`,
  async (_name, make, reason) => {
    const { megabytes, cpuSeconds, findings, unread, unseen } = await measure(await make());
    expect(findings).toContain("/leak!");
    expect(unseen).toEqual([]);
    if (reason !== null) expect(unread).toContain(reason);
    expect(cpuSeconds).toBeLessThan(SECONDS);
    expect(megabytes).toBeLessThan(MEGABYTES);
  },
  300_000,
);

it("sizes that nothing has end the reading, and sparse files of a terabyte do not", async () => {
  const sparse = headerOf("sparse", BLOCK, "S");
  const found = await measure({
    layer: Buffer.concat([sparse, Buffer.alloc(BLOCK, CANARY), headerOf("b", 0), END]),
  });
  expect(found).toMatchObject({ findings: ["/leak!", "/sparse"], unseen: [] });
  // 8 EiB less a byte, and 8 GiB
  for (const size of ["800000007fffffffffffffff", "800000000000000200000000"]) {
    const cut = await measure({ layer: Buffer.concat([headerOf("huge", size), END]) });
    expect(cut).toMatchObject({ findings: ["/leak!"], unseen: [expect.any(String)] });
    expect(cut.megabytes).toBeLessThan(MEGABYTES);
  }
});
