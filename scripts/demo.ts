/**
 * `npm run demo`: the whole job once, on a real engine, with everything that is typed on the screen.
 *
 * Makes an app in a temporary folder from `examples/cats`, seals secrets for two environments, builds
 * it against a private npm registry, proves the image clean, runs both environments, then builds a leaky
 * variant for `verify` to find. Leaves nothing behind but the engine and its base images.
 */
import { createHash, randomBytes } from "node:crypto";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  docker,
  dockerEnvironment,
  makeBaseImages,
  startEngine,
  type TestEngine,
} from "../test/engine/engine.ts";
import { sealmount } from "../test/support/cli.ts";
import { startNpmRegistry } from "../test/support/npm-registry.ts";
import type { Ran } from "../test/support/process.ts";
import { makeWorld, type World } from "../test/support/temp.ts";
import { ensureBuilt } from "./build.ts";

const IMAGE = `smdemo-${process.pid}`;
const LEAKY = `${IMAGE}-leaky`;
const GCP = "/run/secrets/gcp.json";

/** Everything a step of the demo works with. */
interface Stage {
  readonly engine: TestEngine;
  readonly world: World;
  readonly env: Readonly<Record<string, string>>;
}

async function main(): Promise<void> {
  await ensureBuilt();
  const engine = await startEngine("found");
  await makeBaseImages(engine);
  await using registry = await startNpmRegistry(randomBytes(20).toString("hex"));
  await using world = await makeWorld();
  const env = { ...world.env, ...(await dockerEnvironment(engine, world.root)) };
  await cp(join(import.meta.dirname, "..", "examples", "cats"), world.cwd, { recursive: true });
  const stage = { engine, world, env };
  try {
    await sealSecrets(stage, registry.npmrc.trimEnd());
    await buildAndProve(stage);
    await runBoth(stage);
    await leak(stage);
  } finally {
    await docker(engine, ["rmi", "-f", IMAGE, LEAKY]);
  }
  title("done: nothing of it is left, but the engine and its base images");
}

// ---------------------------------------------------------------- the four acts

const VALUES: Readonly<Record<string, { readonly key: string; readonly gcp: string }>> = {
  prod: randomValues("prod"),
  test: randomValues("test"),
};

function randomValues(environment: string): { key: string; gcp: string } {
  const [key, id] = [randomBytes(24), randomBytes(24)].map((bytes) => bytes.toString("base64url"));
  return { key: key ?? "", gcp: JSON.stringify({ project: `cats-${environment}`, id }) };
}

async function sealSecrets(stage: Stage, npmrc: string): Promise<void> {
  title("1. an app from examples/cats: make its key, seal its secrets (values come by stdin)");
  await show(stage, ["init", "--app", "cats"]);
  await show(stage, ["set", "npmrc", "--build", "--stdin"], { stdin: npmrc });
  for (const [name, { key, gcp }] of Object.entries(VALUES)) {
    await show(stage, ["set", "API_KEY", "--env", name, "--stdin"], { stdin: key });
    const file = ["--file", GCP, "--owner", "node", "--mode", "0400"];
    await show(stage, ["set", "gcp.json", "--env", name, ...file, "--stdin"], { stdin: gcp });
  }
  print("$ grep encrypted iterapp.toml | cut -c1-72");
  const manifest = await readFile(join(stage.world.cwd, "iterapp.toml"), "utf8");
  const sealed = manifest.split("\n").filter((line) => line.includes("encrypted ="));
  printIndented(sealed.map((line) => line.slice(0, 72)).join("\n"));
}

async function buildAndProve(stage: Stage): Promise<void> {
  title("2. build: npm ci gets its token by a secret mount; then prove the image clean");
  await show(stage, ["build", "--network=host", "--no-cache", "-t", IMAGE, "."], { last: 2 });
  const format = ["--format", '{{printf "%.90s" .CreatedBy}}'];
  print(`$ docker history ${IMAGE}`);
  const history = await docker(stage.engine, ["history", "--no-trunc", ...format, IMAGE]);
  printIndented(history.stdout.split("\n").slice(0, 4).join("\n"));
  await show(stage, ["verify", "--env", "prod", "--env", "test", IMAGE]);
}

async function runBoth(stage: Stage): Promise<void> {
  title("3. run: every environment gets its own values (shown as SHA-256 prefixes)");
  for (const [name, { key, gcp }] of Object.entries(VALUES)) {
    const args = [
      "run",
      "--rm",
      "--env",
      name,
      "--env-plain",
      IMAGE,
      "node",
      "server.js",
      "--print",
    ];
    const ran = await show(stage, args);
    for (const value of [key, gcp]) {
      const prefix = createHash("sha256").update(value).digest("hex").slice(0, 12);
      if (!ran.stdout.includes(prefix)) throw new Error(`${name} did not get its own values`);
    }
  }
  print("  (all four are the hashes of what was sealed)");
}

async function leak(stage: Stage): Promise<void> {
  title("4. a leak: one step copies the secret into a layer, the next deletes it");
  const dockerfile = join(stage.world.cwd, "Dockerfile");
  const clean = await readFile(dockerfile, "utf8");
  const leaky = clean
    .replace(" npm ci", " cp /root/.npmrc /app/.npmrc && npm ci")
    .replace("COPY server.js", "RUN rm /app/.npmrc\nCOPY server.js");
  await writeFile(dockerfile, leaky);
  await show(stage, ["build", "--network=host", "--no-cache", "-t", LEAKY, "."], { last: 2 });
  await show(stage, ["verify", "--env", "prod", LEAKY], { exit: 8 });
}

// ---------------------------------------------------------------- on the screen

interface ShowOptions {
  readonly stdin?: string;
  /** Exit code that the demo counts on. */
  readonly exit?: number;
  /** Show only so many of the last lines. */
  readonly last?: number;
}

/** Runs sealmount, shows what was typed and what came, and stops the demo on another exit code. */
async function show(
  stage: Stage,
  args: readonly string[],
  options: ShowOptions = {},
): Promise<Ran> {
  const { stdin, exit = 0, last = 30 } = options;
  print(`$ ${stdin === undefined ? "" : "… | "}sealmount ${args.join(" ")}`);
  const ran = await sealmount(args, {
    cwd: stage.world.cwd,
    env: stage.env,
    timeout: 300_000,
    ...(stdin === undefined ? {} : { stdin }),
  });
  const lines = ran.bytes.toString().trimEnd().split("\n");
  printIndented((ran.code === exit ? lines.slice(-last) : lines).join("\n"));
  if (ran.code !== 0) print(`  (exit ${ran.code})`);
  if (ran.code !== exit) throw new Error(`sealmount ${args[0]}: exit ${ran.code}, not ${exit}`);
  return ran;
}

function title(text: string): void {
  print(`\n${process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text}`);
}

function printIndented(text: string): void {
  if (text.trim() !== "") print(text.trimEnd().replaceAll(/^/gm, "  "));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main().catch((error: Error) => {
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 1;
});
