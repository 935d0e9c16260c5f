/**
 * A container of the app's own image that is never started: its file system answers questions, and
 * its archive API reaches the volumes it has. Nothing has to be pulled and no program runs.
 */
import { posix } from "node:path";
import type { Readable } from "node:stream";

import type { Engine } from "../docker/engine.ts";
import { escapeControl, statusOf } from "../docker/errors.ts";
import { labelsOf } from "../docker/labels.ts";
import type { Mount } from "./flags/mounts.ts";

/** Go's os.FileMode bits, as the engine's path stat has them. */
const MODE_DIRECTORY = 2 ** 31;
const MODE_SYMLINK = 2 ** 27;

/** A passwd file of a real image has kilobytes; more is not read into memory. */
const MAX_TEXT_BYTES = 1024 * 1024;
const MAX_LINKS = 8;
const MAX_NAMES = 100;

/** What a probe is made of. */
export interface ProbeOptions {
  readonly engine: Engine;
  /** Id of the image, so that a tag that moves meanwhile does no harm. */
  readonly image: string;
  readonly platform: string | undefined;
  /** Id of the run, for the labels. */
  readonly run: string;
  readonly mounts?: readonly Mount[];
  /** The engine gives a name to one container only. */
  readonly name?: string | undefined;
}

/** What lies at a path of the image. */
export type PathKind = "nothing" | "file" | "directory";

/** @returns the container's id; the caller removes it */
export async function createProbe(o: ProbeOptions): Promise<string> {
  const body = {
    Image: o.image,
    // a scratch image names no program, and a create request without one is refused
    Entrypoint: ["/never-started"],
    NetworkDisabled: true,
    Labels: labelsOf(o.run, "helper"),
    HostConfig: { NetworkMode: "none", Mounts: o.mounts ?? [] },
  };
  const query = { platform: o.platform, name: o.name };
  return (await o.engine.request<{ Id: string }>("POST", "/containers/create", { query, body })).Id;
}

/** Follows links, as the program would. Null links point nowhere: `nothing`. */
export async function kindOf(engine: Engine, id: string, path: string): Promise<PathKind> {
  let at = path;
  for (let hop = 0; hop < MAX_LINKS; hop += 1) {
    const stat = await engine.headArchive(id, at);
    if (stat === null) return "nothing";
    if (hasBit(stat.mode, MODE_DIRECTORY)) return "directory";
    if (!hasBit(stat.mode, MODE_SYMLINK)) return "file";
    at = posix.resolve(posix.dirname(at), stat.linkTarget);
  }
  return "nothing";
}

/**
 * Names in a folder of the image, up to a number and an amount of bytes that no folder of secrets
 * has; a mount there would hide them. Control characters are escaped.
 */
export async function namesIn(engine: Engine, id: string, folder: string): Promise<string[]> {
  const names = new Set<string>();
  let size = 0;
  await readTar(await engine.getArchive(id, `${folder}/`), ({ path, text }) => {
    // the first entry is the folder itself
    const name = path.split("/")[1] ?? "";
    if (name !== "") names.add(escapeControl(name));
    size += text.length;
    return names.size <= MAX_NAMES && size < MAX_TEXT_BYTES;
  });
  return [...names];
}

/** Sizes of all files below a folder, in bytes. */
export async function sizesIn(engine: Engine, id: string, folder: string): Promise<number[]> {
  const sizes: number[] = [];
  await readTar(await engine.getArchive(id, folder), ({ size }) => {
    sizes.push(size);
    return true;
  });
  return sizes;
}

/**
 * Reads a text file of the image, through links.
 *
 * @returns null when there is none
 */
export async function readText(engine: Engine, id: string, path: string): Promise<string | null> {
  let at = path;
  for (let hop = 0; hop < MAX_LINKS; hop += 1) {
    const entry = await firstEntry(engine, id, at);
    if (entry === null) return null;
    if (entry.link === undefined) return entry.text;
    at = posix.resolve(posix.dirname(at), entry.link);
  }
  return null;
}

interface TarEntry {
  readonly path: string;
  readonly link: string | undefined;
  readonly size: number;
  readonly text: string;
}

async function firstEntry(engine: Engine, id: string, path: string): Promise<TarEntry | null> {
  let archive: Readable;
  try {
    archive = await engine.getArchive(id, path);
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
  let found: TarEntry | null = null;
  await readTar(archive, (entry) => {
    found = entry;
    return false;
  });
  return found;
}

/** Reads entries until `onEntry` returns false; then the rest is not even fetched. */
async function readTar(archive: Readable, onEntry: (entry: TarEntry) => boolean): Promise<void> {
  const { extract } = await import("tar-stream");
  const unpack = extract();
  archive.on("error", (error) => unpack.destroy(error));
  archive.pipe(unpack);
  for await (const entry of unpack) {
    const link = entry.header.type === "symlink" ? (entry.header.linkname ?? "") : undefined;
    const { name: path, size } = entry.header;
    if (!onEntry({ path, link, size, text: await textOf(entry) })) break;
  }
  archive.destroy();
}

/** Reads an entry to its end, which the next one waits for; keeps at most the limit of it. */
async function textOf(entry: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of entry) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size <= MAX_TEXT_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Bitwise operators work on 32 signed bits, and Go's directory bit is the highest of them. */
function hasBit(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1;
}
