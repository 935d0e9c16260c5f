/**
 * `node raw-scan.ts LIBRARY VALUES FILE`: reads a file to its end, and looks for every disguise of the
 * values in it, one a line. No tar, no members, no report: what a search alone needs.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import type * as Library from "../src/index.ts";

const CHUNK = 1024 * 1024;

async function main([library = "", values = "", file = ""]: readonly string[]): Promise<void> {
  // as it is built: the sources would be compiled first
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- built from that very file
  const { NeedleSearch, needlesOf, Secret } = (await import(library)) as typeof Library;
  const lines = readFileSync(values, "utf8").split("\n");
  const search = new NeedleSearch(
    lines.flatMap((line, index) => needlesOf(Secret.take(`${index}`, Buffer.from(line)))),
  );
  let hits = 0;
  const chunk = Buffer.alloc(CHUNK);
  const input = openSync(file, "r");
  for (let length = readSync(input, chunk); length > 0; length = readSync(input, chunk)) {
    search.write(chunk.subarray(0, length), () => hits++);
  }
  closeSync(input);
  search.end();
  if (hits > 0) throw new Error(`${hits} places have a value that was made a minute ago`);
}

await main(process.argv.slice(2));
