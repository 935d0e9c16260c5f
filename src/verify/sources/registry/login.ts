/** What to write into `Authorization`, by what a registry asks for. */
import { loginHint } from "../../../docker/registry-auth.ts";
import type { LoginStore } from "../../../docker/registry-auth.ts";
import type { RegistryLogin } from "../../../docker/registry-config.ts";
import { DockerError } from "../../../errors.ts";
import { visible } from "../../../mask/visible.ts";
import { parseChallenge } from "../../../session/auth/challenge.ts";
import { basicAuthorization, fetchToken, TokenError } from "../../../session/auth/token.ts";
import type { HttpOptions } from "./http.ts";

/** Who asks for what. */
export interface LoginRequest extends HttpOptions {
  /** As references name it; Docker Hub is `docker.io`. */
  readonly host: string;
  /** Behind the host: `cats/api`. */
  readonly path: string;
  /** Without, only what anybody may have is asked for. */
  readonly auth?: LoginStore | undefined;
  /** Over a connection that anybody on the way can read: no login is sent. */
  readonly isPlain: boolean;
}

const CLIENT_ID = "sealmount";

/**
 * Answers a 401. The login is asked for now and wiped when this returns; the header is a string,
 * which lives as long as the reading.
 *
 * @param challenge - the header `WWW-Authenticate`
 * @throws {@link DockerError} REGISTRY_LOGIN, and whatever the login store throws
 */
export async function authorizationFor(challenge: string, o: LoginRequest): Promise<string> {
  const parsed = parseChallenge(challenge);
  const realm = parsed.scheme === "bearer" ? parsed.realm : null;
  if (parsed.scheme !== "basic" && realm === null) {
    throw refused(o, "asks for a login in a way that no password may be sent");
  }
  const login = await loginFor(o);
  try {
    if (login?.isRegistryToken === true) return bearer(textOf(login));
    return realm === null ? basic(login, o) : await fetched(realm, challenge, { login, o });
  } finally {
    login?.secret.wipe();
  }
}

async function loginFor({ isPlain, auth, host }: LoginRequest): Promise<RegistryLogin | null> {
  return isPlain || auth === undefined ? null : auth.credentials(host);
}

async function fetched(
  realm: URL,
  challenge: string,
  { login, o }: { readonly login: RegistryLogin | null; readonly o: LoginRequest },
): Promise<string> {
  const service = /[\s,]service="([^"]*)"/iu.exec(challenge)?.[1] ?? "";
  // not what the challenge says: a token for this image, and to read it, is all that is needed
  const scopes = [`repository:${o.path}:pull`];
  try {
    const wanted = { clientId: CLIENT_ID, realm, service, scopes };
    return bearer((await fetchToken(wanted, login, o)).token);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    const how = login === null ? "gives no token without a login" : "refuses the login";
    throw refused(o, `${how}: ${visible(error.message)}`);
  }
}

/** The refusal of a registry: no login, a wrong one, or one that may not see this image. */
export function refused({ host, isPlain }: LoginRequest, words: string): DockerError {
  const shown = visible(host);
  const plain = isPlain ? "; over plain http no login is sent" : "";
  return new DockerError("REGISTRY_LOGIN", `the registry ${shown} ${words}${plain}`, {
    hint: loginHint(shown),
  });
}

function basic(login: RegistryLogin | null, o: LoginRequest): string {
  if (login === null) throw refused(o, "wants a login");
  return basicAuthorization(login);
}

function bearer(token: string): string {
  return `Bearer ${token}`;
}

function textOf({ secret }: RegistryLogin): string {
  return secret.use((bytes) => bytes.toString("utf8"));
}
