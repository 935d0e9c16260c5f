/**
 * `npm run bench -- build`: a whole `sealmount build` against a whole `docker buildx build`, on one
 * engine, in turn. Three contexts (one file; 2,000 files, 20 MB; 20,000 files, 200 MB), each built
 * cold, unchanged, and with one file changed.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  docker,
  dockerEnvironment,
  makeBaseImages,
  startEngine,
  type TestEngine,
} from "../test/engine/engine.ts";
import { cliCommand, sealmountOut } from "../test/support/cli.ts";
import { makeWorld, type World } from "../test/support/temp.ts";
import { type Cost, costOf, median } from "./cost.ts";

const FILE_BYTES = 10 * 1024;
const FOLDER_FILES = 100;

const SIZES: readonly { readonly name: string; readonly files: number }[] = [
  { name: "s1", files: 1 },
  { name: "s2", files: 2_000 },
  { name: "s3", files: 20_000 },
];
const PHASES = ["cold", "unchanged", "one changed"] as const;
type Phase = (typeof PHASES)[number];

/** What a build may need, as a multiple of buildx's wall time, by size. */
const WALL_LIMITS: Readonly<Record<Phase, readonly number[]>> = {
  cold: [0.9, 1, 0.9],
  unchanged: [0.9, 0.95, 0.85],
  "one changed": [0.9, 1, 1],
};
/** The same for CPU; and the largest process in MB. */
const CPU_LIMITS: readonly number[] = [1.1, 1.1, 0.65];
const MEMORY_LIMITS: readonly number[] = [70, 80, 100];

interface Tool {
  readonly name: "buildx" | "sealmount";
  readonly command: (image: string) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The limits were set against the client of this engine; older ones of buildx need less CPU. */
const ENGINE = "forky";

/**
 * Prints the table. SEALMOUNT_BENCH_ENGINE names another engine: a variant, or `found`.
 *
 * @returns false when a limit is not kept
 */
export async function benchBuild(rounds: number): Promise<boolean> {
  const engine = await startEngine(process.env["SEALMOUNT_BENCH_ENGINE"] ?? ENGINE);
  await makeBaseImages(engine, "busybox");
  await using world = await makeWorld();
  const env = { ...world.env, ...(await dockerEnvironment(engine, world.root)) };
  await printVersions(engine, env);
  await sealmountOut(["init", "--app", "bench"], { cwd: world.cwd, env });
  const stdin = randomBytes(20).toString("hex");
  await sealmountOut(["set", "token", "--build", "--stdin"], { cwd: world.cwd, env, stdin });
  let kept = true;
  for (const [index, size] of SIZES.entries()) {
    const costs = await benchSize(
      { engine, world, tools: toolsOf(engine, world, env), rounds },
      size,
    );
    kept = printSize(`${size.name}: ${size.files} files`, costs, index) && kept;
  }
  return kept;
}

async function printVersions(engine: TestEngine, env: Tool["env"]): Promise<void> {
  const version = await docker(engine, ["version", "--format", "{{.Server.Version}}"]);
  const run = { env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(engine.docker, ["buildx", "version"], run);
  process.stdout.write(`engine ${version.stdout.trim()}, ${stdout.trim()}\n`);
}

function toolsOf(engine: TestEngine, world: World, env: Tool["env"]): readonly Tool[] {
  const manifest = join(world.cwd, "iterapp.toml");
  const token = ["--secret", "id=token,env=BENCH_TOKEN"];
  return [
    {
      name: "buildx",
      env: { ...env, BENCH_TOKEN: randomBytes(20).toString("hex") },
      command: (image) => [
        engine.docker,
        "buildx",
        "build",
        "-q",
        "--provenance=false",
        ...token,
        "-t",
        image,
        ".",
      ],
    },
    {
      name: "sealmount",
      env,
      command: (image) => [
        ...cliCommand(),
        "build",
        "-q",
        `--manifest=${manifest}`,
        "-t",
        image,
        ".",
      ],
    },
  ];
}

interface Bench {
  readonly engine: TestEngine;
  readonly world: World;
  readonly tools: readonly Tool[];
  readonly rounds: number;
}

type Costs = Readonly<Record<Phase, Readonly<Record<Tool["name"], Cost[]>>>>;

async function benchSize(bench: Bench, { name, files }: (typeof SIZES)[number]): Promise<Costs> {
  const costs: Costs = {
    cold: { buildx: [], sealmount: [] },
    unchanged: { buildx: [], sealmount: [] },
    "one changed": { buildx: [], sealmount: [] },
  };
  for (let round = 0; round < bench.rounds; round++) {
    // each tool has a folder of its own: the engine would share what it has of one
    const entrants = await Promise.all(
      bench.tools.map(async (tool) => ({
        tool,
        image: `smbench-${process.pid}-${tool.name}`,
        cwd: await makeContext(bench.world, `${name}-${tool.name}-${round}`, files),
      })),
    );
    for (const phase of PHASES) await runPhase(phase, entrants, costs);
    await docker(bench.engine, ["rmi", "-f", ...entrants.map(({ image }) => image)]);
  }
  return costs;
}

interface Entrant {
  readonly tool: Tool;
  readonly image: string;
  readonly cwd: string;
}

async function runPhase(phase: Phase, entrants: readonly Entrant[], costs: Costs): Promise<void> {
  for (const { tool, image, cwd } of entrants) {
    if (phase === "one changed") await change(cwd);
    const command = tool.command(image);
    costs[phase][tool.name].push(await costOf({ command, cwd, env: tool.env }));
  }
}

async function makeContext(world: World, name: string, files: number): Promise<string> {
  const folder = join(world.root, name);
  for (let at = 0; at < files; at++) {
    const inner = join(folder, String(Math.floor(at / FOLDER_FILES)));
    if (at % FOLDER_FILES === 0) await mkdir(inner, { recursive: true });
    await writeFile(join(inner, `${at}.bin`), randomBytes(FILE_BYTES));
  }
  const step = "RUN --mount=type=secret,id=token test -s /run/secrets/token";
  await writeFile(join(folder, "Dockerfile"), `FROM busybox:local\nCOPY . /app\n${step}\n`);
  return folder;
}

async function change(folder: string): Promise<void> {
  await writeFile(join(folder, "0", "0.bin"), randomBytes(FILE_BYTES));
}

function printSize(title: string, costs: Costs, size: number): boolean {
  process.stdout.write(`\n${title} (medians; × is sealmount / buildx)\n`);
  const rows = PHASES.flatMap((phase) => {
    const { buildx, sealmount } = costs[phase];
    const row = (what: "wall" | "cpu", limit: number | undefined): Row => ({
      title: `${phase}, ${what}`,
      values: [median(buildx.map((one) => one[what])), median(sealmount.map((one) => one[what]))],
      ratio: median(sealmount.map((one, at) => one[what] / (buildx[at]?.[what] ?? Number.NaN))),
      limit,
    });
    return [row("wall", WALL_LIMITS[phase][size]), row("cpu", CPU_LIMITS[size])];
  });
  for (const row of rows) process.stdout.write(`  ${textOf(row)}\n`);
  const peak = Math.max(
    ...PHASES.flatMap((phase) => costs[phase].sealmount.map(({ memory }) => memory)),
  );
  const most = MEMORY_LIMITS[size] ?? Infinity;
  const verdict = peak <= most ? "at" : "OVER: at";
  process.stdout.write(
    `  ${"peak memory".padEnd(20)}${peak.toFixed(0)} MB (${verdict} most ${most} MB)\n`,
  );
  return peak <= most && rows.every(({ ratio, limit }) => ratio <= (limit ?? Infinity));
}

interface Row {
  readonly title: string;
  /** Milliseconds: buildx, sealmount. */
  readonly values: readonly [number, number];
  readonly ratio: number;
  readonly limit: number | undefined;
}

function textOf({ title, values, ratio, limit }: Row): string {
  const [buildx, sealmount] = values.map((value) => `${value.toFixed(0).padStart(7)} ms`);
  const wanted =
    limit === undefined ? "" : `  (${ratio <= limit ? "at" : "OVER: at"} most ${limit} ×)`;
  return `${title.padEnd(20)}buildx ${buildx}, sealmount ${sealmount} ${ratio.toFixed(2).padStart(6)} ×${wanted}`;
}
