import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeWorld } from "../support/temp.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** What the examples take for granted, by document. */
const GIVEN: Readonly<Record<string, string>> = {
  "README.md": "",
  "docs/library.md":
    'declare const ports: { "3000/tcp": [{ HostPort: string }] }; declare function readToken(): Promise<string>;',
  "docs/pulls.md":
    'import { type Engine, type LoginStore, pullView, run, type RunOptions } from "sealmount";' +
    "declare const image: string; declare const engine: Engine; declare const auth: LoginStore;" +
    'declare const others: Omit<RunOptions, "image" | "engine" | "auth" | "onPull">;',
  "docs/verify-reports.md": "",
};

it("the TypeScript of README and docs has the library's types", { timeout: 120_000 }, async () => {
  await using world = await makeWorld();
  for (const [name, given] of Object.entries(GIVEN)) {
    const text = await readFile(join(ROOT, name), "utf8");
    const fences = Array.from(text.matchAll(/^```ts\n([\s\S]*?)^```/gm), ([, code = ""]) => code);
    expect([name, fences.length > 0]).toEqual([name, true]);
    for (const [i, code] of fences.entries()) {
      const file = `${name.replaceAll(/\W/gu, "-")}-${i}.mts`;
      await writeFile(join(world.cwd, file), `${given}\n${code}\nexport {};\n`);
    }
  }
  const modules = join(ROOT, "node_modules");
  const compilerOptions = {
    noUnusedLocals: false,
    noPropertyAccessFromIndexSignature: false,
    skipLibCheck: true,
    typeRoots: [join(modules, "@types")],
    paths: {
      sealmount: [join(ROOT, "src", "index.ts")],
      "*": [join(modules, "@types", "*"), join(modules, "*")],
    },
  };
  // what packages without types look like
  const include = ["*.mts", join(ROOT, "src", "**", "*.d.ts")];
  const config = { extends: join(ROOT, "tsconfig.json"), compilerOptions, include };
  await writeFile(join(world.cwd, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(join(world.cwd, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(modules, "typescript", "bin", "tsc");
  const ran = spawnSync(process.execPath, [tsc, "-p", world.cwd], { encoding: "utf8" });
  expect(ran.stdout).toBe("");
  expect(ran.status).toBe(0);
});
