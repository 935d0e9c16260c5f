/** Makes the image of a case: values, context, and a build by docker's own client. */
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { dockerOut } from "../engine/current.ts";
import { run } from "../support/process.ts";
import { KEY, shortName } from "./model.ts";
import type { LeakCase, Template } from "./model.ts";
import { fill, newValue } from "./values.ts";
import type { Values } from "./values.ts";

/** An image that was made, and what to look for in it. */
export interface MadeImage {
  readonly tag: string;
  /** Value by full name. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** Where an image is made. */
export interface MakeOptions {
  /** An empty folder, for the context and the values. */
  readonly folder: string;
  readonly tag: string;
}

/** @throws Error with docker's or Python's last words when it can't be made */
export async function makeImage(one: LeakCase, { folder, tag }: MakeOptions): Promise<MadeImage> {
  const secrets = secretsOf(one);
  const values = shortNames(secrets, strangersOf(one));
  const context = join(folder, "context");
  await mkdir(context, { recursive: true });
  for (const [name, value] of Object.entries(values)) {
    await writeIn(join(folder, "secrets"), name, value);
  }
  for (const [path, file] of Object.entries(one.context ?? {})) {
    await writeIn(context, path, textOf(file, values));
  }
  if (one.python !== undefined) await runPython(one.python, folder);
  if (one.imported === true) await dockerOut(["import", "layer.tar", tag], { cwd: context });
  else await buildImage({ one, values, folder, tag });
  return { tag, secrets };
}

function secretsOf({ secrets = { [KEY]: "password" } }: LeakCase): Map<string, string> {
  const byName = new Map<string, string>();
  for (const [name, kind] of Object.entries(secrets)) {
    const value = typeof kind === "function" ? kind(shortNames(byName)) : newValue(kind);
    byName.set(name, value);
  }
  return byName;
}

function strangersOf({ strangers = {} }: LeakCase): Map<string, string> {
  return new Map(Object.entries(strangers).map(([name, kind]) => [name, newValue(kind)]));
}

function shortNames(...maps: readonly ReadonlyMap<string, string>[]): Values {
  const entries = maps.flatMap((map) => [...map]);
  return Object.fromEntries(entries.map(([name, value]) => [shortName(name), value]));
}

function textOf(from: Template | ((values: Values) => string), values: Values): string {
  return typeof from === "string" ? fill(from, values) : from(values);
}

async function writeIn(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

async function runPython(program: string, folder: string): Promise<void> {
  const ran = await run("python3", ["-B", "-"], {
    stdin: `from tools import *\n${program}`,
    cwd: join(folder, "context"),
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      PYTHONPATH: import.meta.dirname,
      SECRETS: join(folder, "secrets"),
    },
  });
  if (ran.code !== 0) throw new Error(`python: ${ran.stderr}`);
}

interface BuildCall extends MakeOptions {
  readonly one: LeakCase;
  readonly values: Values;
}

async function buildImage({ one, values, folder, tag }: BuildCall): Promise<void> {
  const word = randomUUID();
  const lines = (one.dockerfile ?? []).map((line) => fill(line, { ...values, BUILD: word }));
  await writeFile(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
  const flags = (one.flags ?? []).map((flag) => fill(flag, values).replaceAll("TAG", tag));
  const named = flags.includes("--output") ? [] : ["--tag", tag];
  await dockerOut(
    [
      "build",
      "--quiet",
      "--file",
      join(folder, "Dockerfile"),
      ...named,
      ...Object.keys(values).flatMap((name) => [
        "--secret",
        `id=${name}-${word},src=${join(folder, "secrets", name)}`,
      ]),
      ...Object.entries(one.buildArgs ?? {}).flatMap(([name, value]) => [
        "--build-arg",
        `${name}=${textOf(value, values)}`,
      ]),
      ...flags,
      ".",
    ],
    { cwd: join(folder, "context") },
  );
}
