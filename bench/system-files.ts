/** A tar of files of this machine's system: what an image's largest layer is like. */
import { execFile } from "node:child_process";
import { hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { sniff, SNIFF_LENGTH } from "../src/verify/members/kinds.ts";

const call = promisify(execFile);

/** Where they are taken from. */
const ROOT = "/usr";

/** A file as `find` lists it. */
interface Listed {
  readonly path: string;
  readonly size: number;
}

/** Which files make a tar of a size. */
export interface Choice {
  readonly paths: readonly string[];
  /** How often they are all taken: more than once where a machine has too few. */
  readonly copies: number;
}

/**
 * Writes a tar of about so many bytes.
 *
 * @param isPlain - leaves out what `verify` unpacks, so that all programs search the same bytes
 * @returns its size
 */
export async function makeSystemTar(
  path: string,
  bytes: number,
  { isPlain = false } = {},
): Promise<number> {
  const find = ["-xdev", "-type", "f", "-size", "-128M", "-printf", String.raw`%s\t%p\0`];
  // names are bytes: latin1 keeps them
  const options = { encoding: "latin1", maxBuffer: 1 << 28 } as const;
  const { stdout } = await call("find", [ROOT, ...find], options);
  const isWanted = ({ path: file }: Listed): boolean => !isPlain || !isPacked(headOf(file));
  const { paths, copies } = chooseFiles(listedFiles(stdout), bytes, isWanted);
  const list = `${path}.list`;
  await writeFile(list, paths.map((one) => `${one}\0`).join(""), "latin1");
  for (let copy = 0; copy < copies; copy++) {
    const names = `--transform=s,^/,copy-${copy}/,rSh`;
    await call("tar", ["--append", "-f", path, "--null", names, "-P", "-T", list]);
  }
  return (await stat(path)).size;
}

/** The first bytes of a file, as many as tell a kind; none when it is not there any more. */
function headOf(path: string): Buffer {
  const head = Buffer.alloc(SNIFF_LENGTH);
  try {
    const file = openSync(Buffer.from(path, "latin1"), "r");
    const length = readSync(file, head);
    closeSync(file);
    return head.subarray(0, length);
  } catch {
    return Buffer.alloc(0);
  }
}

/** True for what is unpacked; of scripts hardly one has a zip behind it. */
function isPacked(head: Buffer): boolean {
  const sniffed = sniff(head);
  return sniffed !== null && "kind" in sniffed && sniffed.kind !== "script";
}

/** Reads `size TAB path NUL …`. */
export function listedFiles(text: string): readonly Listed[] {
  return text.split("\0").flatMap((line) => {
    const [size = "", ...path] = line.split("\t");
    return path.length === 0 ? [] : [{ size: Number(size), path: path.join("\t") }];
  });
}

/**
 * Takes files from everywhere in the list, whatever their size, and the same ones each time.
 *
 * @param isWanted - asked of no more files than are needed
 */
export function chooseFiles(
  files: readonly Listed[],
  bytes: number,
  isWanted: (file: Listed) => boolean = () => true,
): Choice {
  const all = files.reduce((sum, { size }) => sum + size, 0);
  if (all === 0) throw new Error(`no files in ${ROOT}`);
  const copies = Math.ceil(bytes / all);
  const keyed = files.map((file) => ({ ...file, key: hash("sha1", file.path) }));
  const paths: string[] = [];
  let left = bytes / copies;
  for (const file of keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    if (left <= 0) break;
    if (!isWanted(file)) continue;
    paths.push(file.path);
    left -= file.size;
  }
  return { paths: paths.toSorted(), copies };
}
