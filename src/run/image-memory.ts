/**
 * What images were found to have, kept in this user's cache folder: an image never changes, so a
 * question about it has to be asked once. Paths, names and tables of users are in it, no secret.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { ImageInspect } from "../docker/types.ts";
import { replaceFile } from "../project/atomic-file.ts";
import { cacheFolder } from "../project/cache-folder.ts";
import type { Env } from "./options.ts";

const FOLDER = "images";
/** Part of a file's name: files of another format are not read. */
const FORMAT = 1;
/** Of one image's file, in characters: what is longer is asked again. */
const MAX_LENGTH = 256 * 1024;
/** So many images are remembered. */
const MAX_IMAGES = 200;

/** An image, and for which platform it is looked at. */
export interface ImageChoice {
  /** Address of the engine: what one engine says of an image must not count on another. */
  readonly host: string;
  readonly image: Pick<ImageInspect, "Id" | "Os" | "Architecture" | "Variant">;
  /** As asked for; the id may stand for several. */
  readonly platform: string | undefined;
}

/** Answers about one image. */
export class ImageMemory {
  readonly #path: string | null;
  readonly #answers: Map<string, unknown>;
  #isNew = false;

  private constructor(path: string | null, answers: Map<string, unknown>) {
    this.#path = path;
    this.#answers = answers;
  }

  /** Reads what is remembered of an image; nothing where there is no cache folder. Never throws. */
  static async open(env: Env, choice: ImageChoice): Promise<ImageMemory> {
    const folder = cacheFolder(env);
    if (folder === null) return new ImageMemory(null, new Map());
    const path = join(folder, FOLDER, `${nameOf(choice)}.json`);
    const text = await readFile(path, "utf8").catch(() => "");
    return new ImageMemory(path, read(text));
  }

  /** True for an image that nothing is known of. */
  get isEmpty(): boolean {
    return this.#answers.size === 0;
  }

  /**
   * The answer to a question, asked only when it is not remembered.
   *
   * @param isAnswer - the file may hold anything
   */
  async recall<T>(
    question: string,
    isAnswer: (value: unknown) => value is T,
    ask: () => Promise<T>,
  ): Promise<T> {
    const known = this.#answers.get(question);
    if (isAnswer(known)) return known;
    const answer = await ask();
    this.#answers.set(question, answer);
    this.#isNew = true;
    return answer;
  }

  /** Writes what is new. Never throws: the next run asks again. */
  async keep(): Promise<void> {
    if (this.#path === null || !this.#isNew) return;
    const text = JSON.stringify(Object.fromEntries(this.#answers));
    if (text.length > MAX_LENGTH) return;
    try {
      await write(this.#path, text);
      this.#isNew = false;
    } catch {
      // a full disk, or a folder that may not be written to
    }
  }
}

function nameOf({ host, image, platform }: ImageChoice): string {
  const { Id, Os, Architecture, Variant = "" } = image;
  const parts = [host, Id, platform ?? "", Os, Architecture, Variant];
  const digest = createHash("sha256").update(parts.join("\n")).digest("hex");
  return `v${FORMAT}-${digest.slice(0, 32)}`;
}

function read(text: string): Map<string, unknown> {
  if (text.length > MAX_LENGTH) return new Map();
  try {
    const found: unknown = JSON.parse(text);
    return new Map(typeof found === "object" && found !== null ? Object.entries(found) : []);
  } catch {
    return new Map();
  }
}

async function write(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { mode: 0o700 }).catch(() => undefined);
  const like = { mode: 0o600, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  // after a crash a damaged file counts as none
  await replaceFile({ path, text, like, durable: false });
  await forgetOldest(folder);
}

async function forgetOldest(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= MAX_IMAGES) return;
  const paths = names.map((name) => join(folder, name));
  const aged = await Promise.all(
    paths.map(async (path) => ({ path, at: (await stat(path)).mtimeMs })),
  );
  const oldest = aged.toSorted((a, b) => a.at - b.at).slice(0, names.length - MAX_IMAGES);
  for (const { path } of oldest) await rm(path, { force: true });
}
