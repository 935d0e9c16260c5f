/**
 * `npm run bench -- verify`: a whole `sealmount verify` of system files beside what else reads or
 * searches them: ripgrep with the same needles, `cat`, `docker save`, and scanners that go by rules.
 */
import { join } from "node:path";
import { makeWorld } from "../test/support/temp.ts";
import { printFigure, type Shown } from "./race.ts";
import { makeSystemTar } from "./system-files.ts";
import { benchEngine, importInto } from "./verify-engine.ts";
import { benchScanners } from "./verify-scanners.ts";
import { benchTar } from "./verify-tar.ts";
import { makeWanted } from "./wanted.ts";

/** Of the files, in MB. */
const SIZE = 1200;

/** One engine for each way in which engines store images; the limits were set with their client. */
const ENGINES = "forky,forky-containerd";

/** A secret has 23 needles: about 1,000. */
const SECRETS = 44;

/** Of the largest process, in MB, whatever it reads. */
const MEMORY_LIMIT = 200;

/**
 * Prints the tables. SEALMOUNT_BENCH_ENGINE names other engines: variants with commas between, or
 * `found`; SEALMOUNT_BENCH_MB another size of the files, for a quick look.
 *
 * @returns false when a limit is not kept
 */
export async function benchVerify(rounds: number): Promise<boolean> {
  await using world = await makeWorld();
  const [plain, tar] = [join(world.root, "plain.tar"), join(world.root, "system.tar")];
  const size = Number(process.env["SEALMOUNT_BENCH_MB"] ?? SIZE) * 1e6;
  const bytes = [
    await makeSystemTar(plain, size, { isPlain: true }),
    await makeSystemTar(tar, size),
  ];
  const [plainSize, tarSize] = bytes.map((one) => (one / 1e6).toFixed(0));
  process.stdout.write(`system files: ${tarSize} MB, without packed ones ${plainSize} MB\n`);
  const shown: Shown[] = [await benchTar({ plain, whole: tar }, rounds)];
  const variants = (process.env["SEALMOUNT_BENCH_ENGINE"] ?? ENGINES).split(",");
  const imported = await Promise.allSettled(variants.map(async (one) => importInto(one, tar)));
  {
    await using stack = new AsyncDisposableStack();
    const images = imported.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    for (const image of images) stack.use(image);
    for (const one of imported) if (one.status === "rejected") throw one.reason;
    const wanted = stack.use(await makeWanted(SECRETS));
    for (const image of images) shown.push(await benchEngine(image, wanted, rounds));
  }
  shown.push(await benchScanners(world));
  const peak = Math.max(...shown.flatMap(({ own }) => own.map(({ memory }) => memory)));
  process.stdout.write("\n");
  const isSmall = printFigure("largest process of sealmount", peak, "MB", MEMORY_LIMIT);
  return shown.every(({ kept }) => kept) && isSmall;
}
