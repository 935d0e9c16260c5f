/** Projects whose secrets are looked for, and the same needles for other programs. */
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needlesOf, wipeNeedles } from "../src/index.ts";
import { Secret } from "../src/secret/secret.ts";
import { makeWorld, type World } from "../test/support/temp.ts";
import { prepareSealmount } from "./manifest.ts";

/** Memory in which files can be, where a machine has that. */
const MEMORY = "/dev/shm";

/** A project with sealed values. `await using` removes it. */
export interface Wanted extends AsyncDisposable {
  readonly world: World;
  readonly secrets: number;
  /** How many byte forms the values have. */
  readonly needles: number;
  /** File with one needle a line, for `-f`. The values were made for this run and protect nothing. */
  readonly needleFile: string;
  /** File with one value a line. */
  readonly valueFile: string;
}

export async function makeWanted(secrets: number): Promise<Wanted> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await makeWorld());
  const values = await prepareSealmount(world, secrets);
  const hasMemory = await stat(MEMORY).then(
    () => true,
    () => false,
  );
  const folder = await mkdtemp(join(hasMemory ? MEMORY : tmpdir(), "smbench-"));
  stack.defer(async () => rm(folder, { recursive: true }));
  const needles = values.flatMap((value) => needlesOf(Secret.take("", Buffer.from(value))));
  const lines = needles.flatMap(({ bytes }) => [bytes, Buffer.from("\n")]);
  const [needleFile, valueFile] = [join(folder, "needles"), join(folder, "values")];
  await writeFile(needleFile, Buffer.concat(lines), { mode: 0o600 });
  await writeFile(valueFile, values.join("\n"), { mode: 0o600 });
  wipeNeedles(needles);
  const owned = stack.move();
  return {
    world,
    secrets,
    needles: needles.length,
    needleFile,
    valueFile,
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}
