/**
 * A Docker engine for tests, benchmarks and the demo: TypeScript around `engine.sh`, which does the
 * work, and around the docker client that comes with it.
 */
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An engine that answers, and the client tools that go with it. */
export interface TestEngine {
  /** As asked for: `trixie`, `forky-containerd`, … or `found`. */
  readonly variant: string;
  /** `DOCKER_HOST`. */
  readonly host: string;
  /** Path of the docker client. */
  readonly docker: string;
  /** Folder with docker-buildx and docker-compose; "" for an engine that was found with its own. */
  readonly plugins: string;
  /** The daemon's data folder; "" when it is not ours to look into. */
  readonly dataRoot: string;
  /** The daemon's folder for what runs: sockets, container bundles; "" likewise. */
  readonly execRoot: string;
}

/** The engines that `npm test` runs the end-to-end suite on, oldest first. */
export const VARIANTS = ["bookworm", "trixie", "forky", "forky-containerd"] as const;

/** The one for quick runs: a stable release of Debian. */
export const DEFAULT_VARIANT = "trixie";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds or starts the engine of a variant: a Debian suite, `-containerd` after it for containerd's
 * image store, a kind of `kinds.sh` after that (`-apart`, `-userns`, `-rootless`), or `found` for
 * whatever engine the machine has (and a private one if it has none).
 *
 * @throws Error with the script's last words when the engine can't be had
 */
export async function startEngine(variant: string): Promise<TestEngine> {
  const { suite, env } = settingsOf(variant);
  const args = variant === "found" ? [] : ["--suite", suite, "--private"];
  const printed = await runScript("engine.sh", ["up", ...args], env);
  const bin = printed.get("SEALMOUNT_ENGINE_BIN");
  return {
    variant,
    host: printed.get("DOCKER_HOST") ?? "",
    docker: bin === undefined ? "docker" : join(bin, "docker"),
    plugins: printed.get("SEALMOUNT_ENGINE_PLUGINS") ?? "",
    dataRoot: printed.get("SEALMOUNT_ENGINE_DATA") ?? "",
    execRoot: printed.get("SEALMOUNT_ENGINE_EXEC") ?? "",
  };
}

/** Stops an engine of our own and starts it again; returns when it answers. */
export async function restartEngine({ variant }: TestEngine): Promise<void> {
  const { suite, env } = settingsOf(variant);
  await runScript("engine.sh", ["restart", "--suite", suite], env);
}

/** Stops an engine of our own; `purge` throws its images and its other data away as well. */
export async function stopEngine(
  { variant }: TestEngine,
  { purge = false }: { readonly purge?: boolean } = {},
): Promise<void> {
  const { suite, env } = settingsOf(variant);
  const args = ["down", "--suite", suite, ...(purge ? ["--purge"] : [])];
  await runScript("engine.sh", args, env);
}

function settingsOf(variant: string): { readonly suite: string; readonly env: Environment } {
  const [suite = "", ...kinds] = variant.split("-");
  return {
    suite,
    env: {
      SEALMOUNT_ENGINE_STORE: kinds.includes("containerd") ? "containerd" : "",
      SEALMOUNT_ENGINE_KIND: kinds.find((kind) => kind !== "containerd") ?? "",
    },
  };
}

/** Makes the local base images: `busybox` (busybox:local), `node` (node:24-slim), `frontend`. */
export async function makeBaseImages(
  engine: TestEngine,
  ...images: readonly ("busybox" | "node" | "frontend")[]
): Promise<void> {
  await runScript("base-images.sh", images, { DOCKER_HOST: engine.host, DOCKER: engine.docker });
}

/**
 * Throws away what earlier runs left in the build cache of an engine of our own. With containerd's
 * store an engine goes through all of it whenever an image or a container is removed: after a few runs
 * that is a third of its work. What somebody used in the last ten minutes stays.
 */
export async function pruneBuildCache(engine: TestEngine): Promise<void> {
  if (engine.dataRoot === "") return;
  await docker(engine, ["builder", "prune", "--all", "--force", "--filter", "until=10m"]);
}

/**
 * The environment that a docker client needs for this engine, with a configuration of its own:
 * the machine's contexts, logins and aliases stay out of tests.
 *
 * @param folder - an existing folder of the caller's, for `config.json`
 */
export async function dockerEnvironment(
  engine: TestEngine,
  folder: string,
): Promise<Readonly<Record<string, string>>> {
  const config = join(folder, "docker-config");
  await mkdir(config, { recursive: true });
  const plugins = engine.plugins === "" ? [] : [engine.plugins];
  await writeFile(join(config, "config.json"), JSON.stringify({ cliPluginsExtraDirs: plugins }));
  return { DOCKER_HOST: engine.host, DOCKER_CONFIG: config, DOCKER_BUILDKIT: "1" };
}

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the engine's own docker client; never rejects because of its exit code. */
export async function docker(
  engine: TestEngine,
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string; readonly env?: Environment } = {},
): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), "smtest-docker-"));
  try {
    const env = { ...process.env, ...(await dockerEnvironment(engine, folder)), ...options.env };
    return await new Promise((resolve, reject) => {
      const child = execFile(
        engine.docker,
        [...args],
        { env, cwd: options.cwd, maxBuffer: 1 << 28 },
        (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
      );
      child.on("error", reject);
      child.stdin?.on("error", () => undefined); // the client may end before it has read its input
      child.stdin?.end(options.input ?? "");
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a script of this folder, its messages to our stderr; returns the KEY=VALUE lines it prints. */
export async function runScript(
  name: string,
  args: readonly string[],
  extra: Environment,
): Promise<ReadonlyMap<string, string>> {
  const child = spawn("bash", [join(import.meta.dirname, name), ...args], {
    env: { ...process.env, ...extra },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    process.stderr.write(text);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  if (code !== 0) throw new Error(`${name} ${args.join(" ")} failed: ${stderr.trim()}`);
  const pairs = stdout.split("\n").filter((line) => line.includes("="));
  return new Map(pairs.map((line) => [before(line, "="), after(line, "=")]));
}

function before(text: string, mark: string): string {
  return text.slice(0, text.indexOf(mark));
}

function after(text: string, mark: string): string {
  return text.slice(text.indexOf(mark) + mark.length);
}
