/** Everywhere a container can have left a value on its engine, looked at after the fact. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { docker, type TestEngine } from "../engine/engine.ts";
import { leaksIn } from "../support/canary.ts";
import { findOnDisk } from "../support/disk.ts";
import type { World } from "../support/temp.ts";

/** A place, and whether it held a value. */
type Place = "inspect" | "diff" | "events" | "logs" | "export" | "commit" | "disk";

/** What to look for, and where. */
export interface Look {
  readonly engine: TestEngine;
  readonly world: World;
  readonly container: string;
  readonly values: readonly string[];
  /** A file made before the container was: see {@link findOnDisk}. */
  readonly since: string;
}

/**
 * The places that hold one of the values; empty after every scenario but variables in the default
 * mode. A file in memory does not count: that is where secrets belong.
 */
export async function placesOf(look: Look): Promise<Place[]> {
  const { engine, container, values } = look;
  const found: Place[] = [];
  for (const place of ["inspect", "diff", "logs"] as const) {
    const { stdout, stderr } = await docker(engine, [place, container]);
    if (leaksIn(stdout + stderr, values).length > 0) found.push(place);
  }
  const { stdout } = await docker(engine, ["events", "--since", "5m", "--until", "0s"]);
  if (leaksIn(stdout, values).length > 0) found.push("events");
  for (const place of ["export", "commit"] as const) {
    if ((await archived(look, place)).length > 0) found.push(place);
  }
  if (await isOnDisk(look)) found.push("disk");
  return found;
}

/** On the engine's own disk; always false for an engine that is not ours to look into. */
export async function isOnDisk({
  engine,
  values,
  since,
}: Omit<Look, "container">): Promise<boolean> {
  const roots = [engine.dataRoot, engine.execRoot].filter((root) => root !== "");
  const hits = await Promise.all(roots.map(async (root) => findOnDisk(root, values, since)));
  return hits.flat().some(({ inMemory }) => !inMemory);
}

async function archived(
  { engine, world, container, values, since }: Look,
  place: "export" | "commit",
): Promise<readonly unknown[]> {
  const folder = join(world.root, `traces-${place}`);
  await mkdir(folder, { recursive: true });
  const file = join(folder, "archive");
  if (place === "export") {
    await docker(engine, ["export", "-o", file, container]);
    return findOnDisk(folder, values, since);
  }
  const image = `smtest-traces-${process.pid}`;
  await docker(engine, ["commit", container, image]);
  await docker(engine, ["save", "-o", file, image]);
  const config = await docker(engine, ["image", "inspect", image]);
  await docker(engine, ["rmi", "-f", image]);
  return [...(await findOnDisk(folder, values, since)), ...leaksIn(config.stdout, values)];
}
