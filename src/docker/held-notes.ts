/**
 * Notes of what builds hold back until it is proved: places on this machine, and an image without a
 * name. When such a build is killed, nothing else tells them from what somebody wants to keep. No note
 * holds a secret.
 */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";

import { DockerError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { identityOf } from "./host-tmpfs.ts";
import { currentOwner, isAbandoned } from "./labels.ts";
import type { Leftover } from "./leftovers.ts";
import { removeTree } from "./remove-tree.ts";

/** Folder of the notes, below the user's cache folder. */
const FOLDER = "held";

/** Longer than builds take; counts only where nobody can say whether the process lives. */
const GRACE_MS = 24 * 60 * 60 * 1000;

/** What we call places: nothing else is removed, whatever a note says. */
const PLACE = /(?:^\.sealmount-|\.)[0-9a-f]{12}\.part$|^sealmount-[A-Za-z0-9]{6}$/;

/** What stands in a note. */
interface NoteText {
  /** As {@link currentOwner} writes it. */
  readonly owner: string;
  /** Absolute. */
  readonly places: readonly string[];
  readonly image?: { readonly id: string; readonly engine: string };
}

/** The note of one build. */
export class HeldNote {
  readonly #path: string | null;
  readonly #places: readonly string[];

  private constructor(path: string | null, places: readonly string[]) {
    this.#path = path;
    this.#places = places;
  }

  /**
   * Never throws: a build does not fail for want of a note.
   *
   * @param cache - this user's cache folder; null where there is none, and then no note
   * @param places - that the build is about to make
   */
  static async open(cache: string | null, places: readonly string[]): Promise<HeldNote> {
    const name = `${randomBytes(12).toString("hex")}.json`;
    const note = new HeldNote(cache === null ? null : join(cache, FOLDER, name), places);
    if (places.length > 0) await note.#write({});
    return note;
  }

  /** The image that was made, until it has a name. Never throws. */
  async addImage(engine: Engine, id: string): Promise<void> {
    try {
      await this.#write({ image: { id, engine: identityOf(await engine.info()) } });
    } catch {
      // `docker image prune` removes it, too
    }
  }

  /** All is where it belongs, or gone. Never throws. */
  async remove(): Promise<void> {
    if (this.#path !== null) await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async #write(more: Pick<NoteText, "image">): Promise<void> {
    if (this.#path === null) return;
    const text: NoteText = { owner: currentOwner(), places: this.#places, ...more };
    try {
      await mkdir(join(this.#path, ".."), { mode: 0o700, recursive: true });
      await writeFile(`${this.#path}.new`, JSON.stringify(text), { mode: 0o600 });
      await rename(`${this.#path}.new`, this.#path);
    } catch {
      // a full disk, perhaps
    }
  }
}

/**
 * What killed builds have held back, each followed by its note.
 *
 * @param engine - null when none answers: then no images
 * @param cache - as of {@link HeldNote.open}
 */
export async function findHeld(
  engine: Engine | null,
  cache: string | null,
  now: number = Date.now(),
): Promise<Leftover[]> {
  if (cache === null) return [];
  const folder = join(cache, FOLDER);
  const names = await readdir(folder).catch(() => []);
  const found: Leftover[] = [];
  for (const name of names) found.push(...(await heldBy(join(folder, name), engine, now)));
  return found;
}

async function heldBy(path: string, engine: Engine | null, now: number): Promise<Leftover[]> {
  const note = await readNote(path);
  const written = (await stat(path).catch(() => null))?.mtimeMs ?? now;
  if (!isAbandoned(note.owner, written, { now, grace: GRACE_MS })) return [];
  const places = await placesOf(note);
  const images = note.image === undefined ? [] : await imagesOf(note.image, engine);
  if (images === null) return places;
  const remove = async (): Promise<void> => {
    if ((await placesOf(note)).length === 0) await rm(path, { force: true });
  };
  return [...places, ...images, { kind: "note", name: path, kept: true, remove }];
}

async function placesOf({ places }: NoteText): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const path of places) {
    const isOurs = isAbsolute(path) && PLACE.test(basename(path));
    if (!isOurs || (await lstat(path).catch(() => null)) === null) continue;
    found.push({ kind: "output", name: path, kept: false, remove: async () => removeTree(path) });
  }
  return found;
}

/** @returns null when only another engine knows */
async function imagesOf(
  { id, engine: home }: NonNullable<NoteText["image"]>,
  engine: Engine | null,
): Promise<Leftover[] | null> {
  if (engine === null || identityOf(await engine.info()) !== home) return null;
  if (!(await isNameless(engine, id))) return [];
  const remove = async (): Promise<void> => {
    // it may have got a name meanwhile
    if (await isNameless(engine, id)) await removeUnused(engine, id);
  };
  return [{ kind: "image", name: id, kept: false, remove }];
}

async function isNameless(engine: Engine, id: string): Promise<boolean> {
  const found = await engine.inspectImage(id);
  return found !== null && (found.RepoTags ?? []).length === 0;
}

/** Somebody who made a container of it wants it. */
async function removeUnused(engine: Engine, id: string): Promise<void> {
  try {
    await engine.removeImage(id);
  } catch (error) {
    if (!(error instanceof DockerError) || error.status !== 409) throw error;
  }
}

/** A file that is no note says nothing, and goes when it is old. */
async function readNote(path: string): Promise<NoteText> {
  const nothing = { owner: "", places: [] };
  try {
    const note: unknown = JSON.parse(await readFile(path, "utf8"));
    return isNote(note) ? note : nothing;
  } catch {
    return nothing;
  }
}

function isNote(note: unknown): note is NoteText {
  if (typeof note !== "object" || note === null) return false;
  const fields = new Map<string, unknown>(Object.entries(note));
  const [owner, places, image] = ["owner", "places", "image"].map((key) => fields.get(key));
  const parts = typeof image === "object" && image !== null ? Object.values(image) : [];
  const isWhole = image === undefined || (parts.length === 2 && parts.every(isText));
  return isText(owner) && Array.isArray(places) && places.every(isText) && isWhole;
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
