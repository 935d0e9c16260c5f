/** What the canary test plays on: an app with canaries sealed into every kind of place. */
import { cp, lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { needlesOf } from "../../src/needles/variants.ts";
import { Secret } from "../../src/secret/secret.ts";
import { canary, formsOf } from "../support/canary.ts";
import { sealmountOut } from "../support/cli.ts";
import { makeWorld, type World } from "../support/temp.ts";
import { type LeakyImage, leakyImage } from "./leaky.ts";
import { type EchoRegistry, echoRegistry } from "./registry.ts";

/** One canary for each way of delivery, so that a hit tells where it came from. */
export const CANARIES = {
  common: canary("common"),
  variable: canary("variable"),
  file: canary("file"),
  build: canary("build"),
  /** Password of a registry, in a pull secret. */
  pull: canary("pull"),
  /** Password that docker's credential helper gives. */
  login: canary("login"),
  /** Never sealed: typed as an argument, put into a broken file, … */
  loose: canary("loose"),
} as const;

/** Where no registry listens. */
export const NO_REGISTRY = "127.0.0.1:1";

const BASE_DOCKERFILE = `FROM busybox:local
RUN --mount=type=secret,id=token,required=true wc -c < /run/secrets/token > /length
RUN echo app:x:1234:1234::/:/bin/sh >> /etc/passwd && echo app:x:1234: >> /etc/group && mkdir /folder
CMD ["sleep", "300"]
`;

/** PATH with docker's credential helpers `canary`, which has a login, and `garbage`, as cases see it. */
export const HELPER_PATH = `../home/bin:${process.env["PATH"] ?? ""}`;

/** An app whose manifest holds all canaries, with its key; cases work on copies of it. */
export interface Stage extends AsyncDisposable {
  readonly world: World;
  /** The manifest, for cases that break it. */
  readonly manifest: string;
  /** Text of the private key: one more thing that must not be seen. */
  readonly key: string;
  /** Needles of every canary and of the key. */
  readonly needles: readonly Buffer[];
  /** An image that has leaked the app's secrets. */
  readonly leaky: LeakyImage;
  /** Has that image, and a wish to talk about logins. */
  readonly registry: EchoRegistry;
}

/** Makes the app by sealmount's own commands; the values go in by stdin. */
export async function makeStage(): Promise<Stage> {
  const world = await makeWorld();
  const seal = async (args: readonly string[], stdin = ""): Promise<string> =>
    sealmountOut(args, { cwd: world.cwd, env: world.env, stdin });
  await seal(["init", "--app", "cats"]);
  await seal(["set", "COMMON", "--stdin"], CANARIES.common);
  await seal(["set", "VARIABLE", "--env", "prod", "--stdin"], CANARIES.variable);
  const file = ["--file", "/run/secrets/file", "--owner", "app", "--mode", "0440"];
  await seal(["set", "FILE", "--env", "prod", ...file, "--stdin"], CANARIES.file);
  await seal(["set", "token", "--build", "--stdin"], CANARIES.build);
  await seal(["set", "pull", "--build", "--stdin"], pullSecret());
  await world.write("Dockerfile", BASE_DOCKERFILE);
  const login = JSON.stringify({ ServerURL: "a", Username: "bot", Secret: CANARIES.login });
  for (const [name, words] of [
    ["canary", login],
    ["garbage", `${login.slice(0, -2)} ${CANARIES.login}`],
  ] as const) {
    const body = `#!/bin/sh\ncat <<'END' | tee /dev/stderr\n${words}\nEND\n`;
    await world.write(`../home/bin/docker-credential-${name}`, body, 0o755);
  }
  const leaky = await leakyImage([
    CANARIES.variable,
    CANARIES.common,
    CANARIES.file,
    CANARIES.build,
  ]);
  const registry = await echoRegistry(leaky.layout);
  const key = (await seal(["key", "export", "--app", "cats"])).trim();
  return {
    world,
    key,
    manifest: await readFile(join(world.cwd, "iterapp.toml"), "utf8"),
    leaky,
    registry,
    needles: [...Object.values(CANARIES), key].flatMap(needleBytes),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** A docker `config.json` with a login for a registry that nobody has. */
function pullSecret(): string {
  const auth = Buffer.from(`bot:${CANARIES.pull}`).toString("base64");
  return JSON.stringify({ auths: { [NO_REGISTRY]: { auth } } });
}

/** A copy of the app for one case. */
export async function copyStage(stage: Stage, files: Files = {}): Promise<World> {
  const world = await makeWorld();
  await cp(stage.world.cwd, world.cwd, { recursive: true });
  await cp(stage.world.home, world.home, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const path = join(world.cwd, name);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, content);
  }
  return world;
}

/** Files to write over the app's own. */
export type Files = Readonly<Record<string, string | Buffer>>;

/** The product's own forms of a value, and the ones that the tests made up on their own. */
function needleBytes(value: string): readonly Buffer[] {
  using secret = Secret.take("canary", Buffer.from(value));
  const own = needlesOf(secret).map((needle) => needle.bytes);
  return [...own, ...formsOf(value).map((form) => Buffer.from(form))];
}

/** Puts one sealed text in place of others, as somebody does who moves a ciphertext. */
export function sealedText(manifest: string, name: string): string {
  const match = new RegExp(`^"?${name}"? = \\{ encrypted = "([^"]+)"`, "m").exec(manifest);
  if (match?.[1] === undefined) throw new Error(`${name} is not in the manifest`);
  return match[1];
}

/** How many needles the bytes hold; a number, so that a failure prints none. */
export function needlesIn(stage: Stage, bytes: Buffer): number {
  return stage.needles.filter((needle) => bytes.includes(needle)).length;
}

/** What a file was like: by its path, when and what it was last. */
export type Snapshot = ReadonlyMap<string, string>;

/** All files of a world: its working folder, home, caches and temporary files. */
export async function snapshot({ root }: World): Promise<Snapshot> {
  const names = await readdir(root, { recursive: true });
  const found = names.map(async (name): Promise<[string, string][]> => {
    const stat = await lstat(join(root, name)).catch(() => null);
    return stat?.isFile() === true ? [[name, `${stat.ino} ${stat.size} ${stat.mtimeMs}`]] : [];
  });
  return new Map((await Promise.all(found)).flat());
}

/** How many needles the names and contents of those files hold that were written since. */
export async function needlesWritten(
  stage: Stage,
  world: World,
  before: Snapshot,
): Promise<number> {
  const after = await snapshot(world);
  const written = [...after].filter(([name, state]) => before.get(name) !== state);
  const parts = written.map(async ([name]) => [
    Buffer.from(`${name}\n`),
    await readFile(join(world.root, name)).catch(() => Buffer.alloc(0)), // gone meanwhile
  ]);
  return needlesIn(stage, Buffer.concat((await Promise.all(parts)).flat()));
}
