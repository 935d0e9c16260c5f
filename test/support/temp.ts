/** Temporary worlds for tests: a working folder, a home and the XDG folders, all of them private. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Folders and environment of one test; `await using` removes them. */
export interface World extends AsyncDisposable {
  /** Holds everything below. */
  readonly root: string;
  /** Working folder, empty. */
  readonly cwd: string;
  readonly home: string;
  /** HOME, the XDG folders, TMPDIR and PATH: nothing of the machine's own set-up. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file below {@link cwd}, with its folders; returns its path. */
  write(name: string, content: string | Uint8Array, mode?: number): Promise<string>;
}

/** Makes a world of its own for a test. Its folders are 0700, as a careful user's are. */
export async function makeWorld(): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), "smtest-"));
  const cwd = join(root, "work");
  const home = join(root, "home");
  const temp = join(root, "tmp");
  for (const folder of [cwd, home, temp]) await mkdir(folder, { mode: 0o700 });
  return {
    root,
    cwd,
    home,
    env: {
      HOME: home,
      XDG_CONFIG_HOME: join(home, ".config"),
      XDG_CACHE_HOME: join(home, ".cache"),
      XDG_DATA_HOME: join(home, ".local", "share"),
      XDG_STATE_HOME: join(home, ".local", "state"),
      TMPDIR: temp,
      PATH: process.env["PATH"] ?? "",
      LANG: "C.UTF-8",
    },
    async write(name, content, mode = 0o644) {
      const path = join(cwd, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content, { mode });
      return path;
    },
    async [Symbol.asyncDispose]() {
      await rm(root, { recursive: true, force: true });
    },
  };
}
