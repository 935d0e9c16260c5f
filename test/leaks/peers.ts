/** What scanners that go by rules find in the same images, where they are on the PATH. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { engineHost, testEngine } from "../engine/current.ts";
import { parseJson } from "../support/json.ts";
import { run, type Ran } from "../support/process.ts";

/** A scanner: its name, and how many secrets it reports in a folder. */
interface Peer {
  readonly name: string;
  count(folder: string): Promise<number>;
}

/** Nothing is verified with a service, encodings are undone as deep as each can. */
const PEERS: readonly Peer[] = [
  {
    name: "gitleaks",
    async count(folder) {
      const report = `${folder}.json`;
      const depth = ["--max-decode-depth", "5"];
      const output = ["--report-format", "json", "--report-path", report, "--no-banner"];
      await tool("gitleaks", ["dir", folder, ...depth, ...output, "--exit-code", "0"], folder);
      return parseJson<unknown[]>(await readFile(report, "utf8")).length;
    },
  },
  {
    name: "trufflehog",
    async count(folder) {
      const quiet = ["--json", "--no-update", "--no-verification"];
      // it sometimes exits 1 when others of its kind run; what it says counts
      const ran = await start("trufflehog", ["filesystem", folder, ...quiet], folder);
      if (!ran.stderr.includes("finished scanning")) throw failed("trufflehog", ran);
      return ran.stdout.split("\n").filter((line) => line.includes('"DetectorName"')).length;
    },
  },
];

/** The names of those that are there. */
export async function peersOnPath(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name } of PEERS) {
    const isThere = await tool("sh", ["-c", 'command -v "$0"', name]).then(
      () => true,
      () => false,
    );
    if (isThere) found.push(name);
  }
  return found;
}

/**
 * Runs scanners over `docker save` of an image, its layers unpacked for them.
 *
 * @param folder - for the files; removed afterwards
 * @returns by name, whether anything was reported: whatever it is counts as found
 */
export async function peersFind(
  names: readonly string[],
  image: string,
  folder: string,
): Promise<Readonly<Record<string, boolean>>> {
  await mkdir(folder);
  try {
    await tool("sh", ["-c", UNPACK, testEngine().docker, engineHost(), image, folder]);
    const found: Record<string, boolean> = {};
    for (const peer of PEERS) {
      if (names.includes(peer.name)) found[peer.name] = (await peer.count(folder)) > 0;
    }
    return found;
  } finally {
    await tool("chmod", ["-R", "u+rwX", folder]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Links are taken out: one of the scanners reads busybox once for each of its 300 names. */
const UNPACK = `
"$0" -H "$1" save "$2" | tar -x -C "$3"
find "$3" -type f | while read -r file; do
  tar -tf "$file" >/dev/null 2>&1 || continue
  mkdir "$file.d"
  tar -xf "$file" -C "$file.d" --no-same-owner
  rm "$file"
done
find "$3" -type l -delete
chmod -R u+rwX "$3"
`;

async function tool(program: string, args: readonly string[], folder?: string): Promise<string> {
  const ran = await start(program, args, folder);
  if (ran.code !== 0) throw failed(program, ran);
  return ran.stdout;
}

/** @param folder - beside it are its temporary files: some clear away those of others */
async function start(program: string, args: readonly string[], folder?: string): Promise<Ran> {
  const temporary = folder === undefined ? tmpdir() : await mkdtemp(`${folder}-`);
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: temporary };
  return run(program, args, { env, timeout: 300_000 });
}

function failed(program: string, { code, stderr }: Ran): Error {
  return new Error(`${program} exited ${code}: ${stderr}`);
}
