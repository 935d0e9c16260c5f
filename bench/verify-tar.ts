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
const MOST = 12_000;

/** The oldest and the newest of the suites that the tests' engines come from. */
const SUITES = ["bookworm", "forky"];
const LIBRARIES = ["libc6", "libgcc-s1", "libpcre2-8-0"];

const OWN = "sealmount verify";
const CAT = "cat | cat";
const RAW = "search of the bytes alone";

export async function benchTar(tar: string, rounds: number): Promise<Shown> {
  const ripgreps: Ripgrep[] = [];
  for (const suite of SUITES) {
    const { bin, version } = await debianTool(suite, "ripgrep", LIBRARIES);
    ripgreps.push({ name: `rg ${version.replace(/-.*/, "")}`, program: join(bin, "rg") });
  }
  const shown: Shown[] = [];
  for (const { secrets, limit } of SIZES) {
    await using wanted = await makeWanted(secrets);
    const others = secrets === USUAL ? [cat(wanted, tar), rawScan(wanted, tar)] : [];
    const racers = [...ripgreps.map((one) => search(one, wanted, tar)), ...others];
    const costs = await race([...racers, own(wanted, tar)], { rounds, most: MOST });
    const against = ripgreps.map(({ name }) => name);
    const title = "verify / the faster rg";
    const aims: Aim[] = [{ title, of: OWN, against, what: "wall", limit }];
    const kept = printRace(
      `tar, P = ${wanted.needles} (needles of ${secrets} ${secrets === 1 ? "secret" : "secrets"})`,
      costs,
      secrets === USUAL ? [...aims, ...USUAL_AIMS] : aims,
    );
    shown.push({ kept, own: ownCosts(costs) });
  }
  return { kept: shown.every(({ kept }) => kept), own: shown.flatMap((one) => one.own) };
}

const USUAL_AIMS: readonly Aim[] = [
  { title: "verify / cat | cat", of: OWN, against: [CAT], what: "wall", limit: CAT_LIMIT },
  {
    title: "CPU, with members / bytes alone",
    of: OWN,
    against: [RAW],
    what: "cpu",
    limit: MEMBERS_LIMIT,
  },
];

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
