/** A docker `config.json` as the value of a secret. */
import { decodeBase64 } from "../crypto/base64.ts";
import { unescapeString } from "../crypto/json.ts";
import type { RegistryLogin } from "../docker/registry-config.ts";
import { hostnameOf, loginKeyOf, serverAddressOf } from "../docker/registry-host.ts";
import { Secret } from "../secret/secret.ts";
import { readFields, type Field } from "./json-fields.ts";

/**
 * What such a file has for one host: a login, which the caller wipes; `none`; `helper` when only a
 * credential helper has it; `broken` when the file, or that login, can't be read.
 */
export type ConfigAnswer = RegistryLogin | "broken" | "helper" | "none";

type Fields = ReadonlyMap<string, Field>;

const SECTIONS = ["auths", "credHelpers", "credsStore"];
const AUTHS = Buffer.from('"auths"');
const COLON = 0x3a;

/**
 * Looks for a host's login, under the key of `auths` where docker keeps it.
 *
 * @param json - overwritten where the login stands in it
 */
export function loginInConfig(json: Buffer, host: string): ConfigAnswer {
  const config = readFields(json);
  // the older format, without `auths` around its hosts, is not read
  if (config === null || !SECTIONS.some((name) => config.has(name))) return "broken";
  const auths = sectionOf(config, "auths");
  const entry = auths.get(loginKeyOf([...auths.keys()], host) ?? host);
  const login = entry === undefined ? "none" : loginIn(entry, `login for ${host}`);
  return login === "none" && hasHelper(config, host) ? "helper" : login;
}

/**
 * Makes the logins in a value that is a docker `config.json` parts of it: a password leaks as much
 * without the file around it. Any other value stays as it is.
 */
export function adoptLogins(value: Secret): void {
  value.use((bytes) => {
    if (!bytes.includes(AUTHS)) return;
    const json = Buffer.alloc(bytes.length);
    bytes.copy(json);
    const config = readFields(json);
    const auths = config === null ? [] : sectionOf(config, "auths").values();
    for (const entry of auths) {
      const login = loginIn(entry, value.name);
      if (typeof login !== "string") value.adopt(partOf(login));
    }
    json.fill(0);
  });
}

/** A token has no user name: what stands for one is told by its kind. */
function partOf({ username, secret }: RegistryLogin): Secret {
  const part = secret.copy(secret.name, username === "" ? undefined : username);
  secret.wipe();
  return part;
}

/** An entry without a login is what docker leaves where a helper has it. */
function loginIn({ bytes }: Field, name: string): RegistryLogin | "broken" | "none" {
  const fields = readFields(bytes);
  if (fields === null) return "broken";
  const registry = textOf(fields, "registrytoken");
  if (registry) return { username: "", secret: Secret.take(name, registry), isRegistryToken: true };
  const identity = textOf(fields, "identitytoken");
  if (identity) return { username: "", secret: Secret.take(name, identity) };
  const pair = textOf(fields, "auth");
  if (pair) return loginOfPair(pair, name);
  const username = textOf(fields, "username")?.toString("utf8");
  const password = textOf(fields, "password");
  if (username === undefined || !password) return "none";
  return { username, secret: Secret.take(name, password) };
}

/** base64 of `name:password`; the password may hold colons, and docker pads it with NUL. */
function loginOfPair(text: Buffer, name: string): RegistryLogin | "broken" {
  const pair = decodeBase64(text);
  text.fill(0);
  if (pair === null) return "broken";
  try {
    const colon = pair.indexOf(COLON);
    if (colon < 1) return "broken";
    const end = pair.findLastIndex((byte) => byte !== 0) + 1;
    const username = pair.toString("utf8", 0, colon);
    return { username, secret: Secret.take(name, pair.subarray(colon + 1, end)) };
  } finally {
    pair.fill(0);
  }
}

/** A string that is not empty. */
function textOf(fields: Fields, name: string): Buffer | undefined {
  const field = fields.get(name);
  if (field?.isText !== true || field.bytes.length === 0) return undefined;
  return unescapeString(field.bytes) ?? undefined;
}

function sectionOf(config: Fields, name: string): Fields {
  const section = config.get(name);
  return (section && readFields(section.bytes)) ?? new Map<string, Field>();
}

function hasHelper(config: Fields, host: string): boolean {
  const key = serverAddressOf(host);
  const own = sectionOf(config, "credHelpers");
  return own.has(key) || own.has(hostnameOf(key)) || textOf(config, "credsStore") !== undefined;
}
