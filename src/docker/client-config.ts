/** The folder and the files of docker's own client. Only read. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where that folder is looked for: `DOCKER_CONFIG`, else `.docker` of the home folder. */
export interface ClientPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/** `detachKeys` of config.json, for those who did not type `--detach-keys`. */
export async function configuredDetachKeys(place: ClientPlace): Promise<string | undefined> {
  const keys = field(await readJson(join(configFolder(place), "config.json")), "detachKeys");
  return typeof keys === "string" ? nonEmpty(keys) : undefined;
}

export function configFolder({ env, home }: ClientPlace): string {
  return nonEmpty(env["DOCKER_CONFIG"]) ?? join(home, ".docker");
}

/** An absent or broken file reads as empty: docker's own CLI reports it better than we could. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}

export function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

export function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
