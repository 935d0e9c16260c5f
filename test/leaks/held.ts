/**
 * Tells a wrong build from a wrong search: looks for the values of a case in what `docker save` writes,
 * with nothing of the code that the case is about.
 */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { zstdDecompressSync } from "node:zlib";
import { extract } from "tar-stream";
import { dockerOut } from "../engine/current.ts";
import { unzipped } from "../support/disk.ts";
import { expectedOn } from "./check.ts";
import type { Recipe } from "./make.ts";
import type { EngineTraits } from "./model.ts";
import { KEY } from "./model.ts";

/**
 * Asks an image, not its report.
 *
 * @param archive - where to save it meanwhile
 * @returns a line for each secret, without its value
 */
export async function heldBy(
  recipe: Recipe,
  engine: EngineTraits,
  archive: string,
): Promise<string> {
  try {
    await dockerOut(["save", "--output", archive, recipe.tag]);
    return await heldIn(archive, recipe, engine);
  } finally {
    await rm(archive, { force: true });
  }
}

/** The same of an archive that is there. */
export async function heldIn(
  archive: string,
  { one, secrets }: Pick<Recipe, "one" | "secrets">,
  engine: EngineTraits,
): Promise<string> {
  const files = await filesOf(archive);
  const plain = new Set(
    expectedOn(one, engine)
      .filter(({ path, as = "raw" }) => as === "raw" && !path.includes("!/"))
      .map(({ secret = KEY }) => secret),
  );
  const lines = [...secrets].map(([name, value]) => {
    const piece = longestPiece(value);
    if (files.some((bytes) => bytes.includes(piece))) return `${name}: the image holds the value`;
    const end = plain.has(name) ? ": the build went wrong" : " as it is";
    return `${name}: the image does not hold the value${end}`;
  });
  return lines.join("\n");
}

/** Every file of the archive, layers as they were before they were compressed. */
async function filesOf(archive: string): Promise<readonly Buffer[]> {
  const files: Buffer[] = [];
  for await (const entry of createReadStream(archive).pipe(extract())) {
    const bytes = await buffer(entry);
    const isZstd = bytes.subarray(0, ZSTD.length).equals(ZSTD);
    files.push(isZstd ? zstdDecompressSync(bytes) : unzipped(bytes));
  }
  return files;
}

const ZSTD = Buffer.from("28b52ffd", "hex");

/** What other line ends and a name in two fields leave whole. */
function longestPiece(value: string): string {
  const pieces = value.split(/[\n/]/u);
  return pieces.reduce((longest, one) => (one.length > longest.length ? one : longest), "");
}
