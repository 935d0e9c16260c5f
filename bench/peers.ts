/** The tools that sealmount is compared with, installed on demand and set up with sealed values. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseJson } from "../test/support/json.ts";
import { run } from "../test/support/process.ts";
import type { World } from "../test/support/temp.ts";

/** Exact versions, so that two machines measure the same thing. */
const PEERS = { "@dotenvx/dotenvx": "2.38.2", varlock: "1.20.0" } as const;
type Peer = keyof typeof PEERS;

/**
 * A peer takes a second and more to seal a few values, so it seals this many and uses them again
 * under other names: neither binds a value to its name, and opening costs the same.
 */
const DISTINCT = 10;

/** Installs the peers into the user's cache folder, once; returns the folder. */
export async function installPeers(): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = join(cache, "sealmount-bench");
  const packages = Object.entries(PEERS).map(([name, version]) => `${name}@${version}`);
  const stamp = join(folder, "installed");
  if ((await readFile(stamp, "utf8").catch(() => "")) === packages.join(" ")) return folder;
  process.stderr.write(`bench: installing ${packages.join(" and ")} into ${folder}\n`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), "{}");
  const args = ["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", ...packages];
  await promisify(execFile)("npm", args, { cwd: folder });
  await writeFile(stamp, packages.join(" "));
  return folder;
}

/** `node` and the main file of a peer's command. */
export async function commandOf(folder: string, peer: Peer): Promise<readonly string[]> {
  const home = join(folder, "node_modules", peer);
  const text = await readFile(join(home, "package.json"), "utf8");
  const { bin } = parseJson<{ readonly bin: string | Readonly<Record<string, string>> }>(text);
  const main = typeof bin === "string" ? bin : bin[peer.replace(/^.*\//, "")];
  if (main === undefined) throw new Error(`${peer} has no command of its own name`);
  await stat(join(home, main));
  return [process.execPath, join(home, main)];
}

/** A `.env` with values that dotenvx has sealed, and its key beside it. */
export async function prepareDotenvx(
  command: readonly string[],
  world: World,
  count: number,
): Promise<void> {
  const plain = names(DISTINCT).map((name) => `${name}=${value()}\n`);
  const file = await world.write(".env", plain.join(""));
  await call([...command, "encrypt"], world);
  const text = await readFile(file, "utf8");
  const sealed = text.split("\n").flatMap((line) => /^VALUE_\d+=(.*)$/.exec(line)?.[1] ?? []);
  const head = text.slice(0, text.indexOf("VALUE_"));
  await writeFile(file, head + linesOf(sealed, count));
}

/** A `.env.schema` with values that varlock has sealed; its key is in the world's home. */
export async function prepareVarlock(
  command: readonly string[],
  world: World,
  count: number,
): Promise<void> {
  const sealed: string[] = [];
  for (let made = 0; made < DISTINCT; made++) {
    const printed = await call([...command, "encrypt"], world, value());
    sealed.push(/varlock\("[^"]+"\)/.exec(printed)?.[0] ?? "");
  }
  await world.write(".env.schema", `# @defaultSensitive=true\n# ---\n${linesOf(sealed, count)}`);
}

/** `VALUE_1`, `VALUE_2`, … */
export function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `VALUE_${index + 1}`);
}

/** A value of 32 characters, as an API key has. */
export function value(): string {
  return randomBytes(24).toString("base64url");
}

function linesOf(sealed: readonly string[], count: number): string {
  const lines = names(count).map((name, index) => `${name}=${sealed[index % sealed.length]}\n`);
  return lines.join("");
}

async function call(command: readonly string[], world: World, stdin = ""): Promise<string> {
  const [program = "", ...args] = command;
  const ran = await run(program, args, { cwd: world.cwd, env: world.env, stdin });
  if (ran.code !== 0) throw new Error(`${args.join(" ")} ended with ${ran.code}: ${ran.stderr}`);
  return ran.stdout;
}
