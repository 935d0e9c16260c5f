/**
 * `npm run bench -- run`: what secrets add to the start of a container, and a whole `sealmount run`
 * beside a whole `docker run`, on one engine, in turn.
 */
import { randomBytes } from "node:crypto";

import { resolveEndpoint } from "../src/docker/endpoint.ts";
import { Engine } from "../src/docker/engine.ts";
import type { RunEntry } from "../src/run/options.ts";
import { run } from "../src/run/run.ts";
import { Secret } from "../src/secret/secret.ts";
import {
  docker as dockerCli,
  dockerEnvironment,
  makeBaseImages,
  startEngine,
  type TestEngine,
} from "../test/engine/engine.ts";
import { cliCommand, sealmountOut } from "../test/support/cli.ts";
import { run as runProcess } from "../test/support/process.ts";
import { makeWorld, type World } from "../test/support/temp.ts";
import { median } from "./cost.ts";

const ENGINE = "forky";
const IMAGE = "busybox:local";
const COMMAND = ["sleep", "60"];

/** One way in, and how many milliseconds it may add to the same container started plain. */
interface Way {
  readonly name: string;
  readonly limit: number;
  readonly counts: readonly number[];
  readonly local: boolean;
  /** Hidden variables in place of files. */
  readonly hidden?: true;
}

const WAYS: readonly Way[] = [
  { name: "files, engine of this machine", limit: 15, counts: [1, 10, 100], local: true },
  { name: "files, engine elsewhere", limit: 45, counts: [1, 10, 100], local: false },
  { name: "hidden variables, this machine", limit: 45, counts: [1, 10], local: true, hidden: true },
  { name: "hidden variables, elsewhere", limit: 45, counts: [1, 10], local: false, hidden: true },
];

/** A whole `run --rm IMAGE true`, as a multiple of docker's wall time. */
const WHOLE_LIMIT = 1.25;

/**
 * Prints the tables. SEALMOUNT_BENCH_ENGINE names another engine: a variant, or `found`.
 *
 * @returns false when a limit is not kept
 */
export async function benchRun(rounds: number): Promise<boolean> {
  const engine = await startEngine(process.env["SEALMOUNT_BENCH_ENGINE"] ?? ENGINE);
  await makeBaseImages(engine, "busybox");
  const { stdout } = await dockerCli(engine, ["version", "--format", "{{.Server.Version}}"]);
  process.stdout.write(`engine ${stdout.trim()}\n\nadded to a plain start (${rounds} rounds)\n`);
  const endpoint = await resolveEndpoint({ host: engine.host, env: {}, home: "/" });
  await using world = await makeWorld();
  let kept = true;
  for (const way of WAYS) {
    const connection = await Engine.connect({ ...endpoint, local: way.local });
    for (const count of way.counts) {
      kept = (await benchStart({ engine: connection, world, way, count, rounds })) && kept;
    }
  }
  return (await benchWhole(engine, world, rounds)) && kept;
}

interface Start {
  readonly engine: Engine;
  readonly world: World;
  readonly way: Way;
  readonly count: number;
  readonly rounds: number;
}

/** From the first call until the container runs; plain and with secrets, each first in turn. */
async function benchStart(start: Start): Promise<boolean> {
  const { way, count, rounds } = start;
  const added: number[] = [];
  const plain: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const times = new Map<string, number>();
    const contestants = [timePlain, timeWithSecrets];
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      times.set(contestant.name, await contestant(start));
    }
    const [without = 0, having = 0] = contestants.map(({ name }) => times.get(name));
    if (round < 0) continue;
    plain.push(without);
    added.push(having - without);
  }
  const extra = median(added);
  const verdict = extra <= way.limit ? "at" : "OVER: at";
  const name = `${way.name}, ${count}`.padEnd(40);
  process.stdout.write(
    `  ${name} plain ${median(plain).toFixed(0).padStart(4)} ms  added ${extra.toFixed(1).padStart(6)} ms` +
      `  (${verdict} most ${way.limit} ms)\n`,
  );
  return extra <= way.limit;
}

async function timePlain({ engine }: Start): Promise<number> {
  const began = performance.now();
  const body = { Image: IMAGE, Cmd: COMMAND, HostConfig: { NetworkMode: "none" } };
  const { Id } = await engine.request<{ Id: string }>("POST", "/containers/create", { body });
  await engine.startContainer(Id);
  const took = performance.now() - began;
  await engine.removeContainer(Id);
  return took;
}

async function timeWithSecrets({ engine, world, way, count }: Start): Promise<number> {
  const entries = Array.from({ length: count }, (_, index) => entry(`SECRET_${index}`, way));
  let took = 0;
  const began = performance.now();
  const { containerId } = await run({
    engine,
    image: IMAGE,
    command: COMMAND,
    entries,
    env: world.env,
    cwd: world.cwd,
    container: { detach: true, network: "none" },
    variables: "hidden",
    io: { stdout: process.stdout, stderr: process.stderr },
    onPhase: (phase) => {
      if (phase === "running") took = performance.now() - began;
    },
  });
  await engine.removeContainer(containerId);
  return took;
}

function entry(name: string, { hidden }: Way): RunEntry {
  const value = Secret.take(name, Buffer.from(randomBytes(16).toString("hex")));
  const file = hidden === true ? undefined : { path: `/run/secrets/${name}` };
  return { name, value, sensitive: true, file };
}

/** Whole processes: `run --rm IMAGE true` with one secret file, and without any by docker. */
async function benchWhole(engine: TestEngine, world: World, rounds: number): Promise<boolean> {
  const env = { ...world.env, ...(await dockerEnvironment(engine, world.root)) };
  await sealmountOut(["init", "--app", "bench"], { cwd: world.cwd, env });
  const stdin = randomBytes(20).toString("hex");
  await sealmountOut(["set", "TOKEN", "--stdin"], { cwd: world.cwd, env, stdin });
  const tail = ["run", "--rm", "--network", "none"];
  const docker = [engine.docker, ...tail, IMAGE, "true"];
  const own = [...cliCommand(), ...tail, "--file", "TOKEN", IMAGE, "true"];
  const walls: { readonly docker: number; readonly own: number }[] = [];
  for (let round = -1; round < rounds; round++) {
    const wall = {
      docker: await wallTime(docker, world.cwd, env),
      own: await wallTime(own, world.cwd, env),
    };
    if (round >= 0) walls.push(wall);
  }
  const ratio = median(walls.map((wall) => wall.own / wall.docker));
  const verdict = ratio <= WHOLE_LIMIT ? "at" : "OVER: at";
  const shown = (name: "docker" | "own"): string =>
    median(walls.map((wall) => wall[name])).toFixed(0);
  process.stdout.write(
    `\nrun --rm IMAGE true: docker ${shown("docker")} ms, sealmount ${shown("own")} ms, ` +
      `${ratio.toFixed(2)} ×  (${verdict} most ${WHOLE_LIMIT} ×)\n`,
  );
  return ratio <= WHOLE_LIMIT;
}

async function wallTime(
  [program = "", ...args]: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const began = performance.now();
  const { code } = await runProcess(program, args, { cwd, env });
  if (code !== 0) throw new Error(`${program}: exit ${code}`);
  return performance.now() - began;
}
