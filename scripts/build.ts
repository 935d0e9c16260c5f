/**
 * Builds `dist/`: the library as JavaScript and declarations, by tsc; the command line as a bundle, by
 * rolldown (ARCHITECTURE.md: "The command line is bundled"). `node scripts/build.ts` always builds; {@link ensureBuilt}
 * only when a source is newer.
 */
import { spawn } from "node:child_process";
import { chmod, glob, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rolldown } from "rolldown";

const ROOT = join(import.meta.dirname, "..");
const STAMP = join(ROOT, "dist", ".built");

/** Builds with all checks. @throws Error when tsc finds a fault (it has printed it) */
export async function build(): Promise<void> {
  await compile([]);
  shareBuild();
}

/** Variable with the path of the built command line, for this process and its children. */
export const BUILT_CLI = "SEALMOUNT_BUILT_CLI";

/** Builds when needed, without type checks: those are `npm run typecheck`, and a test run need not wait. */
export async function ensureBuilt(): Promise<void> {
  if (!(await isCurrent())) await compile(["--noCheck"]);
  shareBuild();
}

function shareBuild(): void {
  process.env[BUILT_CLI] = join(ROOT, "dist", COMMAND);
}

async function compile(flags: readonly string[]): Promise<void> {
  // elsewhere first and then renamed: whoever runs it meanwhile never meets half of a build
  const fresh = join(ROOT, "node_modules", ".cache", `dist-${process.pid}`);
  try {
    await tsc(["-p", "tsconfig.build.json", "--outDir", fresh, ...flags]);
    await bundle(join(fresh, "cli"));
    await chmod(join(fresh, COMMAND), 0o755);
    await writeFile(join(fresh, ".built"), "");
    await replaceFolder(join(ROOT, "dist"), fresh);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Two builds may end at once: the later one then finds the earlier's folder, which is as good. */
async function replaceFolder(target: string, fresh: string): Promise<void> {
  const old = `${fresh}.old`;
  await rename(target, old).catch(ignore("ENOENT"));
  await rename(fresh, target).catch(ignore("ENOTEMPTY"));
  await rm(old, { recursive: true, force: true });
}

/** What both entries of package.json's `bin` name, below dist. */
const COMMAND = "cli/main.cjs";

/** No comments and no white space: half the bytes to parse. Names stay, for what a stack trace tells. */
const SMALLER = { compress: false, mangle: false, codegen: { removeWhitespace: true } };

/** Dependencies that stay packages: they are large and only some commands load them. */
const EXTERNAL = ["dockerode", "libsodium", "libsodium-wrappers", "tar-stream"];

/**
 * The command line with its small dependencies: one file that every command loads, and a file for
 * each that loads more. CommonJS, because Node starts it faster than modules (bench/).
 */
async function bundle(dir: string): Promise<void> {
  const made = await rolldown({
    // the thread that unpacks members is started by its path: src/verify/members/worker.ts
    input: {
      main: join(ROOT, "src", "cli", "main.ts"),
      thread: join(ROOT, "src", "verify", "members", "thread.ts"),
    },
    platform: "node",
    external: EXTERNAL,
    // @iarna/toml evals its way to util.inspect, behind bundlers' backs
    checks: { eval: false },
  });
  const names = { entryFileNames: "[name].cjs", chunkFileNames: "[name]-[hash].cjs" };
  await made.write({ dir, format: "cjs", ...names, minify: SMALLER });
  await made.close();
}

function ignore(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error;
  };
}

async function tsc(args: readonly string[]): Promise<void> {
  const program = join(ROOT, "node_modules", ".bin", "tsc");
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  if (code !== 0) throw new Error("tsc found faults");
}

async function isCurrent(): Promise<boolean> {
  const built = await modified(STAMP);
  const sources = ["src/**/*", "tsconfig*.json", "package.json"];
  for await (const source of glob(sources, { cwd: ROOT })) {
    if ((await modified(join(ROOT, source))) > built) return false;
  }
  return true;
}

/** Time of the last change in ms; 0 for what is not there. Folders count: their files may be gone. */
async function modified(path: string): Promise<number> {
  return (await stat(path).catch(() => ({ mtimeMs: 0 }))).mtimeMs;
}

if (import.meta.main) {
  await build().catch((error: Error) => {
    process.stderr.write(`build: ${error.message}\n`);
    process.exitCode = 1;
  });
}
