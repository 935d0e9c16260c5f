/**
 * `node raw-scan.ts LIBRARY VALUES FILE`: reads a file to its end, and looks for every disguise of the
 * values in it, one a line. No tar, no members, no report: what a search alone needs.
 */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type * as Library from "../src/index.ts";

const CHUNK = 1024 * 1024;

async function main([library = "", values = "", file = ""]: readonly string[]): Promise<void> {
  // as it is built: the sources would be compiled first
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- built from that very file
  const { NeedleSearch, needlesOf, Secret } = (await import(library)) as typeof Library;
  const lines = (await readFile(values, "utf8")).split("\n");
  const search = new NeedleSearch(
    lines.flatMap((line, index) => needlesOf(Secret.take(`${index}`, Buffer.from(line)))),
  );
  let hits = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK })) {
    search.write(chunk as Buffer, () => hits++);
  }
  search.end();
  if (hits > 0) throw new Error(`${hits} places have a value that was made a minute ago`);
}

await main(process.argv.slice(2));
