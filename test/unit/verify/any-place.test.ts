import { afterAll, expect, it } from "vitest";
import { Secret } from "../../../src/secret/secret.ts";
import { archiveStream } from "../../../src/verify/sources/archive.ts";
import { verify } from "../../../src/verify/verify.ts";
import { Random } from "../../support/random.ts";
import { DISGUISES } from "../needles/disguises.ts";
import type { Disguise } from "../needles/disguises.ts";
import { legacyArchive, ociArchive } from "./archives.ts";
import type { ImageOptions } from "./archives.ts";
import { ALL_FORMS, depthOf, Packer, pathOf } from "./members/pack.ts";
import type { Form } from "./members/pack.ts";
import { Readable } from "node:stream";

const SLOW = (process.env["SLOW"] ?? "") !== "";
/** Values that are planted. */
const PLANTED = SLOW ? 100_000 : 3_000;
const SEED = Number(process.env["SEED"] ?? Date.now() % 1e9);

const SECRETS = 8;
/** Of an image. Few images with many: V8 of Node 24.21 may abort in a process that made a thousand tables. */
const FILES = 60;
const CHARACTERS = Array.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~üß€",
);
const LETTERS = CHARACTERS.slice(0, 62);
const FILLERS = [undefined, Buffer.from(LETTERS.join("")), Buffer.from("nr \t\r\n\\\\A=")];
const BREAKS = ["\n", "\r\n", "\n      ", "\\n"];
/** Encodings that are found with line breaks in them. */
const WRAPPING: ReadonlySet<string> = new Set(
  DISGUISES.map(({ encoding }) => encoding).filter((each) => /^base|^hex/u.test(each)),
);

const packer = new Packer();
afterAll(() => packer.close());

// what is missed is told by place and disguise: a value is never printed
it(`any secret is found in any disguise, chunks, layer and nesting, SEED=${SEED}`, async () => {
  const random = new Random(SEED);
  for (let planted = 0, round = 0; planted < PLANTED; round++) {
    const { image, values, expected } = await randomImage(random);
    planted += expected.size;
    const archive = await (random.chance(0.3) ? legacyArchive : ociArchive)(image);
    const found = await search(random, archive, values);
    const missed = [...expected].filter(([place]) => !found.has(place));
    const wrong = [...found].filter((place) => !expected.has(place));
    expect({ round, missed, wrong }).toEqual({ round, missed: [], wrong: [] });
  }
}, 3_600_000);

interface RandomImage {
  readonly image: ImageOptions;
  readonly values: readonly string[];
  /** Places, as `secret in path`, with the name of the disguise. */
  readonly expected: ReadonlyMap<string, string>;
}

async function randomImage(random: Random): Promise<RandomImage> {
  const values = Array.from({ length: SECRETS }, () => randomValue(random));
  const expected = new Map<string, string>();
  const layer: Record<string, Buffer> = {};
  for (let file = 0; file < FILES; file++) {
    const forms = randomForms(random);
    const parts: Buffer[] = [randomFiller(random)];
    for (const [number, value] of values.entries()) {
      if (random.chance(0.3)) continue;
      const disguise = random.pick(DISGUISES);
      parts.push(disguised(random, value, disguise), randomFiller(random));
      expected.set(`S${number} in ${pathOf(`/f${file}`, forms)}`, disguise.name);
    }
    layer[`f${file}`] = await packer.pack(Buffer.concat(parts), forms);
  }
  const form = random.pick(["raw", "gzip", "zstd"] as const);
  return { image: { layers: [layer], form }, values, expected };
}

async function search(
  random: Random,
  archive: Buffer,
  values: readonly string[],
): Promise<Set<string>> {
  const secrets = values.map((value, i) => Secret.take(`S${i}`, Buffer.from(value)));
  const source = archiveStream(Readable.from(chunksOf(random, archive)), "any");
  const { findings, unseen, unseenMembers } = await verify(source, secrets).report();
  expect({ unseen, unseenMembers }).toEqual({ unseen: [], unseenMembers: [] });
  return new Set(findings.map(({ secret, path }) => `${secret} in ${path}`));
}

/** 16 bytes or more, with letters at its ends: white space there is no part of a value. */
function randomValue(random: Random): string {
  const some = (from: readonly string[], length: number): string =>
    Array.from({ length }, () => random.pick(from)).join("");
  return some(LETTERS, 2) + some(CHARACTERS, random.int(14, 60)) + some(LETTERS, 2);
}

function randomFiller(random: Random): Buffer {
  const length = random.chance(0.05) ? random.int(0, 20_000) : random.int(0, 300);
  return random.bytes(length, random.pick(FILLERS));
}

function randomForms(random: Random): Form[] {
  for (;;) {
    const forms = Array.from({ length: random.int(0, 5) }, () => random.pick(ALL_FORMS));
    if (depthOf(forms) <= 4) return forms;
  }
}

function disguised(random: Random, value: string, { encoding, of }: Disguise): Buffer {
  const bytes = Buffer.from(of(value));
  if (!WRAPPING.has(encoding) || random.chance(0.5)) return bytes;
  const column = random.int(40, 80);
  const lines: Buffer[] = [];
  let end = random.int(1, column);
  for (let start = 0; start < bytes.length; start = end, end += column) {
    lines.push(bytes.subarray(start, end), Buffer.from(random.pick(BREAKS)));
  }
  return Buffer.concat(lines);
}

function chunksOf(random: Random, archive: Buffer): Buffer[] {
  const most = random.pick([100, 5_000, 65_536, 1_048_576]);
  const chunks: Buffer[] = [];
  for (let at = 0; at < archive.length;) {
    const chunk = archive.subarray(at, at + random.int(1, most));
    chunks.push(chunk);
    at += chunk.length;
  }
  return chunks;
}
