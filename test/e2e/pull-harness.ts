/** An app that pulls its image from a registry with a login. */
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { dockerCli, dockerOut, engineHost } from "../engine/current.ts";
import { sealmount, sealmountOut } from "../support/cli.ts";
import type { Ran, RunOptions } from "../support/process.ts";
import { makeWorld, type World } from "../support/temp.ts";

/** A world with a manifest, for `sealmount run`. */
export interface PullApp extends AsyncDisposable {
  readonly world: World;
  /** `sealmount run --rm ARGS…`. */
  run(args: readonly string[], o?: Partial<RunOptions>): Promise<Ran>;
  /** Seals a value by `sealmount set NAME FLAGS…`. */
  set(name: string, flags: readonly string[], value: string): Promise<void>;
  /** Seals a login into `[registries."HOST"]` by `sealmount set`. */
  addSlot(host: string, username: string, password: string): Promise<void>;
  manifest(): Promise<string>;
  /** Writes docker's own config. */
  docker(config: object): Promise<void>;
  /** Every file of docker's folder, with its content and times. */
  dockerFolder(): Promise<readonly string[]>;
}

/** Makes the app, with `FROM_PROD` in `[env.prod]`. */
export async function pullApp(): Promise<PullApp> {
  const world = await makeWorld();
  const at = { cwd: world.cwd, env: { ...world.env, DOCKER_HOST: engineHost() } };
  await sealmountOut(["init", "--app", "cats"], at);
  const file = join(world.cwd, "iterapp.toml");
  const manifest = async (): Promise<string> => readFile(file, "utf8");
  const app: PullApp = {
    world,
    manifest,
    run: async (args, o) =>
      sealmount(["run", "--rm", "--network", "none", ...args], { ...at, ...o }),
    async set(name, flags, value) {
      await sealmountOut(["set", name, ...flags, "--stdin"], { ...at, stdin: value });
    },
    async addSlot(host, username, password) {
      const flags = ["--type", "registry", "--username", username];
      await sealmountOut(["set", host, ...flags, "--stdin"], { ...at, stdin: password });
    },
    async docker(config) {
      await world.write("../home/.docker/config.json", JSON.stringify(config));
    },
    async dockerFolder() {
      const folder = join(world.home, ".docker");
      const names = await readdir(folder, { recursive: true }).catch(() => []);
      return Promise.all(
        names.map(async (name) => {
          const { mtimeMs, mode, ino } = await stat(join(folder, name));
          const content = await readFile(join(folder, name), "utf8").catch(() => "a folder");
          return JSON.stringify({ name, mtimeMs, mode, ino, content });
        }),
      );
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
  return app;
}

/** A docker `config.json` with a login. */
export function dockerConfig(host: string, username: string, password: string): object {
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  return { auths: { [host]: { auth } } };
}

/** Makes a small image, pushes it with a login, and removes it from the engine. */
export async function publish(reference: string, config: object, label: string): Promise<void> {
  await using world = await makeWorld();
  await world.write("Dockerfile", `FROM busybox:local\nRUN echo ${label} > /label\n`);
  const file = await world.write("config/config.json", JSON.stringify(config));
  await dockerOut(["build", "-q", "--network=none", "-t", reference, "."], { cwd: world.cwd });
  await dockerOut(["push", "-q", reference], { env: { DOCKER_CONFIG: dirname(file) } });
  await dockerCli(["rmi", "-f", reference]);
}

/** Whether the engine has an image. */
export async function isThere(reference: string): Promise<boolean> {
  return (await dockerCli(["image", "inspect", reference])).code === 0;
}
