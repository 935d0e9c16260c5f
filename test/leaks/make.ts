/** Writes what the image of a case is made of: its values, and the files of its context. */
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KEY, shortName } from "./model.ts";
import type { LeakCase, Template } from "./model.ts";
import { fill, newValue } from "./values.ts";
import type { Values } from "./values.ts";

/** A case with new values, ready to be built. */
export interface Recipe {
  readonly one: LeakCase;
  /** Holds `Dockerfile`, and the folders `context` and `secrets`. */
  readonly folder: string;
  /** The name that the image gets. */
  readonly tag: string;
  /** What to look for: value by full name. */
  readonly secrets: ReadonlyMap<string, string>;
  /** All values by short name. */
  readonly values: Values;
  /** `{{BUILD}}`: a word that no other build has. */
  readonly word: string;
}

/** Where to write, and the image's name. */
export interface RecipeOptions {
  /** Is made. */
  readonly folder: string;
  readonly tag: string;
}

/** Writes everything but what a Python program makes: `runPrograms` does that. */
export async function writeRecipe(one: LeakCase, { folder, tag }: RecipeOptions): Promise<Recipe> {
  const secrets = secretsOf(one);
  const values = shortNames(secrets, strangersOf(one));
  const word = randomUUID();
  const context = join(folder, "context");
  await mkdir(context, { recursive: true });
  for (const [name, value] of Object.entries(values)) {
    await writeIn(join(folder, "secrets"), name, value);
  }
  for (const [path, file] of Object.entries(one.context ?? {})) {
    await writeIn(context, path, textOf(file, values));
  }
  const lines = (one.dockerfile ?? []).map((line) => fill(line, { ...values, BUILD: word }));
  await writeIn(folder, "Dockerfile", `${lines.join("\n")}\n`);
  return { one, folder, tag, secrets, values, word };
}

/** A template, or a function, with the values of a case. */
export function textOf(from: Template | ((values: Values) => string), values: Values): string {
  return typeof from === "string" ? fill(from, values) : from(values);
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

async function writeIn(folder: string, path: string, content: string): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}
