/**
 * The logins that `docker login` left: docker's config.json and its credential helpers. Only read;
 * nothing of ours is ever written there.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { DockerError, errnoOf } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { askHelper } from "./credential-helper.ts";
import { hostnameOf, loginKeyOf, serverAddressOf } from "./registry-host.ts";

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
  const given = o.env["DOCKER_AUTH_CONFIG"];
  if (given !== undefined && given !== "") {
    const found = ofFile(parseConfig(given, "DOCKER_AUTH_CONFIG"), host);
    if (found !== null) return found;
  }
  const config = await readConfig(o);
  const helper = helperOf(config, key);
  if (helper === "") return ofFile(config, host);
  const found = await askHelper(helper, key, o);
  // as docker: a login from before the store was set up still counts
  return found ?? ofFile(config, host);
}

async function readConfig(o: RegistryConfigOptions): Promise<DockerConfig> {
  const folder = o.env["DOCKER_CONFIG"];
  const path = join(
    folder === undefined || folder === "" ? join(o.home, ".docker") : folder,
    "config.json",
  );
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return "{}";
    throw unusable(`docker's config.json can't be read (${code})`);
  });
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
