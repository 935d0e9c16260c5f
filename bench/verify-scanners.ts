/** Scanners that go by rules, beside a search for known values, over the same few files. */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cliCommand } from "../test/support/cli.ts";
import type { World } from "../test/support/temp.ts";
import { ownCosts, printRace, race, type Racer, type Shown } from "./race.ts";
import { makeSystemTar } from "./system-files.ts";
import { debianTool } from "./tools.ts";
import { makeWanted } from "./wanted.ts";

/** Of the files: they take minutes for a layer of a usual size. */
const BYTES = 10e6;
const SECRETS = 44;
const OWN = "sealmount verify";

/** Debian's suite that has them; nothing is verified with a service, as few as possible are decoded. */
const SUITE = "sid";
const SCANNERS: readonly {
  readonly name: string;
  readonly args: (folder: string) => readonly string[];
}[] = [
  { name: "gitleaks", args: (folder) => ["dir", folder, "--no-banner", "--exit-code", "0"] },
  {
    name: "trufflehog",
    args: (folder) => ["filesystem", folder, "--no-update", "--no-verification"],
  },
];

/** What they find is no figure of this table: test/leaks/ has it. */
export async function benchScanners(world: World): Promise<Shown> {
  await using wanted = await makeWanted(SECRETS);
  const { cwd, env } = wanted.world;
  const tar = join(world.root, "few.tar");
  const folder = join(world.root, "few");
  const bytes = await makeSystemTar(tar, BYTES);
  await mkdir(folder);
  await promisify(execFile)("tar", ["-x", "-f", tar, "-C", folder, "--no-same-owner"]);
  const racers: Racer[] = [];
  for (const { name, args } of SCANNERS) {
    const program = await programOf(name);
    // trufflehog may exit 1 after a whole scan
    const command = ["/bin/sh", "-c", '"$@" || [ $? = 1 ]', "sh", program ?? "", ...args(folder)];
    if (program !== undefined) racers.push({ name, command, cwd, env });
  }
  const own = [...cliCommand(), "verify", "--no-cache", tar];
  const costs = await race([...racers, { name: OWN, command: own, cwd, env }], { rounds: 1 });
  const aims = racers.map(({ name }) => {
    return { title: `verify / ${name}`, of: OWN, against: [name], what: "cpu" } as const;
  });
  printRace(`beside scanners by rules, ${(bytes / 1e6).toFixed(0)} MB of the files`, costs, aims);
  return { kept: true, own: ownCosts(costs) };
}

async function programOf(name: string): Promise<string | undefined> {
  try {
    const { bin } = await debianTool(SUITE, name);
    return join(bin, name);
  } catch {
    process.stdout.write(`\n${name} can't be had here\n`);
    return undefined;
  }
}
