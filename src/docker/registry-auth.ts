/** Logins on the way to the engine: where they come from, the header that carries them, refusals. */
import type { RegistryLogin } from "./registry-config.ts";
import { serverAddressOf } from "./registry-host.ts";

/** Where logins come from: asked when one is needed, not before. */
export interface LoginStore {
  /**
   * @param host - of the registry, with its port if any; Docker Hub is `docker.io`
   * @returns a login whose Secret the asker wipes, or null for anonymous
   */
  credentials(host: string): Promise<RegistryLogin | null>;
}

/**
 * The value of `X-Registry-Auth`: a string with the login in it, for one request. The secret stays the
 * caller's.
 *
 * base64url with its padding: without, the engine goes on as if there was no login (measured).
 *
 * @param login - null writes a header without a login, as docker's own client does
 */
export function registryAuth(host: string, login: RegistryLogin | null): string {
  if (login === null) return padded("{}");
  const serveraddress = serverAddressOf(host);
  return login.secret.use((bytes) => {
    const secret = bytes.toString("utf8");
    if (login.isRegistryToken === true) return padded(JSON.stringify({ registrytoken: secret }));
    const { username } = login;
    return padded(
      JSON.stringify(
        username === ""
          ? { identitytoken: secret, serveraddress }
          : { username, password: secret, serveraddress },
      ),
    );
  });
}

/** How registries, and engines for them, say that a login is missing, wrong, or not enough. */
const REFUSED =
  /\b40[13]\b|unauthorized|forbidden|authentication required|no basic auth|authorization failed|denied|insufficient_scope/i;

/** True when a registry's or engine's words are about a login. */
export function isLoginRefusal(words: string): boolean {
  return REFUSED.test(words);
}

/** How to bring a login; `host` is harmless text. */
export function loginHint(host: string): string {
  return `put the login into [registries."${host}"], or use: docker login ${host}`;
}

function padded(text: string): string {
  return Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}
