/**
 * `npm run bench -- [start] [exec] [build] [run] [verify] [--rounds N]`: what sealmount costs. README.md
 * in this folder says how to read it. Exits 1 when a limit is not kept.
 */
import { parseArgs } from "node:util";
import { ensureBuilt } from "../scripts/build.ts";
import { cliCommand } from "../test/support/cli.ts";
import { makeWorld, type World } from "../test/support/temp.ts";
import { benchBuild } from "./build.ts";
import { compare, type Contestant, type Measured, printTable } from "./cpu.ts";
import { prepareSealmount } from "./manifest.ts";
import { commandOf, installPeers, prepareDotenvx, prepareVarlock } from "./peers.ts";
import { benchRun } from "./run.ts";
import { benchVerify } from "./verify.ts";

const BASE = "node -e 0";

/** Sealed values → how many times the CPU of `node -e 0` an `exec` may take. */
const EXEC_LIMITS: ReadonlyMap<number, number | undefined> = new Map([
  [10, 2.2],
  [100, undefined],
  [1000, 4],
]);
/** The same for commands that open nothing. */
const START_LIMIT = 1.3;

const BENCHMARKS: Readonly<Record<string, (rounds: number) => Promise<boolean>>> = {
  start: benchStart,
  exec: benchExec,
  build: benchBuild,
  run: benchRun,
  verify: benchVerify,
};

/** Rounds when none are asked for. Those of `verify` take a minute and more. */
const ROUNDS = 15;
const FEW_ROUNDS: Readonly<Partial<Record<string, number>>> = { verify: 2 };

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: "string" } },
  });
  const rounds = roundsOf(values.rounds);
  await ensureBuilt();
  let kept = true;
  for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHMARKS)) {
    const bench = BENCHMARKS[name];
    if (bench === undefined)
      throw new Error(`no benchmark ${name}: ${Object.keys(BENCHMARKS).join(", ")}`);
    kept = (await bench(rounds ?? FEW_ROUNDS[name] ?? ROUNDS)) && kept;
  }
  return kept;
}

function roundsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds wants a whole number");
  return rounds;
}

/** Commands that need no key: how much is loaded before anything is done. */
async function benchStart(rounds: number): Promise<boolean> {
  await using world = await makeWorld();
  await prepareSealmount(world, 10);
  const own = (name: string, ...args: string[]): Contestant => ({
    ...contestant(`sealmount ${name}`, world, [...cliCommand(), ...args]),
    limit: START_LIMIT,
  });
  const contestants = [base(world), own("--help", "--help"), own("ls (10 values)", "ls")];
  return printTable(`start (${rounds} rounds)`, await compare(contestants, rounds));
}

/** `exec -- /bin/true` with sealed values, beside the tools that do the same. */
async function benchExec(rounds: number): Promise<boolean> {
  const peers = await installPeers();
  let kept = true;
  for (const [count, limit] of EXEC_LIMITS) {
    const measured = await benchExecOf(count, limit, peers, rounds);
    kept =
      printTable(`exec of /bin/true, ${count} sealed values (${rounds} rounds)`, measured) && kept;
  }
  return kept;
}

async function benchExecOf(
  count: number,
  limit: number | undefined,
  peers: string,
  rounds: number,
): Promise<readonly Measured[]> {
  await using own = await makeWorld();
  await using dotenvx = await makeWorld();
  await using varlock = await makeWorld();
  const dotenvxCommand = await commandOf(peers, "@dotenvx/dotenvx");
  const varlockCommand = await commandOf(peers, "varlock");
  await prepareSealmount(own, count);
  await prepareDotenvx(dotenvxCommand, dotenvx, count);
  await prepareVarlock(varlockCommand, varlock, count);
  const program = ["--", "/bin/true"];
  const contestants = [
    base(own),
    {
      ...contestant("sealmount exec", own, [...cliCommand(), "exec", ...program]),
      ...(limit === undefined ? {} : { limit }),
    },
    contestant("dotenvx run", dotenvx, [...dotenvxCommand, "run", "--quiet", ...program]),
    contestant("varlock run", varlock, [...varlockCommand, "run", ...program]),
  ];
  return await compare(contestants, rounds);
}

function base(world: World): Contestant {
  return contestant(BASE, world, [process.execPath, "-e", "0"]);
}

function contestant(name: string, { cwd, env }: World, command: readonly string[]): Contestant {
  return { name, command, cwd, env };
}

process.exitCode = (await main()) ? 0 : 1;
