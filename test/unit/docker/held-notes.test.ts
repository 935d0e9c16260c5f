import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { findHeld, HeldNote } from "../../../src/docker/held-notes.ts";
import { currentOwner } from "../../../src/docker/labels.ts";
import { makeWorld } from "../../support/temp.ts";
import type { World } from "../../support/temp.ts";

/** A process of this machine that is gone: none has started with the machine and the number 2^22 + 1. */
const GONE = currentOwner().replace(/^[^@]*/, "4194305.1");

async function held(world: World, note: object | string): Promise<string[]> {
  const folder = join(world.home, "held");
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "note.json"),
    typeof note === "string" ? note : JSON.stringify(note),
  );
  const found = await findHeld(null, world.home);
  return found.map(({ kind, name }) => (kind === "note" ? kind : name));
}

describe("notes of what is held back", () => {
  it("are written for places, and removed", async () => {
    await using world = await makeWorld();
    const note = await HeldNote.open(world.home, [join(world.cwd, "x.0123456789ab.part")]);
    expect(await readdir(join(world.home, "held"))).toHaveLength(1);
    expect(await findHeld(null, world.home)).toEqual([]);
    await note.remove();
    await note.remove();
    expect(await readdir(join(world.home, "held"))).toEqual([]);
  });

  it.each([null, "/dev/null"])("do without a folder: %s", async (cache) => {
    const note = await HeldNote.open(cache, ["/x.0123456789ab.part"]);
    await note.remove();
    expect(await findHeld(null, cache)).toEqual([]);
  });

  it("lead to places that are ours by their name, and there, and to nothing else", async () => {
    await using world = await makeWorld();
    const there = [
      "made.tar.0123456789ab.part",
      ".sealmount-0123456789ab.part",
      "sealmount-aB3456",
      "theirs",
      "x.part",
      "sealmount-aB3456.txt",
    ];
    for (const name of there) await world.write(name, "");
    const places = [...there, "gone.0123456789ab.part"].map((name) => join(world.cwd, name));
    const found = await held(world, {
      owner: GONE,
      places: [...places, "relative.0123456789ab.part"],
    });
    expect(found).toEqual([...places.slice(0, 3), "note"]);
    for (const { remove } of await findHeld(null, world.home)) await remove();
    expect((await readdir(world.cwd)).toSorted()).toEqual(there.slice(3).toSorted());
    expect(await readdir(join(world.home, "held"))).toEqual([]);
  });

  it("of an image wait for an engine", async () => {
    await using world = await makeWorld();
    expect(await held(world, { owner: GONE, places: [], image: { id: "a", engine: "b" } })).toEqual(
      [],
    );
  });

  it.each(["", "{", "[]", '{"owner":1,"places":[]}', '{"owner":"","places":[1]}'])(
    "that are none go when they are old: %s",
    async (text) => {
      await using world = await makeWorld();
      expect(await held(world, text)).toEqual([]);
      await utimes(join(world.home, "held", "note.json"), 1, 1);
      expect((await findHeld(null, world.home)).map(({ kind }) => kind)).toEqual(["note"]);
    },
  );

  it("of another machine are left alone for a day", async () => {
    await using world = await makeWorld();
    expect(await held(world, { owner: "1.1@0123456789ab", places: [] })).toEqual([]);
    const later = await findHeld(null, world.home, Date.now() + 25 * 3_600_000);
    expect(later.map(({ kind, kept }) => [kind, kept])).toEqual([["note", true]]);
  });
});
