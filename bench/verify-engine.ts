/** The search of an engine's image: all layers against `docker save`, and after a rebuild. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { docker, dockerEnvironment, startEngine, type TestEngine } from "../test/engine/engine.ts";
import { cliCommand, sealmount } from "../test/support/cli.ts";
import { parseJson } from "../test/support/json.ts";
import type { World } from "../test/support/temp.ts";
import { type Cost, costOf, median } from "./cost.ts";
import { type Aim, ownCosts, printFigure, printRace, race, type Racer } from "./race.ts";
import type { Shown } from "./race.ts";
import type { Wanted } from "./wanted.ts";

/** What each way of reading may take, as a multiple of `docker save`. */
const LIMITS: Readonly<Record<string, number>> = { folders: 0.2, save: 1.1, content: 0.5 };

/** Ways that are measured, by the one that is taken when none is asked for. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  folders: ["folders", "save"],
  content: ["content"],
  save: ["save"],
};

/** Milliseconds of a whole process, when no large layer is new. */
const REBUILT_LIMIT = 300;
const REBUILDS = 5;

const SAVE = "docker save";

/** An image of an engine whose one layer is the tar. `await using` removes it. */
export interface Imported extends AsyncDisposable {
  readonly engine: TestEngine;
  readonly image: string;
}

/** Starts the engine of a variant and gives it an image. */
export async function importInto(variant: string, tar: string): Promise<Imported> {
  const engine = await startEngine(variant);
  const image = `smbench-${process.pid}-system`;
  await dockerOut(engine, "import", tar, image);
  return {
    engine,
    image,
    async [Symbol.asyncDispose]() {
      await dockerOut(engine, "rmi", "-f", image);
    },
  };
}

interface Bench extends Imported {
  readonly world: World;
  readonly env: Readonly<Record<string, string>>;
  readonly rounds: number;
}

/** @param wanted - its world gets the verdicts on the layers */
export async function benchEngine(
  imported: Imported,
  { world }: Wanted,
  rounds: number,
): Promise<Shown> {
  const { engine } = imported;
  const env = { ...world.env, ...(await dockerEnvironment(engine, world.root)) };
  const bench = { ...imported, world, env, rounds };
  const version = await dockerOut(engine, "version", "--format", "{{.Server.Version}}");
  const way = await firstWay(bench);
  process.stdout.write(`\nengine ${version} (${engine.variant}), read by ${way}\n`);
  const whole = await benchWhole(bench, WAYS[way] ?? [way]);
  const rebuilt = await benchRebuilt(bench);
  return { kept: whole.kept && rebuilt.kept, own: [...whole.own, ...rebuilt.own] };
}

/** Searches the image for the first time, which keeps verdicts; returns how it was read. */
async function firstWay({ image, world: { cwd }, env }: Bench): Promise<string> {
  const ran = await sealmount(["verify", "--json", image], { cwd, env, timeout: 300_000 });
  if (ran.code !== 0) throw new Error(`verify exited ${ran.code}: ${ran.stderr}`);
  return parseJson<{ readonly route: { readonly name: string } }>(ran.stdout).route.name;
}

async function benchWhole(bench: Bench, ways: readonly string[]): Promise<Shown> {
  const { engine, image, rounds } = bench;
  const save = racer(bench, SAVE, [engine.docker, "save", image]);
  const nameOf = (way: string): string => `sealmount, by ${way}`;
  const own = ways.map((way) => verifyRacer(bench, nameOf(way), ["--no-cache", "--route", way]));
  const costs = await race([save, ...own], { rounds });
  const aims = ways.map((way): Aim => {
    const title = `verify by ${way} / docker save`;
    return { title, of: nameOf(way), against: [SAVE], what: "wall", limit: LIMITS[way] ?? NaN };
  });
  return { kept: printRace("all layers", costs, aims), own: ownCosts(costs) };
}

/** The same image again, and one with a layer more. */
async function benchRebuilt(bench: Bench): Promise<Shown> {
  const start = racer(bench, "node -e 0", [process.execPath, "-e", "0"]);
  const costs = new Map<string, Cost[]>([
    [start.name, []],
    [UNCHANGED, []],
    [REBUILT, []],
  ]);
  for (let round = 0; round < REBUILDS; round++) {
    await using rebuilt = await addLayer(bench);
    const unchanged = verifyRacer(bench, UNCHANGED, []);
    const changed = verifyRacer({ ...bench, image: rebuilt.image }, REBUILT, []);
    for (const one of [start, unchanged, changed]) costs.get(one.name)?.push(await costOf(one));
  }
  const kept = printRace("the same image again, and with a new layer", costs, []);
  const isFast = [UNCHANGED, REBUILT].map((name) => {
    const wall = median((costs.get(name) ?? []).map((one) => one.wall));
    return printFigure(name, wall, "ms", REBUILT_LIMIT);
  });
  return { kept: kept && isFast.every(Boolean), own: ownCosts(costs) };
}

const UNCHANGED = "sealmount, nothing new";
const REBUILT = "sealmount, a new layer";

/** The image with one small file more, as a build would make it, and without a cache of builds. */
async function addLayer({ engine, image, world }: Bench): Promise<Imported> {
  const file = join(world.root, "new");
  await writeFile(file, randomBytes(10_000).toString("hex"));
  const container = await dockerOut(engine, "create", "--network", "none", image, "none");
  const name = `${image}-new`;
  await dockerOut(engine, "cp", file, `${container}:/new`);
  await dockerOut(engine, "commit", container, name);
  await dockerOut(engine, "rm", container);
  return {
    engine,
    image: name,
    async [Symbol.asyncDispose]() {
      await dockerOut(engine, "rmi", "-f", name);
    },
  };
}

function verifyRacer(bench: Bench, name: string, flags: readonly string[]): Racer {
  return racer(bench, name, [...cliCommand(), "verify", ...flags, bench.image]);
}

function racer({ world: { cwd }, env }: Bench, name: string, command: readonly string[]): Racer {
  return { name, command, cwd, env };
}

async function dockerOut(engine: TestEngine, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await docker(engine, args);
  if (code !== 0) throw new Error(`docker ${args[0]} exited ${code}: ${stderr}`);
  return stdout.trim();
}
