/**
 * Makes the images of many cases at a time: one Python process writes what is missing of their
 * contexts, one docker client builds them all. Each is a build of its own, with its own Dockerfile and
 * context; what is shared is the start of the client, which takes as long as such a build.
 */
import { randomInt, randomUUID } from "node:crypto";
import { lutimes, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dockerOut } from "../engine/current.ts";
import { run } from "../support/process.ts";
import { textOf } from "./make.ts";
import type { Recipe } from "./make.ts";
import type { Group, LeakCase } from "./model.ts";
import { fill } from "./values.ts";

/**
 * @param folder - holds the folders of all recipes: bake reads nothing outside of where it is started
 * @throws Error with docker's or Python's last words when one can't be made
 */
export async function makeImages(recipes: readonly Recipe[], folder: string): Promise<void> {
  await runPrograms(recipes);
  const [imported, built] = [true, false].map((wanted) =>
    recipes.filter(({ one }) => (one.imported === true) === wanted),
  );
  for (const { folder: own, tag } of imported ?? []) {
    await dockerOut(["import", "layer.tar", tag], { cwd: join(own, "context") });
  }
  if (built !== undefined && built.length > 0) await bake(built, folder);
}

async function runPrograms(recipes: readonly Recipe[]): Promise<void> {
  const programs = recipes.flatMap(({ one: { python }, folder }) =>
    python === undefined ? [] : [[folder, python]],
  );
  if (programs.length === 0) return;
  const ran = await run("python3", ["-B", join(import.meta.dirname, "tools.py")], {
    stdin: JSON.stringify(programs),
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"] },
  });
  if (ran.code !== 0) throw new Error(`python: ${ran.stderr}`);
}

async function bake(recipes: readonly Recipe[], folder: string): Promise<void> {
  await Promise.all(recipes.map(giveOwnTime));
  const targets = recipes.map((recipe, i) => [`image-${i}`, targetOf(recipe)] as const);
  const file = join(folder, `bake-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify({ target: Object.fromEntries(targets) }));
  const names = targets.map(([name]) => name);
  await dockerOut(["buildx", "bake", "--progress", "quiet", "--file", file, ...names], {
    cwd: folder,
  });
}

/**
 * Gives all files of a context a time that no other has. The builds of one bake share what the engine
 * has of their contexts, and it takes a file of the same name, size and time for the same: files that
 * are written within one tick of the clock (4 ms) were mistaken for those of another case.
 */
async function giveOwnTime({ folder }: Recipe): Promise<void> {
  const time = randomInt(1_000_000_000, 1_700_000_000);
  const context = join(folder, "context");
  const names = await readdir(context, { recursive: true });
  for (const name of names) await lutimes(join(context, name), time, time);
}

/** As `docker buildx bake` reads it. */
function targetOf({ one, folder, tag, values, word }: Recipe): object {
  const { labels = {}, output, target } = one.build ?? {};
  const filled = (of: Readonly<Record<string, string>>): object =>
    Object.fromEntries(
      Object.entries(of).map(([name, text]) => [name, literal(fill(text, values))]),
    );
  return {
    context: join(folder, "context"),
    dockerfile: join(folder, "Dockerfile"),
    secret: Object.keys(values).map(
      (name) => `id=${name}-${word},src=${join(folder, "secrets", name)}`,
    ),
    args: Object.fromEntries(
      Object.entries(one.buildArgs ?? {}).map(([name, value]) => [
        name,
        literal(textOf(value, values)),
      ]),
    ),
    labels: filled(labels),
    attest: provenanceOf(one),
    ...(target === undefined ? {} : { target }),
    ...(output === undefined
      ? { tags: [tag] }
      : { output: [`type=image,name=${tag},${literal(fill(output, values))}`] }),
  };
}

/** Without it an image is made in three quarters of the time: it stays where it may hold something. */
const WITH_PROVENANCE: readonly Group[] = ["config", "stage", "attestation", "clean"];

function provenanceOf({ group, build: { provenance } = {} }: LeakCase): readonly string[] {
  if (provenance !== undefined) return [`type=provenance,mode=${provenance}`];
  return WITH_PROVENANCE.includes(group) ? [] : ["type=provenance,disabled=true"];
}

/** Bake takes strings for templates. */
function literal(text: string): string {
  return text.replaceAll("${", "$${").replaceAll("%{", "%%{");
}
