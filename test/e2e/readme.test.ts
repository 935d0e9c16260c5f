import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerCli, testEngine } from "../engine/current.ts";
import { canary, leaksIn } from "../support/canary.ts";
import { cliCommand } from "../support/cli.ts";
import { type Ran, run } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";

const README = join(import.meta.dirname, "..", "..", "README.md");

describe("the README's first session", () => {
  const secrets = { NPM_TOKEN: canary(), API_KEY: canary() };
  const outputs = new Map<string, Ran>();
  let lines: readonly string[];
  let world: World;

  beforeAll(async () => {
    world = await makeWorld();
    const text = await readFile(README, "utf8");
    lines = blockOf(text, "console").map((line) => line.replace(/^\$ /, ""));
    const app = join(world.root, "cats");
    await mkdir(app);
    await writeFile(join(app, "Dockerfile"), blockOf(text, "dockerfile").join("\n"));
    const env = {
      ...world.env,
      ...secrets,
      DOCKER_HOST: testEngine().host,
      PATH: `${await shimFolder(world)}:${process.env["PATH"]}`,
    };
    for (const line of lines) {
      outputs.set(line, await run("bash", ["-c", line], { env, cwd: app, timeout: 120_000 }));
    }
  });

  afterAll(async () => {
    await dockerCli(["rmi", "-f", "cats"]);
    await world[Symbol.asyncDispose]();
  });

  it("has a line for each step, and every line succeeds", () => {
    expect(lines.length).toBeGreaterThan(6);
    const failed = [...outputs].filter(([, { code }]) => code !== 0);
    expect(failed.map(([line, { code, stderr }]) => ({ line, code, stderr }))).toEqual([]);
  });

  it("gives the program its key", () => {
    const said = [...outputs].filter(([line]) => / (run|exec) /.test(line));
    expect(said.map(([, { stdout }]) => stdout.trim())).toEqual(["ready", "ready"]);
  });

  it("prints no secret", () => {
    const all = Buffer.concat([...outputs.values()].map(({ bytes }) => bytes));
    expect(leaksIn(all, Object.values(secrets))).toEqual([]);
  });
});

/** Lines of the first fenced block of that language. */
function blockOf(text: string, language: string): string[] {
  const block = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(text)?.[1];
  if (block === undefined) throw new Error(`README.md has no block of ${language}`);
  return block.trimEnd().split("\n");
}

/** A folder for PATH with a `sealmount` that runs this checkout. */
async function shimFolder({ root }: World): Promise<string> {
  const folder = join(root, "bin");
  await mkdir(folder);
  const shim = `#!/bin/sh\nexec ${cliCommand().join(" ")} "$@"\n`;
  await writeFile(join(folder, "sealmount"), shim, { mode: 0o755 });
  return folder;
}
