import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

/** Folder of src/ → level. Import only from a lower level, or from the folder itself. */
const LEVELS: Readonly<Record<string, number>> = {
  "errors.ts": 0,
  secret: 0,
  wasm: 0,
  manifest: 1,
  crypto: 1,
  needles: 1,
  keys: 2,
  docker: 2,
  session: 2,
  project: 2,
  vault: 3,
  mask: 3,
  build: 4,
  run: 4,
  exec: 4,
  verify: 4,
  doctor: 4,
  "index.ts": 5,
  cli: 6,
};

const ROOT = resolve(import.meta.dirname, "..");
const SRC = join(ROOT, "src");
const MAX_FILE_LINES = 300;

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = globSync("**/*.ts", { cwd: SRC });

describe("architecture", () => {
  it("knows every folder of src/", () => {
    const unknown = new Set(files.map(unitOf).filter((unit) => LEVELS[unit] === undefined));
    expect([...unknown]).toEqual([]);
  });

  it("imports go down only: text → manifest → vault → sinks → command line", () => {
    const wrong = files.flatMap(importsOf).filter(({ from, to }) => {
      const [a, b] = [unitOf(from), unitOf(to)];
      return a !== b && (LEVELS[a] ?? -1) <= (LEVELS[b] ?? 99) && !sameFloor(a, b);
    });
    expect(wrong).toEqual([]);
  });

  it("the command line imports src/index.ts and itself, nothing else of ours", () => {
    const wrong = files
      .filter((file) => unitOf(file) === "cli")
      .flatMap(importsOf)
      .filter(({ to }) => to !== "index.ts" && unitOf(to) !== "cli");
    expect(wrong).toEqual([]);
  });

  it("docker/ and session/ know no manifest, key or crypto", () => {
    const wrong = files
      .filter((file) => ["docker", "session"].includes(unitOf(file)))
      .flatMap(importsOf)
      .filter(({ to }) => ["manifest", "crypto", "keys", "project"].includes(unitOf(to)));
    expect(wrong).toEqual([]);
  });

  it("levels 0 and 1 touch no file and no network", () => {
    const wrong = files
      .filter((file) => (LEVELS[unitOf(file)] ?? 99) <= 1)
      .filter((file) => /from "(node:(fs|net|http|child)|dockerode|commander)/.test(read(file)));
    expect(wrong).toEqual([]);
  });

  it("heavy packages are imported lazily, each in one file", () => {
    const homes = Object.fromEntries(
      ["dockerode", "libsodium-wrappers"].map((name) => [
        name,
        files.filter((file) => importsPackage(read(file), name)),
      ]),
    );
    expect(homes).toEqual({
      dockerode: ["docker/modem-wire.ts"],
      "libsodium-wrappers": ["crypto/sodium.ts"],
    });
    expect(files.filter((file) => staticHeavyImport(read(file)))).toEqual([]);
  });

  it("no file is longer than the budget", () => {
    const long = files
      .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
      .filter(({ lines }) => lines > MAX_FILE_LINES);
    expect(long).toEqual([]);
  });
});

/** First part of a path below src/: the folder, or the file when it lies at the top. */
function unitOf(file: string): string {
  return file.split("/")[0] ?? file;
}

/** errors.ts and secret/ are both level 0 and may meet. */
function sameFloor(a: string, b: string): boolean {
  return LEVELS[a] === 0 && LEVELS[b] === 0;
}

function read(file: string): string {
  return readFileSync(join(SRC, file), "utf8");
}

function importsOf(file: string): Import[] {
  const specifiers = read(file).matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g);
  return [...specifiers].map(([, specifier = ""]) => ({
    from: file,
    to: relative(SRC, resolve(SRC, dirname(file), specifier)),
  }));
}

function importsPackage(text: string, name: string): boolean {
  return text.includes(`import("${name}")`) || text.includes(`from "${name}"`);
}

function staticHeavyImport(text: string): boolean {
  return /^import (?!type)[^;]*from "(dockerode|libsodium-wrappers|tar-stream)"/m.test(text);
}
