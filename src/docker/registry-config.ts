/**
 * The logins that `docker login` left: docker's config.json and its credential helpers. Only read;
 * nothing of ours is ever written there.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { DockerError, errnoOf } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { configFolder } from "./client-config.ts";
import { askHelper } from "./credential-helper.ts";
import { isRegistryHost } from "./reference.ts";
import { hostnameOf, loginKeyOf, registryOf, serverAddressOf } from "./registry-host.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** A login for a registry; fits the session's auth service. */
export interface RegistryLogin {
  /** Empty: the secret is an identity token. */
  readonly username: string;
  /** The caller wipes it. */
  readonly secret: Secret;
  /** The secret is itself the token to send to the registry. */
  readonly isRegistryToken?: boolean | undefined;
}

/** Where to look. */
export interface RegistryConfigOptions {
  /** Credential helpers get all of it: without key variables, please. */
  readonly env: Env;
  readonly home: string;
  readonly signal?: AbortSignal | undefined;
}

/** The parts of config.json that hold logins; whatever has another shape is as if absent. */
interface DockerConfig {
  readonly auths: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string;
}

/**
 * The login for a registry, where docker would find it: `credHelpers` of the host, else `credsStore`,
 * else `auths`; before them `DOCKER_AUTH_CONFIG`, which holds a config of its own.
 *
 * @param host - with its port, if any; Docker Hub is `docker.io`
 * @returns null when docker has none
 * @throws {@link DockerError} REGISTRY_LOGIN when the config or a helper can't be used
 * @throws InterruptedError when the signal fired
 */
export async function registryLogin(
  host: string,
  o: RegistryConfigOptions,
): Promise<RegistryLogin | null> {
  const key = serverAddressOf(host);
  const given = givenConfig(o);
  const first = given === null ? null : ofFile(given, host);
  if (first !== null) return first;
  const config = await readConfig(o);
  if (config === null) return null;
  const helper = helperOf(config, key);
  if (helper === "") return ofFile(config, host);
  const found = await askHelper(helper, key, o);
  // as docker: a login from before the store was set up still counts
  return found ?? ofFile(config, host);
}

/** Where docker would look for a login, as far as its config tells. */
export interface LoginOrigin {
  /**
   * `DOCKER_AUTH_CONFIG`, `docker-credential-NAME` (which may turn out to have none) or `config.json`;
   * null where no login can be.
   */
  readonly from: string | null;
  /** Registries that the config knows, by their hosts. */
  readonly known: readonly string[];
  /** False where there is no config at all. */
  readonly hasConfig: boolean;
}

/**
 * Where {@link registryLogin} would find a login. No helper is asked.
 *
 * @throws {@link DockerError} REGISTRY_LOGIN when the config can't be read
 */
export async function loginOrigin(
  host: string,
  o: Pick<RegistryConfigOptions, "env" | "home">,
): Promise<LoginOrigin> {
  const given = givenConfig(o);
  const config = await readConfig(o);
  const configs = [given, config].filter((one) => one !== null);
  const known = new Set(configs.flatMap(knownHosts));
  const helper = config === null ? "" : helperOf(config, serverAddressOf(host));
  const file = helper === "" ? "config.json" : `docker-credential-${helper}`;
  const inFile = config !== null && (helper !== "" || hasLogin(config, host));
  return {
    from: hasLogin(given, host) ? "DOCKER_AUTH_CONFIG" : inFile ? file : null,
    known: [...known],
    hasConfig: configs.length > 0,
  };
}

function hasLogin(config: DockerConfig | null, host: string): boolean {
  const login = config === null ? null : ofFile(config, host);
  login?.secret.wipe();
  return login !== null;
}

/** What stands in place of a host and is none may be anything: it is left out. */
function knownHosts({ auths, credHelpers }: DockerConfig): string[] {
  const names = [...auths.keys(), ...credHelpers.keys()].map(registryOf);
  return names.filter(isRegistryHost);
}

function givenConfig({ env }: Pick<RegistryConfigOptions, "env">): DockerConfig | null {
  const text = env["DOCKER_AUTH_CONFIG"];
  return text === undefined || text === "" ? null : parseConfig(text, "DOCKER_AUTH_CONFIG");
}

/** @returns null when there is no such file */
async function readConfig({
  env,
  home,
}: Pick<RegistryConfigOptions, "env" | "home">): Promise<DockerConfig | null> {
  const path = join(configFolder({ env, home }), "config.json");
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw unusable(`docker's config.json can't be read (${code})`);
  });
  if (text === null) return null;
  return parseConfig(text.trim() === "" ? "{}" : text, "docker's config.json");
}

/** The text is never quoted: it holds passwords. */
function parseConfig(text: string, shown: string): DockerConfig {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw unusable(`${shown} is no JSON`);
  }
  const config = membersOf(parsed);
  const texts = [...membersOf(config.get("credHelpers"))].filter(
    (pair): pair is [string, string] => typeof pair[1] === "string",
  );
  return {
    auths: new Map(
      [...membersOf(config.get("auths"))].map(([key, value]) => [
        key,
        Object.fromEntries(membersOf(value)),
      ]),
    ),
    credHelpers: new Map(texts),
    credsStore: textOf(config.get("credsStore")),
  };
}

function helperOf(config: DockerConfig, key: string): string {
  const own = [key, hostnameOf(key)].map((name) => config.credHelpers.get(name));
  return own.find((name) => name !== undefined) ?? config.credsStore;
}

/** A login that stands in the file itself, in plain: docker's default without a helper. */
function ofFile(config: DockerConfig, host: string): RegistryLogin | null {
  const entry = config.auths.get(loginKeyOf([...config.auths.keys()], host) ?? host);
  if (entry === undefined) return null;
  const name = `login for ${host}`;
  const token = textOf(entry["registrytoken"]);
  if (token !== "") {
    return { username: "", secret: Secret.take(name, Buffer.from(token)), isRegistryToken: true };
  }
  const identity = textOf(entry["identitytoken"]);
  if (identity !== "") return { username: "", secret: Secret.take(name, Buffer.from(identity)) };
  return ofPair(entry, name);
}

/** `auth` is base64 of `name:password`; old files have the two as they are. */
function ofPair(entry: Readonly<Record<string, unknown>>, name: string): RegistryLogin | null {
  const pair = Buffer.from(textOf(entry["auth"]), "base64");
  try {
    const colon = pair.indexOf(0x3a);
    if (colon > 0) {
      // docker pads the password with NUL
      const end = pair.findLastIndex((byte) => byte !== 0) + 1;
      const username = pair.subarray(0, colon).toString("utf8");
      return { username, secret: Secret.take(name, pair.subarray(colon + 1, end)) };
    }
  } finally {
    pair.fill(0);
  }
  const username = textOf(entry["username"]);
  const password = textOf(entry["password"]);
  if (username === "" || password === "") return null;
  return { username, secret: Secret.take(name, Buffer.from(password)) };
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function unusable(message: string): DockerError {
  return new DockerError("REGISTRY_LOGIN", message, {
    hint: "mend it with docker login, or name another folder with DOCKER_CONFIG",
  });
}
