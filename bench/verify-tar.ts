/** The search of a tar: against ripgrep, `cat`, and a search of its bytes alone. */
import { join } from "node:path";
import { cliCommand } from "../test/support/cli.ts";
import { type Aim, ownCosts, printRace, race, type Racer, type Shown } from "./race.ts";
import { debianTool } from "./tools.ts";
import { makeWanted, type Wanted } from "./wanted.ts";

/** How many secrets make about so many needles, and how long the search may take beside ripgrep. */
const SIZES: readonly { readonly secrets: number; readonly limit: number }[] = [
  { secrets: 1, limit: 1.7 },
  { secrets: 4, limit: 0.35 },
  { secrets: 44, limit: 0.33 },
  { secrets: 435, limit: 0.15 },
];

/** With so many secrets, the other limits are looked at. */
const USUAL = 44;
const CAT_LIMIT = 2;
const MEMBERS_LIMIT = 2.5;

/** Milliseconds after which a program runs no further rounds: ripgrep with many needles. */
const MOST = 8_000;

/** The oldest and the newest of the suites that the tests' engines come from. */
const SUITES = ["bookworm", "forky"];
const LIBRARIES = ["libc6", "libgcc-s1", "libpcre2-8-0"];

const OWN = "sealmount verify";
const CAT = "cat | cat";
const RAW = "search of the bytes alone";

/** Two tars of system files: with nothing in it that is unpacked, and as they come. */
export interface Tars {
  readonly plain: string;
  readonly whole: string;
}

export async function benchTar(tars: Tars, rounds: number): Promise<Shown> {
  const ripgreps: Ripgrep[] = [];
  for (const suite of SUITES) {
    const { bin, version } = await debianTool(suite, "ripgrep", LIBRARIES);
    ripgreps.push({ name: `rg ${version.replace(/-.*/, "")}`, program: join(bin, "rg") });
  }
  const shown: Shown[] = [];
  for (const { secrets, limit } of SIZES) {
    await using wanted = await makeWanted(secrets);
    shown.push(await benchPlain({ tar: tars.plain, wanted, ripgreps, rounds }, limit));
    if (secrets === USUAL) {
      shown.push(await benchMembers({ tar: tars.whole, wanted, ripgreps, rounds }));
    }
  }
  return { kept: shown.every(({ kept }) => kept), own: shown.flatMap((one) => one.own) };
}

interface Bench {
  readonly tar: string;
  readonly wanted: Wanted;
  readonly ripgreps: readonly Ripgrep[];
  readonly rounds: number;
}

/** All programs search the same bytes. */
async function benchPlain(bench: Bench, limit: number): Promise<Shown> {
  const { tar, wanted, ripgreps, rounds } = bench;
  const isUsual = wanted.secrets === USUAL;
  const racers = [...searches(bench), ...(isUsual ? [cat(wanted, tar)] : []), own(wanted, tar)];
  const costs = await race(racers, { rounds, most: MOST });
  const against = ripgreps.map(({ name }) => name);
  const beside = { of: OWN, against };
  const aims: Aim[] = [
    { ...beside, title: "verify / the faster rg", what: "wall", limit },
    { ...beside, title: "the same, CPU", what: "cpu" },
  ];
  const title = "verify / cat | cat";
  if (isUsual) aims.push({ title, of: OWN, against: [CAT], what: "wall", limit: CAT_LIMIT });
  const kept = printRace(`tar without packed files, ${needles(wanted)}`, costs, aims);
  return { kept, own: ownCosts(costs) };
}

/** A tenth and more of a usual layer is packed: ripgrep does not look into that. */
async function benchMembers(bench: Bench): Promise<Shown> {
  const { tar, wanted, ripgreps, rounds } = bench;
  const racers = [...searches(bench), rawScan(wanted, tar), own(wanted, tar)];
  const costs = await race(racers, { rounds, most: MOST });
  const against = ripgreps.map(({ name }) => name);
  const title = "CPU, with members / bytes alone";
  const kept = printRace(`tar of all files, ${needles(wanted)}`, costs, [
    { title, of: OWN, against: [RAW], what: "cpu", limit: MEMBERS_LIMIT },
    { title: "verify / the faster rg", of: OWN, against, what: "wall" },
  ]);
  return { kept, own: ownCosts(costs) };
}

function needles({ needles: count, secrets }: Wanted): string {
  return `P = ${count} (needles of ${secrets} ${secrets === 1 ? "secret" : "secrets"})`;
}

function searches({ tar, wanted, ripgreps }: Bench): readonly Racer[] {
  return ripgreps.map((one) => search(one, wanted, tar));
}

interface Ripgrep {
  readonly name: string;
  readonly program: string;
}

function search({ name, program }: Ripgrep, { world, needleFile }: Wanted, tar: string): Racer {
  // it exits 1 when nothing is found
  const script = '"$@" || [ $? = 1 ]';
  const command = [program, "-a", "-c", "-F", "-f", needleFile, tar];
  return { name, command: ["/bin/sh", "-c", script, "sh", ...command], ...place(world) };
}

function cat({ world }: Wanted, tar: string): Racer {
  const command = ["/bin/sh", "-c", 'cat "$0" | cat > /dev/null', tar];
  return { name: CAT, command, ...place(world) };
}

function rawScan({ world, valueFile }: Wanted, tar: string): Racer {
  const [node] = cliCommand();
  const root = join(import.meta.dirname, "..");
  const script = join(import.meta.dirname, "raw-scan.ts");
  const command = [node, script, join(root, "dist", "index.js"), valueFile, tar];
  return { name: RAW, command, ...place(world) };
}

function own({ world }: Wanted, tar: string): Racer {
  const command = [...cliCommand(), "verify", "--no-cache", tar];
  return { name: OWN, command, ...place(world) };
}

function place({ cwd, env }: Wanted["world"]): Omit<Racer, "name" | "command"> {
  return { cwd, env };
}
